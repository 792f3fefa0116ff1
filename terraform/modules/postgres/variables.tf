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
  description = "The key that data, snapshots and the password are encrypted with."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be an ARN that begins with arn:aws:kms:."
  }
}

variable "engine_version" {
  description = "The version of PostgreSQL; without a minor version RDS chooses the newest, and goes on to newer ones."
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^1[5-9](\\.[0-9]+)?$", var.engine_version))
    error_message = "engine_version must be 15 to 19, with or without a minor version."
  }
}

variable "instance_class" {
  description = "The size of the server."
  type        = string

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "instance_class must be a class of RDS, such as db.t4g.small."
  }
}

variable "storage_gib" {
  description = "The storage to begin with; it grows to five times as much."
  type        = number
  default     = 20

  validation {
    condition     = var.storage_gib >= 20
    error_message = "storage_gib must be at least 20, which gp3 begins with."
  }
}

variable "multi_az" {
  description = "Whether a second server in another zone takes over."
  type        = bool
}

variable "database" {
  description = "The database that is made."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database))
    error_message = "database must be up to 63 lower-case letters, digits and underscores."
  }
}

variable "username" {
  description = "The user that owns it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.username)) && !contains(["admin", "postgres", "rdsadmin"], var.username)
    error_message = "username must be up to 63 lower-case letters, digits and underscores, and none that RDS keeps for itself."
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
