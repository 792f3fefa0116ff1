locals {
  # One file for each stage, written by `faultline policy` from what the stage says of itself: `./dev generate` writes them, and a
  # test compares.
  suffix = ".json.tftpl"
  stages = toset([for file in fileset("${path.module}/policies", "*${local.suffix}") : trimsuffix(file, local.suffix)])
}

module "identity" {
  source   = "../identity"
  for_each = local.stages

  name            = "${var.name}-stage-${each.key}"
  cluster_name    = var.cluster_name
  cluster_arn     = var.cluster_arn
  namespace       = var.namespace
  service_account = each.key
  policy = templatefile("${path.module}/policies/${each.key}${local.suffix}", {
    bucket      = var.bucket
    kms_key_arn = var.kms_key_arn
    model       = var.model
  })
}
