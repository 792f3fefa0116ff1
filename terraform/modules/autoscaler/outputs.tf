output "role_arn" {
  description = "The role of the autoscaler."
  value       = module.identity.role_arn
}
