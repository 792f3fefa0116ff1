variable "name" {
  description = "The role's name."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9_-]{0,63}$", var.name))
    error_message = "name must be up to 64 letters, digits, hyphens and underscores."
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

variable "namespace" {
  description = "The namespace of the pods."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace must be a name that Kubernetes takes."
  }
}

variable "service_account" {
  description = "The service account of the pods."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.service_account))
    error_message = "service_account must be a name that Kubernetes takes."
  }
}

variable "policy" {
  description = "The rights, as an IAM policy in JSON; null for none beside managed_policies."
  type        = string
  default     = null

  validation {
    condition     = var.policy == null || can(jsondecode(var.policy).Statement)
    error_message = "policy must be an IAM policy in JSON, or null."
  }
}

variable "managed_policies" {
  description = "Names of policies that AWS keeps, with their path, such as service-role/AmazonEBSCSIDriverPolicy."
  type        = set(string)
  default     = []

  validation {
    condition     = !anytrue([for policy in var.managed_policies : strcontains(policy, "AdministratorAccess")])
    error_message = "managed_policies must not make pods administrators."
  }
}

variable "binds" {
  description = "Whether the role is bound to the pods here; false where an EKS add-on does it."
  type        = bool
  default     = true
}
