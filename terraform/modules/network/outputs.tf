output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "The subnets of nodes and pods, one per zone."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "public_subnet_ids" {
  description = "The subnets of public load balancers, one per zone."
  value       = [for zone in var.zones : aws_subnet.public[zone].id]
}

output "database_subnet_ids" {
  description = "The subnets of databases and private endpoints, one per zone. No route leads out of them."
  value       = [for zone in var.zones : aws_subnet.database[zone].id]
}

output "nat_addresses" {
  description = "The public addresses that the cluster is seen from, for lists of allowed addresses elsewhere."
  value       = [for address in aws_eip.nat : address.public_ip]
}

output "database_cidrs" {
  description = "The ranges of databases and private endpoints, one per zone."
  value       = module.subnets.database_cidrs
}
