variable "name" {
  description = "The name that everything made here begins with, such as faultline-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,26}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 28 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "images" {
  description = "The images, one for each step and service; each has a repository of its own."
  type        = set(string)

  validation {
    condition     = length(var.images) > 0 && alltrue([for image in var.images : can(regex("^[a-z][a-z0-9-]*$", image))])
    error_message = "images must be names of lower-case letters, digits and hyphens."
  }
}

variable "kms_key_arn" {
  description = "The key that images are encrypted with."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be an ARN that begins with arn:aws:kms:."
  }
}

variable "pull_accounts" {
  description = "Other accounts whose clusters may pull."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.pull_accounts : can(regex("^[0-9]{12}$", account))])
    error_message = "pull_accounts must be accounts' twelve digits."
  }
}

variable "kept_images" {
  description = "How many images of a step are kept. It must reach back further than any digest that is pinned in Git."
  type        = number
  default     = 100

  validation {
    condition     = var.kept_images >= 20
    error_message = "kept_images must be at least 20, or a digest that is still pinned may be deleted."
  }
}

variable "force_delete" {
  description = "Whether `terraform destroy` deletes repositories with the images in them."
  type        = bool
  default     = false
}
