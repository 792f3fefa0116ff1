variable "name" {
  description = "The name that everything made here begins with, such as faultline-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,26}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 28 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "The AWS region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as eu-central-1."
  }
}

variable "zones" {
  description = "The availability zones, the first of which holds the NAT gateway where there is one only."
  type        = list(string)

  validation {
    condition     = contains([2, 3], length(var.zones)) && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones must be two or three different availability zones."
  }

  validation {
    condition     = alltrue([for zone in var.zones : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", zone))])
    error_message = "zones must be names of availability zones, such as eu-central-1a."
  }
}

variable "vpc_cidr" {
  description = "The address space of the VPC, from /16 to /20. It should be no other network's that this one may be joined to."
  type        = string

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0))
    error_message = "vpc_cidr must be an IPv4 range, such as 10.20.0.0/16."
  }
}

variable "nat_per_zone" {
  description = "Whether each zone has a NAT gateway of its own, so that the loss of a zone leaves the others on line, or all share one."
  type        = bool
}

variable "log_kms_key_arn" {
  description = "The key that logs are encrypted with."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:kms:", var.log_kms_key_arn))
    error_message = "log_kms_key_arn must be an ARN that begins with arn:aws:kms:."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 60, 90, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be 30, 60, 90, 180, 365, 400, 545 or 731, which CloudWatch knows."
  }
}
