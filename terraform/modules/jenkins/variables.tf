variable "name" {
  description = "The name that everything made here begins with, such as faultline-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,26}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 28 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}$", var.cluster_name))
    error_message = "cluster_name must be the name of an EKS cluster."
  }
}

variable "cluster_arn" {
  description = "The EKS cluster, by its ARN."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:eks:", var.cluster_arn))
    error_message = "cluster_arn must be an ARN that begins with arn:aws:eks:."
  }
}

variable "repository_arns" {
  description = "The repositories that builds push to."
  type        = list(string)

  validation {
    condition     = length(var.repository_arns) > 0 && alltrue([for arn in var.repository_arns : can(regex("^arn:aws:ecr:[^*]+$", arn))])
    error_message = "repository_arns must be ARNs of repositories, without a wildcard."
  }
}

variable "agent_repository" {
  description = "The image of build agents, without its tag: one with git, buildah and what `./dev test` installs."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9./_-]+$", var.agent_repository))
    error_message = "agent_repository must be the name of an image, without a tag."
  }
}

variable "agent_tag" {
  description = "The tag of the agents' image."
  type        = string

  validation {
    condition     = length(var.agent_tag) > 0 && var.agent_tag != "latest"
    error_message = "agent_tag must say which image it is: latest does not."
  }
}

variable "admin_secret" {
  description = "The Secret in the namespace jenkins with the keys jenkins-admin-user and jenkins-admin-password, made by hand."
  type        = string
  default     = "jenkins-admin"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.admin_secret))
    error_message = "admin_secret must be a name that Kubernetes takes."
  }
}

variable "storage_gib" {
  description = "The disk of the controller."
  type        = number
  default     = 50

  validation {
    condition     = var.storage_gib >= 10
    error_message = "storage_gib must be at least 10."
  }
}

variable "agent_nodes" {
  description = "On which nodes agents run: labels, which may be taints too. Empty: on any without a taint that has room for two processors and 8 GiB."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.agent_nodes : can(regex("^[a-z0-9./-]+$", key)) && can(regex("^[a-z0-9.-]+$", value))])
    error_message = "agent_nodes must be labels of nodes, such as faultline.dev/nodes = steps."
  }
}

variable "chart_version" {
  description = "The version of the chart jenkins."
  type        = string
  default     = "5.9.56"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.chart_version))
    error_message = "chart_version must be one version, not a range."
  }
}
