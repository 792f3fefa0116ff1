output "name" {
  description = "The cluster's name."
  # Who binds an identity or installs a chart needs nodes and add-ons too.
  value      = aws_eks_cluster.this.name
  depends_on = [aws_eks_addon.late, aws_eks_access_policy_association.this]
}

output "arn" {
  description = "The cluster's ARN."
  value       = aws_eks_cluster.this.arn
}

output "endpoint" {
  description = "The address of the API server."
  value       = aws_eks_cluster.this.endpoint
}

output "certificate_authority" {
  description = "The certificate of the API server's authority, in base 64."
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "security_group_id" {
  description = "The security group of all nodes and pods."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}
