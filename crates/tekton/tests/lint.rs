//! What the linter says of whole files: one pair of documents per rule, and the documents that a real Tekton refused or took.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use faultline_tekton::lint::{Finding, RULES, Report};
use faultline_tekton::{Severity, lint};
use faultline_testkit::generated::check_part;
use proptest::prelude::*;

/// What is said of the documents that Tekton takes although something is odd with them: the file, and the rule.
///
/// Where the run of such a document failed on the cluster, the rule says why.
const ADMITTED: [(&str, &str); 27] = [
    ("005-param-array-without-star-in-task", "odd-selector"),
    ("018-param-object-dotted-name", "unused-param"),
    ("019-param-index-on-string", "odd-selector"),
    ("020-param-index-out-of-range-default", "index-range"),
    ("021-param-default-object-missing-key", "missing-key"),
    ("024-param-star-on-string", "odd-selector"),
    ("025-param-yaml-boolean-value", "unquoted-value"),
    ("205-result-duplicate", "duplicate-result"),
    ("209-pipeline-result-type-mismatch", "result-type"),
    ("210-result-undeclared-path", "result-path"),
    ("211-result-array-in-text", "result-type"),
    ("212-result-reference-malformed", "malformed-reference"),
    ("213-result-reference-without-name", "malformed-reference"),
    ("302-matrix-param-string", "matrix-type"),
    ("304-matrix-include-array", "matrix-type"),
    ("308-matrix-empty-literal", "empty-matrix"),
    ("309-matrix-length-of-plain-task", "matrix-length"),
    ("517-retries-negative", "retries"),
    ("526-task-ref-bad-name", "missing-task"),
    ("528-volume-mount-unknown", "unknown-volume"),
    ("531-script-in-text-step-results-unknown", "step-reference"),
    ("534-step-reads-later-step-result", "step-reference"),
    ("602-workspace-undeclared-in-task", "workspace-reference"),
    ("708-run-task-timeout-above-pipeline", "task-timeout"),
    ("802-object-param-unused-key-given-string", "param-type"),
    ("803-embedded-string-param-gets-array", "param-type"),
    ("809-default-object-without-key-used", "missing-key"),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn report(file: &Path) -> Report {
    lint(&[file.to_owned()]).unwrap()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn errors(report: &Report) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.severity() == Severity::Error).collect()
}

/// One line per finding.
fn listed(findings: &[&Finding]) -> String {
    findings.iter().fold(String::new(), |mut text, finding| {
        let Finding { rule, file, position, field, message, hint, .. } = finding;
        let file = file.file_name().unwrap().to_string_lossy();
        let (line, column, severity) = (position.line, position.column, finding.severity().name());
        writeln!(text, "{file}:{line}:{column}: {severity}[{}] {field}: {message}", rule.id).unwrap();
        writeln!(text, "    hint: {}", hint.as_deref().unwrap()).unwrap();
        text
    })
}

#[test]
fn every_rule_finds_its_document_and_leaves_the_mended_one_alone() {
    let mut all = Vec::new();
    for rule in RULES {
        let wrong = report(&folder("lint").join(format!("{}.yaml", rule.id)));
        let found: Vec<_> = wrong.findings.iter().filter(|finding| finding.rule == *rule).cloned().collect();
        assert!(!found.is_empty(), "{} finds nothing, got:\n{:#?}", rule.id, wrong.findings);
        all.extend(found);
        let fine = report(&folder("lint").join(format!("{}.fine.yaml", rule.id)));
        let is_left = fine.findings.iter().filter(|finding| finding.rule == *rule || !finding.rule.is_pedantic);
        assert_eq!(listed(&is_left.collect::<Vec<_>>()), "", "the mended document of {}", rule.id);
    }
    assert_eq!(entries(&folder("lint")).len(), 2 * RULES.len(), "a document without a rule");
    insta::assert_snapshot!("rules", listed(&all.iter().collect::<Vec<_>>()));
}

#[test]
fn generated_table_of_rules() {
    let mut table = "| rule | severity | finds | example |\n|---|---|---|---|\n".to_owned();
    for rule in RULES {
        let note = if rule.is_pedantic { ", with `--pedantic`" } else { "" };
        let (id, severity, finds, example) = (rule.id, rule.severity.name(), rule.finds, rule.example);
        writeln!(table, "| `{id}` | {severity}{note} | {finds} | {example} |").unwrap();
    }
    check_part("docs/lint.md", &table);
}

#[test]
fn every_document_that_tekton_refuses_has_an_error_at_its_place() {
    let mut all = Vec::new();
    for file in entries(&folder("conformance/rejected")) {
        let report = report(&file);
        let errors: Vec<_> = errors(&report).into_iter().cloned().collect();
        assert!(!errors.is_empty(), "{} has no error", file.display());
        all.extend(errors);
    }
    insta::assert_snapshot!("rejected", listed(&all.iter().collect::<Vec<_>>()));
}

#[test]
fn no_document_that_tekton_runs_has_an_error() {
    let cases = entries(&folder("conformance/cases"));
    assert!(cases.len() > 150, "the recorded cases are missing");
    for case in cases {
        let report = report(&case.join("pipeline.yaml"));
        assert_eq!(listed(&errors(&report)), "", "{}", case.display());
    }
}

