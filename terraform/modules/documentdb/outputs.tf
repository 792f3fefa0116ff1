output "records_uri" {
  description = "What `records-uri` is set to; user and password are not in it."
  value       = "mongodb://${aws_docdb_cluster.this.endpoint}:${local.port}/faultline?tls=true&replicaSet=rs0&retryWrites=false"
}

output "ports" {
  description = "The first and the last port that clients connect to."
  value       = [local.port, local.port]
}

output "secret_arn" {
  description = "Where user and password are kept, as JSON with the keys username and password."
  value       = aws_docdb_cluster.this.master_user_secret[0].secret_arn
}
