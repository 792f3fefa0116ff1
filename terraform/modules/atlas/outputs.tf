output "records_uri" {
  description = "What `records-uri` is set to; user and password are not in it."
  value = "${[
    for endpoint in mongodbatlas_advanced_cluster.this.connection_strings[0].private_endpoint :
    endpoint.srv_connection_string if contains(endpoint.endpoints[*].endpoint_id, aws_vpc_endpoint.this.id)
  ][0]}/faultline"
}

output "ports" {
  description = "The first and the last port that clients connect to."
  value       = [local.first_port, local.last_port]
}

output "project_id" {
  description = "The project in Atlas, in which the user of `load` is made by hand."
  value       = mongodbatlas_project.this.id
}
