output "namespace" {
  description = "Where Jenkins is."
  value       = helm_release.this.namespace
}

output "agent_role_arn" {
  description = "The role of build agents, which may push images and nothing else."
  value       = module.identity.role_arn
}
