locals {
  namespace = "argocd"
  overlays  = ["development", "production"]

  # Argo CD knows the cluster that it runs in without this. It is here for what is written on it: the facts that Terraform knows and
  # Git must not.
  cluster = {
    apiVersion = "v1"
    kind       = "Secret"
    metadata = {
      name      = "in-cluster"
      namespace = local.namespace
      labels = {
        "argocd.argoproj.io/secret-type" = "cluster"
        "faultline.dev/bridge"           = "true"
        "faultline.dev/overlay"          = var.overlay
      }
      annotations = merge(
        { for name, value in var.facts : "faultline.dev/${name}" => value },
        {
          "faultline.dev/cd-repository"  = var.cd_repository
          "faultline.dev/absent-overlay" = one([for overlay in local.overlays : overlay if overlay != var.overlay])
        },
      )
    }
    stringData = {
      name   = "in-cluster"
      server = "https://kubernetes.default.svc"
      config = jsonencode({ tlsClientConfig = { insecure = false } })
    }
  }
  # Argo CD's own settings are kept beside what they are for.
  settings = yamldecode(file("${path.module}/../../../argocd/argocd-cm.yaml")).data
}

resource "helm_release" "argocd" {
  name             = "argocd"
  namespace        = local.namespace
  create_namespace = true
  repository       = "https://argoproj.github.io/argo-helm"
  chart            = "argo-cd"
  version          = var.chart_version
  atomic           = true
  timeout          = 900

  values = [yamlencode({
    configs = {
      cm = local.settings
      # The server is reached by a forwarded port or through a gateway that ends TLS, never by itself from outside.
      params = { "server.insecure" = false }
    }
    server = { service = { type = "ClusterIP" }, ingress = { enabled = false } }
    dex    = { enabled = false }
  })]
}

# A chart of its own: the kinds of its documents are known only after Argo CD is installed.
resource "helm_release" "bridge" {
  name      = "faultline-bridge"
  namespace = local.namespace
  chart     = "${path.module}/chart"
  values    = [yamlencode({ documents = [local.cluster, yamldecode(file("${path.module}/root.yaml"))] })]

  depends_on = [helm_release.argocd]
}
