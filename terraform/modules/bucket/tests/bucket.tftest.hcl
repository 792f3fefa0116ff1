mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name        = "faultline-test-store"
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/test"
}

run "a_bucket_is_private_and_kept" {
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "public access is not blocked"
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "it has no versions"
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "it would be deleted with what is in it"
  }
}

run "it_is_encrypted_by_the_key_and_reached_by_tls_only" {
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn
    error_message = "another key"
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = aws_s3_bucket_policy.this.policy
  }
}

run "no_object_expires_by_age" {
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : alltrue([for expiration in rule.expiration : try(expiration.days, 0) == null || try(expiration.days, 0) == 0])])
    error_message = jsonencode(aws_s3_bucket_lifecycle_configuration.this.rule)
  }
}

run "logs_do" {
  variables {
    kms_key_arn       = null
    receives_logs_of  = "111122223333"
    expire_after_days = 365
  }

  assert {
    condition     = contains(flatten([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.expiration[*].days]), 365)
    error_message = jsonencode(aws_s3_bucket_lifecycle_configuration.this.rule)
  }
}

run "an_age_for_anything_but_logs_is_refused" {
  command = plan

  variables {
    expire_after_days = 365
  }

  expect_failures = [var.expire_after_days]
}

run "a_bucket_that_logs_into_itself_is_refused" {
  command = plan

  variables {
    log_bucket = "faultline-test-store"
  }

  expect_failures = [var.log_bucket]
}