#[test]
fn documents_that_tekton_takes_and_that_are_odd_have_a_warning() {
    for file in entries(&folder("conformance/admitted")) {
        let report = report(&file);
        assert_eq!(listed(&errors(&report)), "", "{}", file.display());
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if let Some((_, rule)) = ADMITTED.iter().find(|(known, _)| *known == name) {
            assert!(report.findings.iter().any(|finding| finding.rule.id == *rule), "{name}: {:#?}", report.findings);
        }
    }
}

#[test]
fn one_fault_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: NAME}\nspec:\n  stepz: []\n  steps:\n  - imagge: i\n    args: [1, $(params.x)]\n    timeout: soon\n";
    let both = format!("{}---\na: [\n---\n{}", task.replace("NAME", "one"), task.replace("NAME", "two"));
    std::fs::write(folder.path().join("a.yaml"), both).unwrap();
    std::fs::write(folder.path().join("b.yml"), task.replace("NAME", "three")).unwrap();
    let report = lint(&[folder.path().to_owned()]).unwrap();
    let of = |id: &str| report.findings.iter().filter(|finding| finding.rule.id == id).count();
    let counts =
        ["unknown-field", "unquoted-scalar", "timeout", "unknown-param", "missing-field", "yaml-syntax"].map(of);
    assert_eq!(counts, [6, 3, 3, 3, 0, 1], "{}", listed(&report.findings.iter().collect::<Vec<_>>()));
    assert_eq!((report.files, report.documents), (2, 3));
}

#[test]
fn folders_are_walked_for_tekton_documents_only() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    let pipeline = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec: {tasks: [{name: a, taskRef: {name: t}}]}\n";
    let task =
        "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec: {steps: [{image: i, command: [echo]}]}\n";
    write("deep/er/p.yaml", pipeline);
    write("other/t.yaml", task);
    write("chart.yaml", "{{ template }}: [");
    write("map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n");
    write(".hidden/p.yaml", "apiVersion: tekton.dev/v1\nkind: Nothing\n");
    let report = lint(&[folder.path().to_owned()]).unwrap();
    assert_eq!(listed(&report.findings.iter().collect::<Vec<_>>()), "");
    assert_eq!((report.files, report.documents), (2, 2));
    // Alone, the file finds only what a run would find beside it.
    let alone = |file: &str| lint(&[folder.path().join(file)]).unwrap().findings;
    assert_eq!(alone("deep/er/p.yaml")[0].rule.id, "missing-task");
    write("deep/er/tasks/t.yaml", task);
    assert_eq!(alone("deep/er/p.yaml"), []);
    assert!(lint(&[folder.path().join("nowhere")]).is_err());
}

#[test]
fn hostile_files_are_refused_with_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    let head = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec:\n  description: ";
    let fields: Vec<_> = (0..20_000).map(|n| format!("  k{n}: 1\n")).collect();
    let many = format!("{head}x\n{}", fields.concat());
    for (text, rule, line) in [
        (format!("{head}{}", "[".repeat(1_000_000)).into_bytes(), "yaml-limit", 5),
        (format!("{head}|\n{}", "    x\n".repeat(2_000_000)).into_bytes(), "yaml-limit", 1),
        ([head.as_bytes(), b"\"a\xff\""].concat(), "yaml-encoding", 5),
        (format!("{head}a\0b\n").into_bytes(), "yaml-syntax", 5),
        (many.into_bytes(), "unknown-field", 6),
    ] {
        std::fs::write(&file, text).unwrap();
        let findings = report(&file).findings;
        let first =
            findings.iter().find(|finding| finding.rule.id == rule).unwrap_or_else(|| panic!("{rule}: {findings:?}"));
        assert_eq!(first.position.line, line, "{first:?}");
        assert!(findings.len() <= 60, "{} findings", findings.len());
    }
}

/// What tears a document apart where it is put in.
const SCRAPS: [&str; 24] = [
    "\0",
    "\t",
    "\r",
    "---\n",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!!x ",
    "'",
    "\"",
    "|\n",
    "$(",
    "$(params.",
    "[*])",
    "null",
    "-1",
    "<<: *a\n",
    "\u{feff}",
    "\u{202e}",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_bytes_are_judged_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        std::fs::write(&file, bytes).unwrap();
        lint(&[file]).unwrap();
    }

    #[test]
    fn torn_documents_are_judged_to_their_end(
        (document, cut) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..12_usize, 0..SCRAPS.len()), 1..4),
    ) {
        let files = entries(&folder("lint"));
        let texts: Vec<_> = files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect();
        let mut lines: Vec<String> = document.get(&texts).lines().map(str::to_owned).collect();
        lines.remove(cut.index(lines.len()));
        let mut text: Vec<char> = lines.join("\n").chars().collect();
        for (at, removed, scrap) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + removed).min(text.len());
            text.splice(start..end, SCRAPS[scrap].chars());
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        std::fs::write(&file, text.iter().collect::<String>()).unwrap();
        for finding in lint(&[file]).unwrap().findings {
            prop_assert!(finding.position.line >= 1 && finding.position.column >= 1, "{:?}", finding);
        }
    }
}
