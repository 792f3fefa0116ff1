mock_provider "aws" {
  source = "../../mocks/aws"
}

mock_provider "helm" {}

variables {
  name             = "faultline-test"
  cluster_name     = "faultline-test"
  cluster_arn      = "arn:aws:eks:eu-central-1:111122223333:cluster/faultline-test"
  repository_arns  = ["arn:aws:ecr:eu-central-1:111122223333:repository/faultline/cluster"]
  agent_repository = "registry.invalid/jenkins-agent"
  agent_tag        = "1"
}

run "builds_run_on_agents_only" {
  assert {
    condition     = yamldecode(helm_release.this.values[0]).controller.numExecutors == 0 && !yamldecode(helm_release.this.values[0]).controller.admin.createSecret
    error_message = helm_release.this.values[0]
  }
}

run "agents_run_on_the_nodes_that_are_kept_for_them" {
  variables {
    agent_nodes = { "faultline.dev/nodes" = "steps" }
  }

  assert {
    condition     = yamldecode(helm_release.this.values[0]).agent.nodeSelector == { "faultline.dev/nodes" = "steps" }
    error_message = helm_release.this.values[0]
  }

  assert {
    condition = yamldecode(yamldecode(helm_release.this.values[0]).agent.yamlTemplate).spec.tolerations == [
      { key = "faultline.dev/nodes", operator = "Equal", value = "steps", effect = "NoSchedule" }
    ]
    error_message = helm_release.this.values[0]
  }
}

run "any_repository_is_refused" {
  command = plan

  variables {
    repository_arns = ["arn:aws:ecr:eu-central-1:111122223333:repository/*"]
  }

  expect_failures = [var.repository_arns]
}

run "an_image_that_changes_is_refused" {
  command = plan

  variables {
    agent_tag = "latest"
  }

  expect_failures = [var.agent_tag]
}
