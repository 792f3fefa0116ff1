output "host" {
  description = "The server's name."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "The server's port."
  value       = local.port
}

output "database" {
  description = "The database."
  value       = var.database
}

output "secret_arn" {
  description = "Where user and password are kept, as JSON with the keys username and password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
