variable "name" {
  description = "The name that everything made here begins with, such as faultline-dev."
  type        = string

  validation {
    # The database's own name is longer by -mlflow.
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 21 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "bucket" {
  description = "The name of the bucket of artifacts."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must be 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "log_bucket" {
  description = "The bucket that is told of every access to objects."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.log_bucket))
    error_message = "log_bucket must be the name of a bucket."
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
  description = "The key that artifacts, data and the password are encrypted with."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be an ARN that begins with arn:aws:kms:."
  }
}

variable "instance_class" {
  description = "The size of the database server."
  type        = string

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.instance_class))
    error_message = "instance_class must be a class of RDS, such as db.t4g.small."
  }
}

variable "multi_az" {
  description = "Whether a second database server in another zone takes over."
  type        = bool
}

variable "deletion_protection" {
  description = "Whether the database refuses to be deleted until this is switched off, and the bucket unless it is empty."
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
