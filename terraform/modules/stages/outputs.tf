output "names" {
  description = "The stages, each of which is an image, a service account and a role."
  value       = local.stages
}

output "role_arns" {
  description = "The role of each stage."
  value       = { for stage, identity in module.identity : stage => identity.role_arn }
}
