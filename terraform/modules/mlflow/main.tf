locals {
  namespace       = "mlflow"
  service_account = "mlflow"
}

module "artifacts" {
  source = "../bucket"

  name          = var.bucket
  kms_key_arn   = var.kms_key_arn
  log_bucket    = var.log_bucket
  force_destroy = !var.deletion_protection
}

module "database" {
  source = "../postgres"

  name                     = "${var.name}-mlflow"
  vpc_id                   = var.vpc_id
  subnet_ids               = var.subnet_ids
  client_security_group_id = var.client_security_group_id
  kms_key_arn              = var.kms_key_arn
  instance_class           = var.instance_class
  multi_az                 = var.multi_az
  database                 = "mlflow"
  username                 = "mlflow"
  backup_days              = var.backup_days
  deletion_protection      = var.deletion_protection
  last_snapshot            = var.last_snapshot
}

module "identity" {
  source = "../identity"

  name            = "${var.name}-mlflow"
  cluster_name    = var.cluster_name
  cluster_arn     = var.cluster_arn
  namespace       = local.namespace
  service_account = local.service_account
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Artifacts"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
        Resource = "${module.artifacts.arn}/*"
      },
      {
        Sid      = "List"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = module.artifacts.arn
      },
      {
        Sid      = "UseKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = var.kms_key_arn
      },
    ]
  })
}
