# Small, and quickly gone: one NAT gateway, one database server of each kind, spot nodes for training. Images are built here.
locals {
  name    = "faultline-dev"
  overlay = "development"
  # Of the nodes that are kept for steps and builds: a label, and a taint, which the bridge and Jenkins tolerate.
  steps = { "faultline.dev/nodes" = "steps" }
}

module "platform" {
  source = "../../modules/platform"

  name                = local.name
  overlay             = local.overlay
  region              = var.region
  zones               = ["${var.region}a", "${var.region}b"]
  vpc_cidr            = "10.20.0.0/16"
  nat_per_zone        = false
  public_access_cidrs = var.public_access_cidrs
  administrators      = var.administrators
  readers             = var.readers
  builds_images       = true
  deletion_protection = false
  last_snapshot       = false
  pull_accounts       = var.pull_accounts
  records_backend     = var.records_backend
  atlas               = var.atlas
  backup_days         = 7

  node_groups = {
    system = {
      instance_types = ["t3.large"]
      min_nodes      = 2
      max_nodes      = 4
    }
    # Steps may be killed at any moment and go on where they were.
    steps = {
      instance_types = ["m6i.xlarge", "m5.xlarge", "m5a.xlarge"]
      min_nodes      = 0
      max_nodes      = 4
      disk_gib       = 100
      spot           = true
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

module "jenkins" {
  source = "../../modules/jenkins"

  name             = local.name
  cluster_name     = module.platform.cluster.name
  cluster_arn      = module.platform.cluster.arn
  repository_arns  = module.platform.repository_arns
  agent_repository = var.jenkins_agent.repository
  agent_tag        = var.jenkins_agent.tag
  agent_nodes      = local.steps
}
