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

variable "kubernetes_version" {
  description = "The version of Kubernetes, without its patch. It must be one that EKS still supports and Tekton v1.15 runs on."
  type        = string
  default     = "1.35"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version must be a minor version, such as 1.35."
  }
}

variable "subnet_ids" {
  description = "The private subnets of nodes and pods."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must be at least two subnets, in different zones."
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

variable "node_groups" {
  description = "The groups of nodes: what they are made of, how many there are, what is put on them."
  type = map(object({
    instance_types = list(string)
    min_nodes      = number
    max_nodes      = number
    disk_gib       = optional(number, 50)
    spot           = optional(bool, false)
    labels         = optional(map(string), {})
    taints         = optional(map(string), {})
  }))

  validation {
    condition     = anytrue([for group in var.node_groups : !group.spot && length(group.taints) == 0 && group.min_nodes > 0])
    error_message = "node_groups must have one group without taints that is no spot group and never empty: the add-ons run there."
  }

  validation {
    condition     = alltrue([for group in var.node_groups : group.max_nodes >= group.min_nodes && group.max_nodes > 0])
    error_message = "node_groups: max_nodes must be at least min_nodes, and not 0."
  }

  validation {
    condition     = alltrue([for group in var.node_groups : length(group.instance_types) > 0 && group.disk_gib >= 20])
    error_message = "node_groups: each group needs a type of instance and a disk of at least 20 GiB."
  }
}

variable "addon_versions" {
  description = "Versions of EKS add-ons by name; one that is not given is EKS's default for the version of Kubernetes."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for version in var.addon_versions : can(regex("^v[0-9].*-eksbuild\\.[0-9]+$", version))])
    error_message = "addon_versions must be versions of EKS, such as v1.20.4-eksbuild.1."
  }
}

variable "deletion_protection" {
  description = "Whether the cluster refuses to be deleted until this is switched off."
  type        = bool
}

variable "kms_key_arn" {
  description = "The key that Kubernetes Secrets are encrypted with."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:kms:", var.kms_key_arn))
    error_message = "kms_key_arn must be an ARN that begins with arn:aws:kms:."
  }
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
