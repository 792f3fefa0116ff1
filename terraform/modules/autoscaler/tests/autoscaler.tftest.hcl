mock_provider "aws" {
  source = "../../mocks/aws"
}

mock_provider "helm" {}

variables {
  name         = "faultline-test"
  region       = "eu-central-1"
  cluster_name = "faultline-test"
  cluster_arn  = "arn:aws:eks:eu-central-1:111122223333:cluster/faultline-test"
}

run "it_scales_the_groups_of_its_own_cluster" {
  assert {
    condition     = yamldecode(helm_release.this.values[0]).autoDiscovery.clusterName == "faultline-test"
    error_message = helm_release.this.values[0]
  }
}

run "a_range_of_versions_is_refused" {
  command = plan

  variables {
    chart_version = "9"
  }

  expect_failures = [var.chart_version]
}
