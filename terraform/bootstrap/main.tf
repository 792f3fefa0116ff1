# What must be there before an environment can be made: where its state is kept. It keeps its own state in a file, which is moved into the
# bucket afterwards (docs/deploy.md).
locals {
  name = "faultline-${var.account}-terraform"
}

module "key" {
  source = "../modules/key"

  name        = "faultline/terraform"
  description = "Terraform's state"
}

module "access_logs" {
  source = "../modules/bucket"

  name              = "${local.name}-access-logs"
  receives_logs_of  = var.account
  expire_after_days = 365
}

# The lock is an object beside the state, so that no table is needed.
module "state" {
  source = "../modules/bucket"

  name            = "${local.name}-state"
  kms_key_arn     = module.key.arn
  log_bucket      = module.access_logs.name
  noncurrent_days = 365
}

# Whatever is made later in this account: no bucket is public, and no disk is without encryption.
resource "aws_s3_account_public_access_block" "this" {
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_ebs_encryption_by_default" "this" {
  enabled = true
}
