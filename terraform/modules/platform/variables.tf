variable "name" {
  description = "The name that everything made here begins with, such as faultline-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,17}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 19 lower-case letters, digits and hyphens, beginning with a letter."
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

variable "zones" {
  description = "The availability zones, the first of which holds the NAT gateway where there is one only."
  type        = list(string)

  validation {
    condition     = contains([2, 3], length(var.zones)) && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones must be two or three different availability zones."
  }

  validation {
    condition     = alltrue([for zone in var.zones : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", zone))])
    error_message = "zones must be names of availability zones, such as eu-central-1a."
  }
}

variable "vpc_cidr" {
  description = "The address space of the VPC, from /16 to /20. It should be no other network's that this one may be joined to."
  type        = string

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0))
    error_message = "vpc_cidr must be an IPv4 range, such as 10.20.0.0/16."
  }
}

variable "nat_per_zone" {
  description = "Whether each zone has a NAT gateway of its own, so that the loss of a zone leaves the others on line, or all share one."
  type        = bool
}

variable "overlay" {
  description = "The overlay of argocd/overlays that the cluster runs. In production databases are there more than once."
  type        = string

  validation {
    condition     = contains(["development", "production"], var.overlay)
    error_message = "overlay must be development or production."
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

variable "deletion_protection" {
  description = "Whether cluster and databases refuse to be deleted, and buckets and registries unless they are empty. The bucket of raw files and models never goes unless it is empty."
  type        = bool
}

variable "last_snapshot" {
  description = "Whether a last snapshot is taken when a database in RDS or DocumentDB is deleted. It outlives the environment, and costs until it is deleted by hand."
  type        = bool
}

variable "builds_images" {
  description = "Whether images are built and kept here. One environment does; the others pull from it, by the same digests."
  type        = bool
}

variable "pull_accounts" {
  description = "Other accounts whose clusters may pull the images that are kept here."
  type        = set(string)
  default     = []

  validation {
    condition     = var.builds_images || length(var.pull_accounts) == 0
    error_message = "pull_accounts is for the environment that builds images."
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

variable "documentdb" {
  description = "DocumentDB's servers, where records_backend says so."
  type = object({
    instance_class = string
    instance_count = number
  })
  default = { instance_class = "db.t4g.medium", instance_count = 1 }

  validation {
    condition     = var.documentdb.instance_count >= 1
    error_message = "documentdb must have at least one server."
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

variable "mlflow_instance_class" {
  description = "The size of MLflow's database server."
  type        = string
  default     = "db.t4g.small"

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.mlflow_instance_class))
    error_message = "mlflow_instance_class must be a class of RDS, such as db.t4g.small."
  }
}

variable "backup_days" {
  description = "How many days the databases can be taken back."
  type        = number

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days must be from 1 to 35, which RDS takes."
  }
}
