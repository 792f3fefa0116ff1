mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name                     = "faultline-test"
  bucket                   = "faultline-test-mlflow"
  log_bucket               = "faultline-test-access-logs"
  cluster_name             = "faultline-test"
  cluster_arn              = "arn:aws:eks:eu-central-1:111122223333:cluster/faultline-test"
  vpc_id                   = "vpc-00000000000000000"
  subnet_ids               = ["subnet-a", "subnet-b"]
  client_security_group_id = "sg-00000000000000000"
  kms_key_arn              = "arn:aws:kms:eu-central-1:111122223333:key/test"
  instance_class           = "db.t4g.small"
  multi_az                 = false
  backup_days              = 7
  deletion_protection      = true
  last_snapshot            = true
}

run "it_has_a_bucket_and_a_database" {
  assert {
    condition     = output.bucket == "faultline-test-mlflow" && output.database_host == "mlflow.rds.invalid"
    error_message = "${output.bucket}, ${output.database_host}"
  }
}

run "a_name_that_is_too_long_for_the_database_is_refused" {
  command = plan

  variables {
    name = "faultline-with-a-long-name"
  }

  expect_failures = [var.name]
}
