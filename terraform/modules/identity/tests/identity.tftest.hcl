mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name            = "faultline-test-stage-load"
  cluster_name    = "faultline-test"
  cluster_arn     = "arn:aws:eks:eu-central-1:111122223333:cluster/faultline-test"
  namespace       = "faultline-development"
  service_account = "load"
}

run "only_the_pods_named_take_the_role" {
  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "aws:SourceAccount"                         = "111122223333"
        "aws:RequestTag/kubernetes-namespace"       = "faultline-development"
        "aws:RequestTag/kubernetes-service-account" = "load"
      }
      ArnEquals = { "aws:SourceArn" = "arn:aws:eks:eu-central-1:111122223333:cluster/faultline-test" }
    }
    error_message = aws_iam_role.this.assume_role_policy
  }

  assert {
    condition     = length(aws_iam_role_policy.this) == 0 && aws_eks_pod_identity_association.this[0].service_account == "load"
    error_message = "rights that nobody asked for, or no binding"
  }
}

run "administrators_are_refused" {
  command = plan

  variables {
    managed_policies = ["AdministratorAccess"]
  }

  expect_failures = [var.managed_policies]
}

run "what_is_no_policy_is_refused" {
  command = plan

  variables {
    policy = "{}"
  }

  expect_failures = [var.policy]
}
