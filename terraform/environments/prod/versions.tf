terraform {
  required_version = ">= 1.11.0, < 2.0.0"

  # The bucket is named after the account: terraform init -backend-config="bucket=..." -backend-config="region=..."
  backend "s3" {
    key          = "prod/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.25.0"
    }
    helm = {
      source  = "hashicorp/helm"
      version = "3.1.1"
    }
    mongodbatlas = {
      source  = "mongodb/mongodbatlas"
      version = "1.41.1"
    }
  }
}

provider "aws" {
  region = var.region
  # With the credentials of another account nothing happens.
  allowed_account_ids = [var.account]

  default_tags {
    tags = {
      project     = "faultline"
      environment = "prod"
    }
  }
}

# A token that lives for minutes, of whoever runs Terraform.
provider "helm" {
  kubernetes = {
    host                   = module.platform.cluster.endpoint
    cluster_ca_certificate = base64decode(module.platform.cluster.certificate_authority)

    exec = {
      api_version = "client.authentication.k8s.io/v1"
      command     = "aws"
      args        = ["eks", "get-token", "--cluster-name", module.platform.cluster.name, "--region", var.region]
    }
  }
}

# The key of its API is taken from MONGODB_ATLAS_PUBLIC_KEY and MONGODB_ATLAS_PRIVATE_KEY.
provider "mongodbatlas" {}
