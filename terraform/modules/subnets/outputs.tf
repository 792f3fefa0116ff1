output "private_cidrs" {
  description = "The ranges of nodes and pods, one per zone."
  value       = [for zone in local.zones : cidrsubnet(var.vpc_cidr, local.parts_bits, zone)]
}

output "public_cidrs" {
  description = "The ranges of NAT gateways and public load balancers, one per zone."
  value = [
    for zone in local.zones :
    cidrsubnet(cidrsubnet(var.vpc_cidr, local.parts_bits, local.public_part), local.parts_bits, zone)
  ]
}

output "database_cidrs" {
  description = "The ranges of databases and private endpoints, one per zone."
  value = [
    for zone in local.zones :
    cidrsubnet(cidrsubnet(var.vpc_cidr, local.parts_bits, local.database_part), local.parts_bits, zone)
  ]
}
