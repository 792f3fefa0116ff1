output "secret_arn" {
  description = "Where user and password are kept, as JSON with the keys username and password."
  value       = aws_secretsmanager_secret.this.arn
}

output "password" {
  description = "The password, for an argument that is written and never kept."
  value       = jsondecode(ephemeral.aws_secretsmanager_secret_version.this.secret_string).password
  ephemeral   = true
}
