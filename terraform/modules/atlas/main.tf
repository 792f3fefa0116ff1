locals {
  # Atlas writes regions in its own way.
  region = upper(replace(var.region, "-", "_"))
  # Behind one private endpoint each server has a port of its own.
  first_port = 1024
  last_port  = 65535
}

resource "mongodbatlas_project" "this" {
  name                         = var.name
  org_id                       = var.organization_id
  with_default_alerts_settings = true
  # The contents of records are not shown to whoever may log in to the web page of Atlas.
  is_data_explorer_enabled = false
}

resource "mongodbatlas_privatelink_endpoint" "this" {
  project_id    = mongodbatlas_project.this.id
  provider_name = "AWS"
  region        = var.region
}

resource "aws_security_group" "this" {
  name        = "${var.name}-atlas"
  description = "Private endpoint of MongoDB Atlas of ${var.name}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  #checkov:skip=CKV_AWS_25:The rule names a security group and no addresses; Atlas has a port of its own for each server, from 1024 on.
  security_group_id            = aws_security_group.this.id
  description                  = "From the nodes and pods of the cluster"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = local.first_port
  to_port                      = local.last_port
}

resource "aws_vpc_endpoint" "this" {
  vpc_id             = var.vpc_id
  service_name       = mongodbatlas_privatelink_endpoint.this.endpoint_service_name
  vpc_endpoint_type  = "Interface"
  subnet_ids         = var.subnet_ids
  security_group_ids = [aws_security_group.this.id]

  tags = {
    Name = "${var.name}-atlas"
  }
}

resource "mongodbatlas_privatelink_endpoint_service" "this" {
  project_id          = mongodbatlas_project.this.id
  private_link_id     = mongodbatlas_privatelink_endpoint.this.private_link_id
  endpoint_service_id = aws_vpc_endpoint.this.id
  provider_name       = "AWS"
}

resource "mongodbatlas_advanced_cluster" "this" {
  project_id                     = mongodbatlas_project.this.id
  name                           = var.name
  cluster_type                   = "REPLICASET"
  mongo_db_major_version         = var.mongodb_version
  backup_enabled                 = true
  pit_enabled                    = var.point_in_time
  termination_protection_enabled = var.deletion_protection

  advanced_configuration {
    minimum_enabled_tls_protocol = "TLS1_2"
    javascript_enabled           = false
  }

  replication_specs {
    region_configs {
      provider_name = "AWS"
      region_name   = local.region
      priority      = 7

      electable_specs {
        instance_size = var.instance_size
        node_count    = 3
      }

      auto_scaling {
        disk_gb_enabled = true
      }
    }
  }

  # The address behind the endpoint is made when the endpoint is there first.
  depends_on = [mongodbatlas_privatelink_endpoint_service.this]
}
