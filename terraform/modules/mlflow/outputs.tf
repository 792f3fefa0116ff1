output "bucket" {
  description = "The bucket of artifacts."
  value       = module.artifacts.name
}

output "database_host" {
  description = "The database server."
  value       = module.database.host
}

output "secret_arn" {
  description = "Where user and password of the database are kept, as JSON with the keys username and password."
  value       = module.database.secret_arn
}
