variable "name" {
  description = "The alias of the key, without alias/."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9/-]{2,60}$", var.name)) && !startswith(var.name, "aws/")
    error_message = "name must be lower-case letters, digits, hyphens and slashes, and must not begin with aws/."
  }
}

variable "description" {
  description = "What the key is for, as it is shown in the account."
  type        = string

  validation {
    condition     = length(var.description) > 0
    error_message = "description must not be empty."
  }
}

variable "log_region" {
  description = "The region whose CloudWatch Logs may use the key; null for a key that encrypts no logs."
  type        = string
  default     = null

  validation {
    condition     = var.log_region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.log_region))
    error_message = "log_region must be the name of an AWS region, or null."
  }
}
