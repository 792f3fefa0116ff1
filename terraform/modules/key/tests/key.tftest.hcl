mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name        = "faultline-test/logs"
  description = "Logs"
}

run "a_key_is_turned_and_for_the_account_alone" {
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Sid] == ["Account"]
    error_message = aws_kms_key.this.policy
  }
}

run "logs_use_it_by_the_name_of_a_log_group" {
  variables {
    log_region = "eu-central-1"
  }

  assert {
    condition     = jsondecode(aws_kms_key.this.policy).Statement[1].Condition.ArnLike["kms:EncryptionContext:aws:logs:arn"] == "arn:aws:logs:eu-central-1:111122223333:log-group:*"
    error_message = aws_kms_key.this.policy
  }
}

run "names_of_aws_are_refused" {
  command = plan

  variables {
    name = "aws/s3"
  }

  expect_failures = [var.name]
}
