mock_provider "aws" {
  source = "../../mocks/aws"
}

mock_provider "mongodbatlas" {
  source = "../../mocks/mongodbatlas"
}

mock_provider "helm" {}

variables {
  account         = "111122223333"
  region          = "eu-central-1"
  cd_repository   = "https://git.invalid/faultline.git"
  administrators  = { terraform = "arn:aws:iam::111122223333:role/terraform" }
  records_backend = "operator"
}

run "the_overlay_is_told_where_everything_is" {
  assert {
    condition     = strcontains(output.pipeline_defaults, "raw-uri=s3://faultline-prod-111122223333-store/raw\n")
    error_message = output.pipeline_defaults
  }
}

run "nothing_goes_by_mistake" {
  command = plan

  assert {
    condition     = var.deletion_protection
    error_message = "it can be deleted"
  }
}

run "images_are_built_elsewhere" {
  assert {
    condition     = output.registry == null
    error_message = "a registry too many"
  }
}
