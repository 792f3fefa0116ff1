output "namespace" {
  description = "Where Argo CD is."
  value       = helm_release.bridge.namespace
}

output "cluster_annotations" {
  description = "What Argo CD is told of the cluster."
  value       = local.cluster.metadata.annotations
}
