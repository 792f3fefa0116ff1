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
  jenkins_agent   = { repository = "registry.invalid/jenkins-agent", tag = "1" }
}

run "the_overlay_is_told_where_everything_is" {
  assert {
    condition     = strcontains(output.pipeline_defaults, "raw-uri=s3://faultline-dev-111122223333-store/raw\n")
    error_message = output.pipeline_defaults
  }
}

run "images_are_built_here" {
  assert {
    condition     = output.registry != null
    error_message = "no registry"
  }
}
