variable "account" {
  description = "The account, in which alone anything is done."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account))
    error_message = "account must be the twelve digits of an AWS account."
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

variable "cd_repository" {
  description = "The Git repository that the cluster follows; the same as in argocd/settings/settings.env."
  type        = string

  validation {
    condition     = can(regex("^(https://|ssh://git@)[^/@]+/.+", var.cd_repository))
    error_message = "cd_repository must be an https:// or ssh:// address without a user's name or password."
  }
}

variable "public_access_cidrs" {
  description = "From where the API server may be reached beside the VPC. Empty: from nowhere."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.public_access_cidrs : try(tonumber(split("/", cidr)[1]) >= 24, false)])
    error_message = "public_access_cidrs must be ranges of at most 256 addresses (/24): the API server is not for everybody."
  }
}

variable "administrators" {
  description = "Who may do everything in the cluster: a name of your choice, and the ARN of a role or user. Terraform's own role must be among them."
  type        = map(string)

  validation {
    condition     = length(var.administrators) > 0 && alltrue([for arn in var.administrators : can(regex("^arn:aws:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "administrators must be at least one ARN of a role or user: without one nobody gets into the cluster."
  }
}

variable "readers" {
  description = "Who may look at Kubernetes' own kinds but Secrets, in the same form: at pods and their logs, not at runs or Applications."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in var.readers : can(regex("^arn:aws:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "readers must be ARNs of roles or users."
  }

  validation {
    condition     = length(setintersection(keys(var.readers), keys(var.administrators))) == 0
    error_message = "readers must have other names than administrators."
  }
}

variable "records_backend" {
  description = "Which database holds the records: operator for one in the cluster that Terraform does not make; atlas; documentdb, which no run can use before its authority is known to `load`."
  type        = string

  validation {
    condition     = contains(["atlas", "documentdb", "operator"], var.records_backend)
    error_message = "records_backend must be atlas, documentdb or operator."
  }
}

variable "atlas" {
  description = "The organization in MongoDB Atlas and the size of the servers, where records_backend says so. The key of its API is in the environment, never here."
  type = object({
    organization_id = optional(string, "")
    instance_size   = optional(string, "M10")
  })
  default = {}

  validation {
    condition     = var.records_backend != "atlas" || var.atlas.organization_id != ""
    error_message = "atlas needs an organization_id when records_backend is atlas."
  }
}

variable "pull_accounts" {
  description = "Other accounts whose clusters may pull the images that are kept here, such as that of prod."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.pull_accounts : can(regex("^[0-9]{12}$", account))])
    error_message = "pull_accounts must be accounts' twelve digits."
  }
}

variable "jenkins_agent" {
  description = "The image of build agents: one with git, buildah and what `./dev test` installs."
  type = object({
    repository = string
    tag        = string
  })

  validation {
    condition     = var.jenkins_agent.tag != "latest" && can(regex("^[a-z0-9./_-]+$", var.jenkins_agent.repository))
    error_message = "jenkins_agent must be the name of an image, and a tag that is not latest."
  }
}
