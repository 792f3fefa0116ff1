# What a test is told instead of what AWS would answer: values of the right form, where the validation of a variable asks for one.
mock_data "aws_caller_identity" {
  defaults = {
    account_id = "111122223333"
  }
}

mock_resource "aws_kms_key" {
  defaults = {
    arn    = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    key_id = "00000000-0000-0000-0000-000000000000"
  }
}

mock_resource "aws_vpc" {
  defaults = {
    id = "vpc-00000000000000000"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn = "arn:aws:iam::111122223333:role/mocked"
  }
}

mock_resource "aws_s3_bucket" {
  defaults = {
    arn = "arn:aws:s3:::mocked"
  }
}

mock_resource "aws_ecr_repository" {
  defaults = {
    arn            = "arn:aws:ecr:eu-central-1:111122223333:repository/mocked"
    repository_url = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/mocked"
  }
}

mock_resource "aws_eks_cluster" {
  defaults = {
    arn                   = "arn:aws:eks:eu-central-1:111122223333:cluster/mocked"
    endpoint              = "https://mocked.eks.invalid"
    certificate_authority = [{ data = "bW9ja2Vk" }]
    vpc_config            = { cluster_security_group_id = "sg-00000000000000000" }
  }
}

mock_resource "aws_docdb_cluster" {
  defaults = {
    endpoint           = "records.docdb.invalid"
    master_user_secret = [{ kms_key_id = "", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mocked", secret_status = "active" }]
  }
}

mock_resource "aws_db_instance" {
  defaults = {
    address            = "mlflow.rds.invalid"
    master_user_secret = [{ kms_key_id = "", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mocked", secret_status = "active" }]
  }
}

mock_resource "aws_vpc_endpoint" {
  defaults = {
    id = "vpce-00000000000000000"
  }
}
