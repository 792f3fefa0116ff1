variable "name" {
  description = "The name under which it is kept."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9/-]{2,100}$", var.name))
    error_message = "name must be lower-case letters, digits, hyphens and slashes."
  }
}

variable "kms_key_arn" {
  description = "The key that it is encrypted with."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be an ARN that begins with arn:aws:kms:."
  }
}

variable "username" {
  description = "The user whose password it is."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.username))
    error_message = "username must be up to 63 lower-case letters, digits and underscores."
  }
}

variable "password_version" {
  description = "The number of the password: raised by one, a new password is made, kept and set. It never is in the state."
  type        = number
  default     = 1

  validation {
    condition     = var.password_version >= 1 && floor(var.password_version) == var.password_version
    error_message = "password_version must be a whole number of at least 1."
  }
}
