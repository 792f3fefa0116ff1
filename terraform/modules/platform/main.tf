data "aws_caller_identity" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  # Names of buckets are the world's: the account makes them ours.
  buckets = {
    logs   = "${var.name}-${local.account}-access-logs"
    store  = "${var.name}-${local.account}-store"
    mlflow = "${var.name}-${local.account}-mlflow"
  }
  keys = {
    store     = "Raw files, artifacts and models of ${var.name}"
    databases = "Databases, their snapshots and passwords of ${var.name}"
    cluster   = "Kubernetes Secrets of ${var.name}"
    images    = "Images of ${var.name}"
    logs      = "Logs of ${var.name}"
  }
  is_production = var.overlay == "production"
}

module "key" {
  source   = "../key"
  for_each = local.keys

  name        = "${var.name}/${each.key}"
  description = each.value
  log_region  = each.key == "logs" ? var.region : null
}

module "network" {
  source = "../network"

  name            = var.name
  region          = var.region
  zones           = var.zones
  vpc_cidr        = var.vpc_cidr
  nat_per_zone    = var.nat_per_zone
  log_kms_key_arn = module.key["logs"].arn
}

module "cluster" {
  source = "../cluster"

  name                = var.name
  region              = var.region
  kubernetes_version  = var.kubernetes_version
  subnet_ids          = module.network.private_subnet_ids
  public_access_cidrs = var.public_access_cidrs
  administrators      = var.administrators
  readers             = var.readers
  node_groups         = var.node_groups
  deletion_protection = var.deletion_protection
  kms_key_arn         = module.key["cluster"].arn
  log_kms_key_arn     = module.key["logs"].arn
}

module "access_logs" {
  source = "../bucket"

  name              = local.buckets.logs
  receives_logs_of  = local.account
  expire_after_days = 365
  force_destroy     = !var.deletion_protection
}

module "store" {
  source = "../bucket"

  name         = local.buckets.store
  kms_key_arn  = module.key["store"].arn
  log_bucket   = module.access_logs.name
  sends_events = true
  # Never: whoever wants to lose raw files and models empties it by hand.
  force_destroy = false
}

module "stages" {
  source = "../stages"

  name         = var.name
  cluster_name = module.cluster.name
  cluster_arn  = module.cluster.arn
  namespace    = "faultline-${var.overlay}"
  bucket       = module.store.name
  kms_key_arn  = module.key["store"].arn
}

# An image for each stage, and one for what starts runs.
module "registry" {
  source = "../registry"
  count  = var.builds_images ? 1 : 0

  name          = "faultline"
  images        = setunion(module.stages.names, ["trigger"])
  kms_key_arn   = module.key["images"].arn
  pull_accounts = var.pull_accounts
  force_delete  = !var.deletion_protection
}

module "documentdb" {
  source = "../documentdb"
  count  = var.records_backend == "documentdb" ? 1 : 0

  name                     = "${var.name}-records"
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.database_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  kms_key_arn              = module.key["databases"].arn
  instance_class           = var.documentdb.instance_class
  instance_count           = var.documentdb.instance_count
  backup_days              = var.backup_days
  deletion_protection      = var.deletion_protection
  last_snapshot            = var.last_snapshot
}

module "atlas" {
  source = "../atlas"
  count  = var.records_backend == "atlas" ? 1 : 0

  name                     = "${var.name}-records"
  region                   = var.region
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.database_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  organization_id          = var.atlas.organization_id
  instance_size            = var.atlas.instance_size
  point_in_time            = local.is_production
  deletion_protection      = var.deletion_protection
}

module "mlflow" {
  source = "../mlflow"

  name                     = var.name
  bucket                   = local.buckets.mlflow
  log_bucket               = module.access_logs.name
  cluster_name             = module.cluster.name
  cluster_arn              = module.cluster.arn
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.database_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  kms_key_arn              = module.key["databases"].arn
  instance_class           = var.mlflow_instance_class
  multi_az                 = local.is_production
  backup_days              = var.backup_days
  deletion_protection      = var.deletion_protection
  last_snapshot            = var.last_snapshot
}
