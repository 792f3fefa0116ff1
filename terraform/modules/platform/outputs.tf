output "cluster" {
  description = "How the cluster is reached, and what it is called."
  value = {
    name                  = module.cluster.name
    arn                   = module.cluster.arn
    endpoint              = module.cluster.endpoint
    certificate_authority = module.cluster.certificate_authority
  }
}

output "bucket" {
  description = "The bucket that holds raw/ and store/."
  value       = module.store.name
}

output "registry" {
  description = "What `REGISTRY` in the Jenkinsfile is set to; null where images are built elsewhere."
  value       = one(module.registry[*].registry)
}

output "repository_arns" {
  description = "The repositories of images; empty where they are kept elsewhere."
  value       = flatten([for registry in module.registry : values(registry.arns)])
}

output "stage_roles" {
  description = "The role of each stage."
  value       = module.stages.role_arns
}

output "mlflow" {
  description = "MLflow's bucket and database server, and where the database's user and password are kept."
  value = {
    bucket     = module.mlflow.bucket
    database   = module.mlflow.database_host
    secret_arn = module.mlflow.secret_arn
  }
}

output "records_secret_arn" {
  description = "Where the user and password of the records' database are kept; null where Terraform makes no user."
  value       = one(module.documentdb[*].secret_arn)
}

output "pipeline_defaults" {
  description = "The lines of argocd/overlays/OVERLAY/pipeline-defaults.env."
  value = join("", [for name, value in {
    raw-uri  = "s3://${module.store.name}/raw"
    root-uri = "s3://${module.store.name}/store"
    records-uri = one(concat(
      module.documentdb[*].records_uri,
      module.atlas[*].records_uri,
      var.records_backend == "operator" ? ["mongodb://records-svc.mongodb.svc.cluster.local/faultline"] : [],
    ))
    tracking-uri = "http://mlflow.mlflow.svc.cluster.local"
    metrics-uri  = "http://prometheus-pushgateway.monitoring.svc.cluster.local:9091/metrics/job/faultline-${var.overlay}"
  } : "${name}=${value}\n"])
}

output "records_network_policy" {
  description = "The network policy that lets `load` reach the database of records, for the overlay; null where the database is in the cluster."
  value = var.records_backend == "operator" ? null : yamlencode({
    apiVersion = "networking.k8s.io/v1"
    kind       = "NetworkPolicy"
    metadata   = { name = "records", labels = { "app.kubernetes.io/part-of" = "faultline" } }
    spec = {
      podSelector = { matchLabels = { "tekton.dev/task" = "load" } }
      policyTypes = ["Egress"]
      egress = [{
        to = [for cidr in module.network.database_cidrs : { ipBlock = { cidr = cidr } }]
        ports = [{
          protocol = "TCP"
          port     = one(concat(module.documentdb[*].ports, module.atlas[*].ports))[0]
          endPort  = one(concat(module.documentdb[*].ports, module.atlas[*].ports))[1]
        }]
      }]
    }
  })
}
