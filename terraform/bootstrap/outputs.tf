output "state_bucket" {
  description = "The bucket of the states, for `terraform init -backend-config`."
  value       = module.state.name
}
