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
