mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name        = "faultline"
  images      = ["cluster", "train"]
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/test"
}

run "each_image_has_a_repository_whose_tags_stay" {
  assert {
    condition     = [for repository in aws_ecr_repository.this : repository.name] == ["faultline/cluster", "faultline/train"]
    error_message = "other names"
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE" && repository.image_scanning_configuration[0].scan_on_push])
    error_message = "a tag could be moved, or an image is not scanned"
  }

  assert {
    condition     = length(aws_ecr_repository_policy.this) == 0
    error_message = "somebody else may pull"
  }
}

run "named_accounts_pull_and_no_more" {
  variables {
    pull_accounts = ["444455556666"]
  }

  assert {
    condition     = alltrue([for policy in aws_ecr_repository_policy.this : !strcontains(policy.policy, "Put") && !strcontains(policy.policy, "\"*\"")])
    error_message = "more than pulling by one account"
  }
}

run "too_few_kept_images_are_refused" {
  command = plan

  variables {
    kept_images = 5
  }

  expect_failures = [var.kept_images]
}
