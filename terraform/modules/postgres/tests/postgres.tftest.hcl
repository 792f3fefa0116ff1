mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name                     = "faultline-test"
  vpc_id                   = "vpc-00000000000000000"
  subnet_ids               = ["subnet-a", "subnet-b"]
  client_security_group_id = "sg-00000000000000000"
  kms_key_arn              = "arn:aws:kms:eu-central-1:111122223333:key/test"
  backup_days              = 7
  deletion_protection      = true
  last_snapshot            = true
  instance_class           = "db.t4g.small"
  multi_az                 = false
  database                 = "mlflow"
  username                 = "mlflow"
}

run "it_is_encrypted_private_and_kept" {
  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.kms_key_arn && !aws_db_instance.this.publicly_accessible
    error_message = "it is public or not encrypted"
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
    error_message = "it could be deleted without a trace"
  }

  assert {
    condition     = contains([for parameter in aws_db_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "rds.force_ssl=1")
    error_message = "TLS is not asked for"
  }
}

run "the_last_snapshot_is_taken_without_protection_too" {
  variables {
    deletion_protection = false
  }

  assert {
    condition     = !aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == "faultline-test-last"
    error_message = "protection is off, and the last snapshot with it"
  }
}

run "no_snapshot_is_left_where_none_is_wanted" {
  variables {
    deletion_protection = false
    last_snapshot       = false
  }

  assert {
    condition     = aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == null
    error_message = "a snapshot too many"
  }
}

run "only_the_cluster_connects" {
  assert {
    condition     = aws_vpc_security_group_ingress_rule.this.referenced_security_group_id == var.client_security_group_id && aws_vpc_security_group_ingress_rule.this.cidr_ipv4 == null
    error_message = "somebody else may connect"
  }
}

run "a_user_of_rds_is_refused" {
  command = plan

  variables {
    username = "rdsadmin"
  }

  expect_failures = [var.username]
}
