locals {
  namespace     = "jenkins"
  agent_account = "jenkins-agent"
}

module "identity" {
  source = "../identity"

  name            = "${var.name}-jenkins-agent"
  cluster_name    = var.cluster_name
  cluster_arn     = var.cluster_arn
  namespace       = local.namespace
  service_account = local.agent_account
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # It names no repository: a token is asked of the registry as a whole.
        Sid      = "Login"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
      {
        Sid    = "PushAndPull"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:CompleteLayerUpload",
          "ecr:DescribeImages",
          "ecr:GetDownloadUrlForLayer",
          "ecr:InitiateLayerUpload",
          "ecr:PutImage",
          "ecr:UploadLayerPart",
        ]
        Resource = var.repository_arns
      },
    ]
  })
}

resource "helm_release" "this" {
  name             = "jenkins"
  namespace        = local.namespace
  create_namespace = true
  repository       = "https://charts.jenkins.io"
  chart            = "jenkins"
  version          = var.chart_version
  timeout          = 900

  values = [yamlencode({
    controller = {
      serviceType = "ClusterIP"
      ingress     = { enabled = false }
      # No build runs on the controller, which knows all credentials.
      numExecutors = 0
      admin        = { createSecret = false, existingSecret = var.admin_secret }
      additionalPlugins = [
        "credentials-binding", "pipeline-utility-steps", "ssh-credentials", "timestamper",
      ]
      JCasC = { defaultConfig = true }
    }
    persistence         = { enabled = true, size = "${var.storage_gib}Gi" }
    serviceAccountAgent = { create = true, name = local.agent_account }
    agent = {
      customJenkinsLabels = ["linux", "buildah"]
      image               = { repository = var.agent_repository, tag = var.agent_tag }
      resources = {
        requests = { cpu = "2", memory = "8Gi" }
        limits   = { cpu = "4", memory = "16Gi" }
      }
      nodeSelector = var.agent_nodes
      yamlTemplate = yamlencode({
        apiVersion = "v1"
        kind       = "Pod"
        spec = {
          tolerations = [for key, value in var.agent_nodes : { key = key, operator = "Equal", value = value, effect = "NoSchedule" }]
        }
      })
      workspaceVolume = { type = "EphemeralVolume", accessModes = "ReadWriteOnce", requestsSize = "100Gi" }
    }
  })]
}
