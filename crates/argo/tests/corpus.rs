//! Every recorded case of Tekton's behaviour is exported to a document that holds, or refused with a reason.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write;

use faultline_argo::{Error, Options, check, to_yaml};
use support::schema::Schema;
use support::{corpus, export_file};

#[test]
fn every_case_is_exported_or_refused() {
    let schema = Schema::load();
    let (mut exported, mut refused) = (0, String::new());
    let cases = corpus();
    for case in &cases {
        let name = case.file_name().unwrap().to_string_lossy();
        let how: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(case.join("run.json")).unwrap()).unwrap();
        match export_file(&case.join("pipeline.yaml"), how["pipeline"].as_str(), &Options::default()) {
            Ok(document) => {
                assert_eq!(check(&document), [], "{name}");
                let problems = schema.as_ref().map(|schema| schema.problems(&document, "WorkflowTemplate"));
                assert_eq!(problems.unwrap_or_default(), [""; 0], "{name}");
                assert_eq!(faultline_tekton::yaml_values(&to_yaml(&document)), Ok(vec![document]), "{name}");
                exported += 1;
            }
            Err(Error::Refused { problem, hint }) => {
                assert!(problem.position.is_some() && !hint.is_empty(), "{name}: {problem:?}");
                writeln!(refused, "{name}: {}: {}", problem.field, problem.message).unwrap();
            }
            Err(Error::Tekton(error)) => {
                // What Tekton itself does not run.
                writeln!(refused, "{name}: {}", error.to_string().replace(&*case.to_string_lossy(), "[case]")).unwrap();
            }
            Err(error @ Error::Unsound { .. }) => panic!("{name}: {error}"),
        }
    }
    assert!(cases.len() > 230, "the recorded cases are missing");
    let count = refused.lines().count();
    insta::assert_snapshot!("corpus", format!("{exported} exported, {count} refused\n\n{refused}"));
}
