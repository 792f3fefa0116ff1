//! Everything that can be said about documents before anything runs.
//!
//! [`lint()`] reads all files, judges each document as a cluster's admission would, then looks at how the documents use each other.
//! An error means that a cluster refuses the document; a warning means that it takes it, and that the run then fails or does
//! something else than is written.

mod findings;
mod links;
pub(crate) mod rules;
mod set;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::check;
use crate::error::Error;
pub(crate) use findings::Findings;
pub use findings::{Finding, Severity};
use rules::DUPLICATE_DOCUMENT;
pub use rules::{RULES, Rule};
use set::Files;

/// What was found in all files.
#[derive(Debug, Default)]
pub struct Report {
    /// In order of file, line and column.
    pub findings: Vec<Finding>,
    /// How many files were judged.
    pub files: usize,
    /// How many Tekton documents they hold.
    pub documents: usize,
}

/// Judges files, and all `*.yaml` and `*.yml` files below folders, less what is not of Tekton.
///
/// References are looked up in all of these files, and in those that a run would find beside each of them. Findings of pedantic
/// rules are among the others.
///
/// # Errors
///
/// [`Error::Read`] when a file or folder cannot be read.
pub fn lint(paths: &[PathBuf]) -> Result<Report, Error> {
    let files = Files::read(paths)?;
    let set = files.set();
    let mut report = Report { files: files.judged.len(), ..Report::default() };
    for inspected in files.judged.values() {
        let mut seen = BTreeSet::new();
        report.findings.extend(inspected.findings.iter().cloned());
        for (document, unread) in &inspected.documents {
            report.documents += 1;
            let mut findings = Findings::new(document.source());
            for path in unread {
                findings.skip(path);
            }
            let (kind, name) = (document.kind(), document.name.as_str());
            if !name.is_empty() && !seen.insert((kind, name)) {
                let message = format!("the {kind} `{name}` stands in this file twice: the last one wins");
                findings.add(&DUPLICATE_DOCUMENT, "metadata.name", message).hint("rename one of the two");
            }
            check::judge(document, &mut findings);
            check::judge_support(document, &mut findings);
            links::check(document, &set, &mut findings);
            report.findings.append(&mut findings.into_list());
        }
    }
    report.findings.sort_by(|a, b| order(a).cmp(&order(b)));
    Ok(report)
}

fn order(finding: &Finding) -> impl Ord + '_ {
    (&finding.file, finding.position, finding.rule.id, &finding.field, &finding.message)
}

/// The known name that `name` is most likely meant to be.
pub(crate) fn closest<S: AsRef<str>>(name: &str, known: impl IntoIterator<Item = S>) -> Option<String> {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    let distance = |one: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &one.to_lowercase());
    let near = known.into_iter().map(|one| (distance(one.as_ref()), one.as_ref().to_owned()));
    near.filter(|(distance, one)| *distance <= allowed && !one.is_empty()).min().map(|(_, one)| one)
}

/// The hint that names what was meant, else what to do.
pub(crate) fn suggestion<S: AsRef<str>>(name: &str, known: impl IntoIterator<Item = S>, otherwise: &str) -> String {
    closest(name, known).map_or_else(|| otherwise.to_owned(), |name| meant(&name))
}

/// The hint that names what was meant.
pub(crate) fn meant(name: &str) -> String {
    format!("did you mean `{name}`?")
}
