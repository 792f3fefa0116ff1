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
  instance_class           = "db.t4g.medium"
  instance_count           = 2
}

run "it_is_encrypted_and_kept" {
  assert {
    condition     = aws_docdb_cluster.this.storage_encrypted && aws_docdb_cluster.this.kms_key_id == var.kms_key_arn && aws_docdb_cluster.this.deletion_protection
    error_message = "it is not encrypted, or could be deleted"
  }

  assert {
    condition     = contains([for parameter in aws_docdb_cluster_parameter_group.this.parameter : "${parameter.name}=${parameter.value}"], "tls=enabled")
    error_message = "TLS is not asked for"
  }

  assert {
    condition     = length(aws_docdb_cluster_instance.this) == 2
    error_message = "another number of servers"
  }
}

run "the_last_snapshot_is_taken_without_protection_too" {
  variables {
    deletion_protection = false
  }

  assert {
    condition     = !aws_docdb_cluster.this.deletion_protection && !aws_docdb_cluster.this.skip_final_snapshot && aws_docdb_cluster.this.final_snapshot_identifier == "faultline-test-last"
    error_message = "protection is off, and the last snapshot with it"
  }
}

run "no_snapshot_is_left_where_none_is_wanted" {
  variables {
    deletion_protection = false
    last_snapshot       = false
  }

  assert {
    condition     = aws_docdb_cluster.this.skip_final_snapshot && aws_docdb_cluster.this.final_snapshot_identifier == null
    error_message = "a snapshot too many"
  }
}

run "only_the_cluster_connects" {
  assert {
    condition     = aws_vpc_security_group_ingress_rule.this.referenced_security_group_id == var.client_security_group_id && aws_vpc_security_group_ingress_rule.this.cidr_ipv4 == null
    error_message = "somebody else may connect"
  }
}

run "the_address_has_no_password" {
  assert {
    condition     = output.records_uri == "mongodb://records.docdb.invalid:27017/faultline?tls=true&replicaSet=rs0&retryWrites=false"
    error_message = output.records_uri
  }
}
