variable "name" {
  description = "The bucket's name, which no other bucket of the world may have."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 63 lower-case letters, digits and hyphens. A point would break TLS."
  }
}

variable "kms_key_arn" {
  description = "The key that objects are encrypted with; null for S3's own, which is all that a bucket of access logs can take."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be an ARN that begins with arn:aws:kms:, or null."
  }
}

variable "noncurrent_days" {
  description = "How long a version is kept after it was replaced or deleted, in which time the deletion can be undone."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 7 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of at least 7."
  }
}

variable "expire_after_days" {
  description = "For a bucket of logs only: the age at which they are deleted. Null, as for every other bucket: never."
  type        = number
  default     = null

  validation {
    condition     = var.expire_after_days == null || var.receives_logs_of != null
    error_message = "expire_after_days is for buckets of logs (receives_logs_of): nothing else expires by age."
  }
}

variable "receives_logs_of" {
  description = "For a bucket of access logs: the account whose buckets may log into it."
  type        = string
  default     = null

  validation {
    condition     = var.receives_logs_of == null || can(regex("^[0-9]{12}$", var.receives_logs_of))
    error_message = "receives_logs_of must be an account's twelve digits, or null."
  }
}

variable "log_bucket" {
  description = "The bucket that is told of every access; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.log_bucket == null || var.log_bucket != var.name
    error_message = "log_bucket must be another bucket: one that logs into itself grows for ever."
  }
}

variable "sends_events" {
  description = "Whether new objects are told to EventBridge."
  type        = bool
  default     = false
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes the bucket with all that is in it. Without it only an empty bucket goes."
  type        = bool
  default     = false
}
