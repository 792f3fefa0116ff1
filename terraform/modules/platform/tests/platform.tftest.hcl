mock_provider "aws" {
  source = "../../mocks/aws"
}

mock_provider "mongodbatlas" {
  source = "../../mocks/mongodbatlas"
}

variables {
  name                = "faultline-test"
  region              = "eu-central-1"
  zones               = ["eu-central-1a", "eu-central-1b"]
  vpc_cidr            = "10.20.0.0/16"
  nat_per_zone        = false
  overlay             = "development"
  administrators      = { terraform = "arn:aws:iam::111122223333:role/terraform" }
  node_groups         = { system = { instance_types = ["t3.large"], min_nodes = 2, max_nodes = 4 } }
  builds_images       = true
  deletion_protection = false
  last_snapshot       = false
  records_backend     = "operator"
  backup_days         = 7
}

run "records_in_the_cluster" {
  assert {
    condition     = length(module.atlas) == 0 && length(module.documentdb) == 0 && output.records_network_policy == null
    error_message = "a database too many"
  }

  assert {
    condition     = strcontains(output.pipeline_defaults, "\nrecords-uri=mongodb://records-svc.mongodb.svc.cluster.local/faultline\n")
    error_message = output.pipeline_defaults
  }
}

run "records_in_documentdb" {
  variables {
    records_backend = "documentdb"
  }

  assert {
    condition     = length(module.atlas) == 0 && strcontains(output.pipeline_defaults, "records-uri=mongodb://records.docdb.invalid:27017/faultline?tls=true")
    error_message = output.pipeline_defaults
  }

  assert {
    condition     = yamldecode(output.records_network_policy).spec.egress[0].ports[0] == { protocol = "TCP", port = 27017, endPort = 27017 }
    error_message = output.records_network_policy
  }
}

run "records_in_atlas" {
  variables {
    records_backend = "atlas"
    atlas           = { organization_id = "0123456789abcdef01234567" }
  }

  assert {
    condition     = length(module.documentdb) == 0 && strcontains(output.pipeline_defaults, "records-uri=mongodb+srv://records-pl-0.mongodb.invalid/faultline\n")
    error_message = output.pipeline_defaults
  }

  assert {
    condition     = yamldecode(output.records_network_policy).spec.egress[0].ports[0] == { protocol = "TCP", port = 1024, endPort = 65535 }
    error_message = output.records_network_policy
  }
}

run "images_are_kept_in_one_environment" {
  variables {
    builds_images = false
  }

  assert {
    condition     = output.registry == null && output.repository_arns == []
    error_message = "a registry too many"
  }
}

run "atlas_without_an_organization_is_refused" {
  command = plan

  variables {
    records_backend = "atlas"
  }

  expect_failures = [var.atlas]
}

run "another_database_is_refused" {
  command = plan

  variables {
    records_backend = "sqlite"
  }

  expect_failures = [var.records_backend]
}
