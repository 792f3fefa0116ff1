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

variable "namespace" {
  description = "The namespace that the stages run in."
  type        = string

  validation {
    condition     = contains(["faultline-development", "faultline-production"], var.namespace)
    error_message = "namespace must be that of an overlay in argocd/overlays: faultline-development or faultline-production."
  }
}

variable "bucket" {
  description = "The bucket that holds raw/ and store/."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be the name of a bucket, without a wildcard."
  }
}

variable "kms_key_arn" {
  description = "The key that the bucket is encrypted with."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be an ARN that begins with arn:aws:kms:."
  }
}

variable "model" {
  description = "The registered model that the pipelines make and use."
  type        = string
  default     = "wafer"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", var.model))
    error_message = "model must be lower-case letters, digits and hyphens, without a wildcard."
  }
}
