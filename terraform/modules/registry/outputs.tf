output "urls" {
  description = "Where each image is pushed to and pulled from."
  value       = { for image, repository in aws_ecr_repository.this : image => repository.repository_url }
}

output "arns" {
  description = "The repository of each image."
  value       = { for image, repository in aws_ecr_repository.this : image => repository.arn }
}

output "registry" {
  description = "What `REGISTRY` in the Jenkinsfile is set to: the part that all images share."
  value       = trimsuffix(values(aws_ecr_repository.this)[0].repository_url, "/${keys(aws_ecr_repository.this)[0]}")
}
