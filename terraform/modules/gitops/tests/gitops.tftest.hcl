mock_provider "helm" {}

variables {
  overlay       = "development"
  cd_repository = "https://git.invalid/faultline.git"
  facts = {
    mlflow-bucket   = "faultline-test-mlflow"
    mlflow-database = "mlflow.rds.invalid"
  }
}

run "the_cluster_tells_what_the_root_asks" {
  assert {
    condition = alltrue([
      for fact in distinct(flatten(regexall("faultline\\.dev/([a-z-]+)\" }}", file("root.yaml")))) :
      contains(keys(output.cluster_annotations), "faultline.dev/${fact}")
    ])
    error_message = jsonencode(output.cluster_annotations)
  }

  assert {
    condition     = output.cluster_annotations["faultline.dev/absent-overlay"] == "production"
    error_message = output.cluster_annotations["faultline.dev/absent-overlay"]
  }
}

run "argo_cd_gets_the_settings_that_are_in_git" {
  assert {
    condition     = yamldecode(helm_release.argocd.values[0]).configs.cm["application.resourceTrackingMethod"] == "annotation"
    error_message = helm_release.argocd.values[0]
  }
}

run "the_bridge_is_a_secret_and_the_root" {
  assert {
    condition     = [for document in yamldecode(helm_release.bridge.values[0]).documents : document.kind] == ["Secret", "ApplicationSet"]
    error_message = helm_release.bridge.values[0]
  }
}

run "a_secret_is_no_fact" {
  command = plan

  variables {
    facts = { mlflow-bucket = "b", mlflow-database = "d", mlflow-password = "p" }
  }

  expect_failures = [var.facts]
}

run "a_missing_fact_is_told" {
  command = plan

  variables {
    facts = { mlflow-bucket = "b" }
  }

  expect_failures = [var.facts]
}

run "a_user_in_an_address_is_refused" {
  command = plan

  variables {
    cd_repository = "https://user:word@git.invalid/faultline.git"
  }

  expect_failures = [var.cd_repository]
}
