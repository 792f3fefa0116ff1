output "kubeconfig_command" {
  description = "Makes kubectl talk to the cluster."
  value       = "aws eks update-kubeconfig --name ${module.platform.cluster.name} --region ${var.region}"
}

output "pipeline_defaults" {
  description = "The lines of the overlay's pipeline-defaults.env."
  value       = module.platform.pipeline_defaults
}

output "records_network_policy" {
  description = "The network policy that lets `load` reach the database of records, for the overlay; null where the database is in the cluster."
  value       = module.platform.records_network_policy
}

output "registry" {
  description = "What `REGISTRY` in the Jenkinsfile is set to; null where images are built elsewhere."
  value       = module.platform.registry
}

output "bucket" {
  description = "The bucket that holds raw/ and store/."
  value       = module.platform.bucket
}

output "mlflow_secret_arn" {
  description = "Where the user and password of MLflow's database are kept."
  value       = module.platform.mlflow.secret_arn
}

output "records_secret_arn" {
  description = "Where the user and password of the records' database are kept; null where Terraform makes no user."
  value       = module.platform.records_secret_arn
}
