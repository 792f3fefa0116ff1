# Made to stay: three zones, each with a NAT gateway, databases that fail over, and nothing that can be deleted by mistake. Images are
# pulled from the registry of dev.
locals {
  name    = "faultline-prod"
  overlay = "production"
  # Of the nodes that are kept for steps: a label, and a taint, which the bridge has runs tolerate.
  steps = { "faultline.dev/nodes" = "steps" }
}

module "platform" {
  source = "../../modules/platform"

  name                  = local.name
  overlay               = local.overlay
  region                = var.region
  zones                 = ["${var.region}a", "${var.region}b", "${var.region}c"]
  vpc_cidr              = "10.30.0.0/16"
  nat_per_zone          = true
  public_access_cidrs   = var.public_access_cidrs
  administrators        = var.administrators
  readers               = var.readers
  builds_images         = false
  deletion_protection   = var.deletion_protection
  last_snapshot         = true
  records_backend       = var.records_backend
  atlas                 = var.atlas
  documentdb            = { instance_class = "db.r6g.large", instance_count = 3 }
  mlflow_instance_class = "db.t4g.medium"
  backup_days           = 35

  node_groups = {
    system = {
      instance_types = ["m6i.large"]
      min_nodes      = 3
      max_nodes      = 6
    }
    steps = {
      instance_types = ["m6i.2xlarge"]
      min_nodes      = 1
      max_nodes      = 10
      disk_gib       = 200
      labels         = local.steps
      taints         = local.steps
    }
  }
}

module "autoscaler" {
  source = "../../modules/autoscaler"

  name         = local.name
  region       = var.region
  cluster_name = module.platform.cluster.name
  cluster_arn  = module.platform.cluster.arn
}

module "gitops" {
  source = "../../modules/gitops"

  overlay       = local.overlay
  cd_repository = var.cd_repository
  facts = {
    account         = var.account
    region          = var.region
    cluster         = module.platform.cluster.name
    bucket          = module.platform.bucket
    mlflow-bucket   = module.platform.mlflow.bucket
    mlflow-database = module.platform.mlflow.database
  }
}
