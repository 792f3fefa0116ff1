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

variable "vpc_id" {
  description = "The VPC."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "vpc_id must be the id of a VPC."
  }
}

variable "subnet_ids" {
  description = "The subnets without a route out."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must be at least two subnets, in different zones."
  }
}

variable "client_security_group_id" {
  description = "The security group of the nodes and pods, which alone may connect."
  type        = string

  validation {
    condition     = startswith(var.client_security_group_id, "sg-")
    error_message = "client_security_group_id must be the id of a security group."
  }
}

variable "organization_id" {
  description = "The organization in MongoDB Atlas that pays."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{24}$", var.organization_id))
    error_message = "organization_id must be the 24 hexadecimal digits of an organization in Atlas."
  }
}

variable "mongodb_version" {
  description = "The major version of MongoDB."
  type        = string
  default     = "8.0"

  validation {
    condition     = can(regex("^[0-9]+\\.0$", var.mongodb_version))
    error_message = "mongodb_version must be a major version, such as 8.0."
  }
}

variable "instance_size" {
  description = "The size of each of the three servers."
  type        = string

  validation {
    condition     = can(regex("^[MR][1-9][0-9]+$", var.instance_size))
    error_message = "instance_size must be M10 or larger: smaller ones have no private endpoint."
  }
}

variable "point_in_time" {
  description = "Whether any moment of the last days can be gone back to, beside the snapshots."
  type        = bool
}

variable "deletion_protection" {
  description = "Whether the cluster refuses to be deleted until this is switched off."
  type        = bool
}
