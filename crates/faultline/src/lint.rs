//! `faultline lint`: checks pipeline files before anything runs.

mod sarif;
mod text;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use faultline_contract::ExitCode;
use faultline_runtime::Failure;
use faultline_tekton::lint::{Finding, RULES, Report, Rule};
use faultline_tekton::{Severity, lint};
use serde::Serialize;

use crate::cli::{print, print_json};
use crate::failure::tekton;

const EXAMPLES: &str = "\
Examples:
  faultline lint pipelines/
  faultline lint train.yaml --deny-warnings --allow unused-param
  faultline lint . --output sarif > lint.sarif

Exit codes: 0 no errors; 78 errors, or warnings with --deny-warnings; 2 wrong command line; 66 no such file.";

/// Check Tekton documents as a cluster would, and for what a cluster lets through and a run then fails on.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Files, or folders whose *.yaml and *.yml files are checked where they hold Tekton documents.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// How to print what is found.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Fail on warnings too.
    #[arg(long)]
    deny_warnings: bool,
    /// Leave out what this rule finds. Repeatable.
    #[arg(long, value_name = "RULE", value_parser = rule)]
    allow: Vec<&'static Rule>,
    /// Take what this rule finds as an error. Repeatable.
    #[arg(long, value_name = "RULE", value_parser = rule)]
    deny: Vec<&'static Rule>,
    /// Report as well what is often meant so: params in scripts, unquoted numbers as values.
    #[arg(long)]
    pedantic: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people, as a compiler does.
    #[default]
    Text,
    /// JSON on stdout.
    Json,
    /// SARIF 2.1.0 on stdout, for code hosts and editors.
    Sarif,
}

/// A finding, and how bad it is by the flags.
struct Judged<'a> {
    finding: &'a Finding,
    severity: Severity,
}

/// What was found, as JSON.
#[derive(Serialize)]
struct Listing<'a> {
    findings: Vec<Row<'a>>,
    errors: usize,
    warnings: usize,
    documents: usize,
    files: usize,
}

/// One finding as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    file: String,
    line: usize,
    column: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_column: Option<usize>,
    rule: &'a str,
    severity: &'a str,
    field: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// Prints everything that is found; the exit code says whether it is fine.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let report = lint(&args.paths).map_err(|error| tekton(&error))?;
    let judged = judged(&report, args);
    let count = |severity| judged.iter().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match args.output {
        Output::Text => text::lines(&judged, &report).iter().try_for_each(|line| print(line))?,
        Output::Json => print_json(&Listing {
            findings: judged.iter().map(row).collect(),
            errors,
            warnings,
            documents: report.documents,
            files: report.files,
        })?,
        Output::Sarif => print_json(&sarif::log(&judged))?,
    }
    let is_fine = errors == 0 && !(args.deny_warnings && warnings > 0);
    Ok(if is_fine { ExitCode::Committed } else { ExitCode::Configuration })
}

fn judged<'a>(report: &'a Report, args: &Args) -> Vec<Judged<'a>> {
    let ids = |rules: &[&'static Rule]| rules.iter().map(|rule| rule.id).collect::<BTreeSet<_>>();
    let (allowed, denied) = (ids(&args.allow), ids(&args.deny));
    let is_wanted = |finding: &&Finding| {
        let id = finding.rule.id;
        !allowed.contains(id) && (args.pedantic || !finding.rule.is_pedantic || denied.contains(id))
    };
    let judge = |finding: &'a Finding| {
        let severity = if denied.contains(finding.rule.id) { Severity::Error } else { finding.severity() };
        Judged { finding, severity }
    };
    report.findings.iter().filter(is_wanted).map(judge).collect()
}

fn row<'a>(judged: &Judged<'a>) -> Row<'a> {
    let Finding { rule, file, position, end, field, message, hint, .. } = judged.finding;
    Row {
        file: file.display().to_string(),
        line: position.line,
        column: position.column,
        end_line: end.map(|end| end.line),
        end_column: end.map(|end| end.column),
        rule: rule.id,
        severity: judged.severity.name(),
        field,
        message,
        hint: hint.as_deref(),
    }
}

fn rule(id: &str) -> Result<&'static Rule, String> {
    let known = || RULES.iter().map(|rule| rule.id).collect::<Vec<_>>().join(", ");
    RULES.iter().find(|rule| rule.id == id).copied().ok_or_else(|| format!("no such rule, known: {}", known()))
}
