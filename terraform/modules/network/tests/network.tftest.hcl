mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name            = "faultline-test"
  region          = "eu-central-1"
  zones           = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  vpc_cidr        = "10.20.0.0/16"
  nat_per_zone    = false
  log_kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/test"
}

run "one_nat_gateway_serves_all_zones" {
  assert {
    condition     = length(aws_nat_gateway.this) == 1
    error_message = "${length(aws_nat_gateway.this)} NAT gateways"
  }

  assert {
    condition     = alltrue([for route in aws_route.private : route.nat_gateway_id == aws_nat_gateway.this["eu-central-1a"].id])
    error_message = "a zone goes out another way"
  }
}

run "each_zone_has_its_own" {
  variables {
    nat_per_zone = true
  }

  assert {
    condition     = alltrue([for zone in var.zones : aws_route.private[zone].nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "a zone goes out through another"
  }
}

run "nothing_is_public_by_itself" {
  assert {
    condition     = alltrue([for subnet in aws_subnet.public : !subnet.map_public_ip_on_launch])
    error_message = "a subnet gives out public addresses"
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_cloudwatch_log_group.flow.kms_key_id == var.log_kms_key_arn
    error_message = "flow logs are not whole, or not encrypted"
  }
}

run "flow_logs_may_be_written" {
  assert {
    condition = toset(flatten([for statement in jsondecode(aws_iam_role_policy.flow.policy).Statement : statement.Action])) == toset([
      "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents",
    ])
    error_message = aws_iam_role_policy.flow.policy
  }
}

run "one_zone_twice_is_refused" {
  command = plan

  variables {
    zones = ["eu-central-1a", "eu-central-1a"]
  }

  expect_failures = [var.zones]
}
