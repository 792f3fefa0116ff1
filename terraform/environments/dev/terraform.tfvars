# To be set. No secret belongs here.
account         = "000000000000"
region          = "eu-central-1"
cd_repository   = "https://git.invalid/set/in/terraform.tfvars"
administrators  = { terraform = "arn:aws:iam::000000000000:role/set-in-terraform-tfvars" }
records_backend = "operator"
jenkins_agent   = { repository = "registry.invalid/jenkins-agent", tag = "set-in-terraform-tfvars" }
