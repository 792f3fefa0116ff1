variable "name" {
  description = "The name that everything made here begins with, such as faultline-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,26}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 28 lower-case letters, digits and hyphens, beginning with a letter."
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

variable "kms_key_arn" {
  description = "The key that data and snapshots are encrypted with; the password is by that of Secrets Manager, since AWS takes no other here."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be an ARN that begins with arn:aws:kms:."
  }
}

variable "instance_class" {
  description = "The size of each server."
  type        = string

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "instance_class must be a class of DocumentDB, such as db.t4g.medium."
  }
}

variable "instance_count" {
  description = "How many servers: with more than one, another takes over when the first is lost."
  type        = number

  validation {
    condition     = var.instance_count >= 1 && var.instance_count <= 16
    error_message = "instance_count must be from 1 to 16."
  }
}

variable "username" {
  description = "The first user, who makes the others."
  type        = string
  default     = "faultline"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,62}$", var.username)) && var.username != "admin"
    error_message = "username must be up to 63 lower-case letters and digits, and not admin."
  }
}

variable "deletion_protection" {
  description = "Whether the database refuses to be deleted until this is switched off."
  type        = bool
}

variable "last_snapshot" {
  description = "Whether a last snapshot is taken when the database is deleted. It outlives the environment, and costs until it is deleted by hand."
  type        = bool
}

variable "backup_days" {
  description = "How many days can be gone back."
  type        = number

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days must be from 1 to 35, which RDS takes."
  }
}

variable "password_days" {
  description = "After how many days AWS changes the password. The copy in the cluster is to be made anew then."
  type        = number
  default     = 90

  validation {
    condition     = var.password_days >= 1 && var.password_days <= 90
    error_message = "password_days must be from 1 to 90."
  }
}
