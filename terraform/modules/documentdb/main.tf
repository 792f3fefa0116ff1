locals {
  port = 27017
}

resource "aws_docdb_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name        = "${var.name}-documentdb"
  description = "DocumentDB of ${var.name}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "From the nodes and pods of the cluster"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_docdb_cluster_parameter_group" "this" {
  name   = var.name
  family = "docdb5.0"

  parameter {
    name  = "tls"
    value = "enabled"
  }

  parameter {
    name  = "audit_logs"
    value = "enabled"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_docdb_cluster" "this" {
  #checkov:skip=CKV_AWS_360:The check takes no variable for a number; the environments keep 7 and 35 days (their main.tf).
  cluster_identifier = var.name
  engine             = "docdb"
  engine_version     = "5.0.0"

  master_username = var.username
  # AWS makes the password and keeps it: it is in no state.
  manage_master_user_password = true

  port                            = local.port
  db_subnet_group_name            = aws_docdb_subnet_group.this.name
  vpc_security_group_ids          = [aws_security_group.this.id]
  db_cluster_parameter_group_name = aws_docdb_cluster_parameter_group.this.name
  storage_encrypted               = true
  kms_key_id                      = var.kms_key_arn
  enabled_cloudwatch_logs_exports = ["audit", "profiler"]

  backup_retention_period   = var.backup_days
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.last_snapshot
  final_snapshot_identifier = var.last_snapshot ? "${var.name}-last" : null
}

resource "aws_docdb_cluster_instance" "this" {
  count = var.instance_count

  identifier                 = "${var.name}-${count.index}"
  cluster_identifier         = aws_docdb_cluster.this.id
  instance_class             = var.instance_class
  auto_minor_version_upgrade = true
}

# Not every week, as AWS would: who uses the password reads a copy in the cluster, which is made anew after each change.
resource "aws_secretsmanager_secret_rotation" "this" {
  secret_id          = aws_docdb_cluster.this.master_user_secret[0].secret_arn
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = var.password_days
  }
}
