//! The rights that Terraform gives the stages are those that `faultline policy` prints, with bucket, key and model left open.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use faultline_e2e::{checkout, program};
use faultline_testkit::generated::check_file;

/// Where Terraform finds them.
const POLICIES: &str = "terraform/modules/stages/policies";
const SUFFIX: &str = ".json.tftpl";
/// What is asked for, and the variable of the template that is put in its place.
const LEFT_OPEN: [(&str, &str); 3] =
    [("left-open-bucket", "${bucket}"), ("left-open-model", "${model}"), ("left-open-key", "${kms_key_arn}")];

/// The names of the files in a folder of the checkout that end so, without that end.
fn names(folder: &str, suffix: &str) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(checkout().join(folder))?.collect::<Result<Vec<_>, _>>()?;
    let name = |path: &Path| Some(path.file_name()?.to_str()?.strip_suffix(suffix)?.to_owned());
    Ok(entries.iter().filter_map(|entry| name(&entry.path())).collect())
}

#[test]
fn the_generated_policies_of_terraform_are_up_to_date() -> Result<()> {
    let stages = names("pipelines/tasks", ".yaml")?;
    assert!(stages.len() >= 9, "{stages:?}");
    for stage in &stages {
        let mut command = Command::new(program("faultline")?);
        command.args([
            "policy",
            stage,
            "--root-uri",
            "s3://left-open-bucket/store",
            "--raw-uri",
            "s3://left-open-bucket/raw",
        ]);
        command
            .args(["--model", "left-open-model", "--kms-key-arn", "left-open-key"])
            .env_remove("FAULTLINE_RECORDS_URI");
        let output = command.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout)?;
        let (_, mut policy) =
            printed.split_once(":\n").map(|(title, rest)| (title, rest.to_owned())).context("a title")?;
        assert!(!policy.contains('$'), "a template would take this for its own: {policy}");
        for (asked, variable) in LEFT_OPEN {
            policy = policy.replace(asked, variable);
        }
        check_file(&format!("{POLICIES}/{stage}{SUFFIX}"), &policy);
    }
    // A stage that is no more has no rights either.
    assert_eq!(names(POLICIES, SUFFIX)?, stages);
    Ok(())
}
