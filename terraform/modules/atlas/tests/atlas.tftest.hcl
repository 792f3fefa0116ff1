mock_provider "aws" {
  source = "../../mocks/aws"
}

mock_provider "mongodbatlas" {
  source = "../../mocks/mongodbatlas"
}

variables {
  name                     = "faultline-test"
  region                   = "eu-central-1"
  vpc_id                   = "vpc-00000000000000000"
  subnet_ids               = ["subnet-a", "subnet-b"]
  client_security_group_id = "sg-00000000000000000"
  organization_id          = "0123456789abcdef01234567"
  instance_size            = "M10"
  point_in_time            = false
  deletion_protection      = true
}

run "it_is_reached_through_the_private_endpoint" {
  assert {
    condition     = output.records_uri == "mongodb+srv://records-pl-0.mongodb.invalid/faultline"
    error_message = output.records_uri
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.this.referenced_security_group_id == var.client_security_group_id && aws_vpc_security_group_ingress_rule.this.cidr_ipv4 == null
    error_message = "somebody else may connect"
  }
}

run "regions_are_spelled_as_atlas_does" {
  assert {
    condition     = mongodbatlas_advanced_cluster.this.replication_specs[0].region_configs[0].region_name == "EU_CENTRAL_1"
    error_message = mongodbatlas_advanced_cluster.this.replication_specs[0].region_configs[0].region_name
  }
}

run "servers_without_a_private_endpoint_are_refused" {
  command = plan

  variables {
    instance_size = "M0"
  }

  expect_failures = [var.instance_size]
}
