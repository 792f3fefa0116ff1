variable "overlay" {
  description = "The overlay of argocd/overlays that this cluster runs."
  type        = string

  validation {
    condition     = contains(["development", "production"], var.overlay)
    error_message = "overlay must be development or production."
  }
}

variable "cd_repository" {
  description = "The Git repository that the cluster follows; the same as in argocd/settings/settings.env."
  type        = string

  validation {
    condition     = can(regex("^(https://|ssh://git@)[^/@]+/.+", var.cd_repository))
    error_message = "cd_repository must be an https:// or ssh:// address without a user's name or password."
  }
}

variable "facts" {
  description = "What Argo CD is told of the cluster: annotations of its Secret, each below faultline.dev/. They can be read by whoever reads Secrets of Argo CD, and must be no secrets."
  type        = map(string)

  validation {
    condition     = length(setsubtract(["mlflow-bucket", "mlflow-database"], keys(var.facts))) == 0
    error_message = "facts must have mlflow-bucket and mlflow-database, which root.yaml uses."
  }

  validation {
    condition     = !anytrue([for name in keys(var.facts) : can(regex("password|token|secret-key", name))])
    error_message = "facts must not be secrets."
  }
}

variable "chart_version" {
  description = "The version of the chart argo-cd."
  type        = string
  default     = "10.9.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version must be one version, not a range."
  }
}
