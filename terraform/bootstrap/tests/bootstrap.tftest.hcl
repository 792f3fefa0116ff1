mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  account = "111122223333"
  region  = "eu-central-1"
}

run "the_state_has_a_bucket_of_its_own" {
  assert {
    condition     = output.state_bucket == "faultline-111122223333-terraform-state"
    error_message = output.state_bucket
  }

  assert {
    condition     = aws_ebs_encryption_by_default.this.enabled && aws_s3_account_public_access_block.this.restrict_public_buckets
    error_message = "the account is more open than it should be"
  }
}
