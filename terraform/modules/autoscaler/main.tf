locals {
  namespace       = "kube-system"
  service_account = "cluster-autoscaler"
}

module "identity" {
  source = "../identity"

  name            = "${var.name}-autoscaler"
  cluster_name    = var.cluster_name
  cluster_arn     = var.cluster_arn
  namespace       = local.namespace
  service_account = local.service_account
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # None of these takes a resource: they list.
        Sid    = "Look"
        Effect = "Allow"
        Action = [
          "autoscaling:DescribeAutoScalingGroups",
          "autoscaling:DescribeAutoScalingInstances",
          "autoscaling:DescribeLaunchConfigurations",
          "autoscaling:DescribeScalingActivities",
          "ec2:DescribeImages",
          "ec2:DescribeInstanceTypes",
          "ec2:DescribeLaunchTemplateVersions",
          "ec2:GetInstanceTypesFromInstanceRequirements",
        ]
        Resource = "*"
      },
      {
        Sid      = "LookAtNodeGroups"
        Effect   = "Allow"
        Action   = "eks:DescribeNodegroup"
        Resource = "${replace(var.cluster_arn, ":cluster/", ":nodegroup/")}/*"
      },
      {
        # EKS puts this tag on the groups of its node groups.
        Sid       = "Scale"
        Effect    = "Allow"
        Action    = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.cluster_name}" = "owned" } }
      },
    ]
  })
}

resource "helm_release" "this" {
  name       = "cluster-autoscaler"
  namespace  = local.namespace
  repository = "https://kubernetes.github.io/autoscaler"
  chart      = "cluster-autoscaler"
  version    = var.chart_version

  values = [yamlencode({
    cloudProvider = "aws"
    awsRegion     = var.region
    autoDiscovery = { clusterName = var.cluster_name }
    rbac          = { serviceAccount = { name = local.service_account } }
  })]

  depends_on = [module.identity]
}
