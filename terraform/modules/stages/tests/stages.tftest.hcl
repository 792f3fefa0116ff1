mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name         = "faultline-test"
  cluster_name = "faultline-test"
  cluster_arn  = "arn:aws:eks:eu-central-1:111122223333:cluster/faultline-test"
  namespace    = "faultline-development"
  bucket       = "faultline-test-store"
  kms_key_arn  = "arn:aws:kms:eu-central-1:111122223333:key/test"
}

run "every_stage_has_a_role_of_its_own" {
  assert {
    condition     = output.names == toset(["cluster", "load", "predict", "preprocess", "promote", "report", "train", "transform", "validate"])
    error_message = jsonencode(output.names)
  }

  assert {
    condition     = toset(keys(output.role_arns)) == output.names
    error_message = jsonencode(output.role_arns)
  }
}

run "a_wildcard_in_the_bucket_is_refused" {
  command = plan

  variables {
    bucket = "faultline-*"
  }

  expect_failures = [var.bucket]
}

run "a_wildcard_in_the_model_is_refused" {
  command = plan

  variables {
    model = "*"
  }

  expect_failures = [var.model]
}
