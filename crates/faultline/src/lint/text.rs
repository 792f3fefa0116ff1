//! Findings for people: the place, what is wrong, the line with a mark below it, what to do.

use faultline_tekton::Severity;
use faultline_tekton::lint::{Finding, Report};

use super::Judged;
use crate::table::{has_colour, printable};

/// The most characters of a line that are shown.
const MAX_SHOWN: usize = 100;

/// How many characters are shown before the fault where a line is cut.
const SHOWN_BEFORE: usize = 40;

/// What stands for the part of a line that is not shown.
const CUT: &str = "...";

/// The lines to print.
pub(super) fn lines(judged: &[Judged<'_>], report: &Report) -> Vec<String> {
    let has_colour = has_colour(&std::io::stdout());
    let paint = |colour: &str, text: &str| {
        if has_colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let mut lines = Vec::new();
    for Judged { finding, severity } in judged {
        let Finding { rule, file, position, message, hint, .. } = finding;
        let place = format!("{}:{}:{}", file.display(), position.line, position.column);
        let colour = if *severity == Severity::Error { "1;31" } else { "1;33" };
        let kind = paint(colour, &format!("{}[{}]", severity.name(), rule.id));
        lines.push(format!("{place}: {kind}: {}", clean(message)));
        if let Some((line, mark)) = excerpt(finding) {
            let number = position.line.to_string();
            lines.push(format!("{number} | {line}"));
            lines.push(format!("{} | {}", " ".repeat(number.len()), paint(colour, &mark)));
        }
        if !finding.field.is_empty() {
            lines.push(format!("field: {}", clean(&finding.field)));
        }
        if let Some(hint) = hint {
            lines.push(format!("hint: {}", clean(hint)));
        }
        lines.push(String::new());
    }
    lines.push(summary(judged, report));
    lines
}

fn summary(judged: &[Judged<'_>], report: &Report) -> String {
    let number = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let count = |severity| judged.iter().filter(|one| one.severity == severity).count();
    let errors = number(count(Severity::Error), Severity::Error.name());
    let warnings = number(count(Severity::Warning), Severity::Warning.name());
    format!("{errors}, {warnings} in {} of {}", number(report.documents, "document"), number(report.files, "file"))
}

/// The line of the fault, cut where it is long, and the mark below it.
fn excerpt(finding: &Finding) -> Option<(String, String)> {
    let line: Vec<char> = clean(finding.source_line.as_deref()?).chars().collect();
    let start = finding.position.column.saturating_sub(1).min(line.len());
    let first = if line.len() <= MAX_SHOWN { 0 } else { start.saturating_sub(SHOWN_BEFORE) };
    let last = (first + MAX_SHOWN).min(line.len());
    let end = finding.end.map_or(start + 1, |end| end.column - 1).clamp(start + 1, last.max(start + 1));
    let (before, after) = (if first > 0 { CUT } else { "" }, if last < line.len() { CUT } else { "" });
    let shown: String = line[first..last].iter().collect();
    let mark = format!("{}{}", " ".repeat(before.len() + start - first), "^".repeat(end - start));
    Some((format!("{before}{}{after}", shown.trim_end()), mark))
}

/// The text without what a terminal would act on; every character stays one.
fn clean(text: &str) -> String {
    printable(text.as_bytes()).replace('\t', " ")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use faultline_tekton::Position;
    use faultline_tekton::lint::RULES;

    use super::*;

    fn excerpt_of(line: &str, column: usize, end: usize) -> (String, String) {
        let position = |column| Position { line: 1, column };
        excerpt(&Finding {
            rule: RULES[0],
            file: PathBuf::from("p.yaml"),
            position: position(column),
            end: Some(position(end)),
            field: String::new(),
            message: String::new(),
            hint: None,
            source_line: Some(line.to_owned()),
        })
        .unwrap()
    }

    #[test]
    fn the_mark_stands_below_the_fault() {
        assert_eq!(excerpt_of("\ta: é\x1b[31m", 5, 6), (" a: é\u{fffd}[31m".to_owned(), "    ^".to_owned()));
        assert_eq!(excerpt_of("a", 9, 10).1, " ^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_fault() {
        let (line, mark) = excerpt_of(&format!("{}X{}", "a".repeat(200), "b".repeat(200)), 201, 202);
        assert_eq!(line.len(), MAX_SHOWN + 2 * CUT.len());
        assert_eq!(line.find('X'), mark.find('^'));
    }
}
