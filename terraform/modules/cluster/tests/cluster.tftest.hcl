mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name                = "faultline-test"
  region              = "eu-central-1"
  subnet_ids          = ["subnet-a", "subnet-b"]
  administrators      = { terraform = "arn:aws:iam::111122223333:role/terraform" }
  deletion_protection = false
  kms_key_arn         = "arn:aws:kms:eu-central-1:111122223333:key/test"
  log_kms_key_arn     = "arn:aws:kms:eu-central-1:111122223333:key/test"
  node_groups = {
    system = { instance_types = ["t3.large"], min_nodes = 2, max_nodes = 4 }
    steps  = { instance_types = ["m6i.large"], min_nodes = 0, max_nodes = 4, spot = true, taints = { steps = "true" } }
  }
}

run "it_is_reached_from_the_vpc_only" {
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "the API server is public"
  }

  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "somebody else gets in"
  }

  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == var.kms_key_arn && length(aws_eks_cluster.this.enabled_cluster_log_types) == 5
    error_message = "Secrets are not encrypted, or a log is missing"
  }
}

run "only_those_listed_get_in" {
  variables {
    readers = { analyst = "arn:aws:iam::111122223333:role/analyst" }
  }

  assert {
    condition = { for name, association in aws_eks_access_policy_association.this : name => association.policy_arn } == {
      analyst   = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
      terraform = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    }
    error_message = "other rights"
  }
}

run "pods_do_not_get_the_role_of_their_node" {
  assert {
    condition     = alltrue([for template in aws_launch_template.this : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "the metadata of the node can be asked by pods"
  }

  assert {
    condition     = aws_eks_node_group.this["steps"].capacity_type == "SPOT" && aws_eks_node_group.this["system"].capacity_type == "ON_DEMAND"
    error_message = "other capacity"
  }
}

run "network_policies_are_enforced_and_pods_get_identities" {
  assert {
    condition     = jsondecode(aws_eks_addon.early["vpc-cni"].configuration_values).enableNetworkPolicy == "true" && contains(keys(aws_eks_addon.early), "eks-pod-identity-agent")
    error_message = "an add-on is missing"
  }
}

run "a_public_api_server_is_refused" {
  command = plan

  variables {
    public_access_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.public_access_cidrs]
}

run "a_cluster_without_administrators_is_refused" {
  command = plan

  variables {
    administrators = {}
  }

  expect_failures = [var.administrators]
}

run "a_cluster_of_spot_nodes_alone_is_refused" {
  command = plan

  variables {
    node_groups = { steps = { instance_types = ["m6i.large"], min_nodes = 1, max_nodes = 4, spot = true } }
  }

  expect_failures = [var.node_groups]
}
