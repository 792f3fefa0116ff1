//! Findings as SARIF 2.1.0, which code hosts and editors read.

use faultline_tekton::Severity;
use faultline_tekton::lint::{RULES, Rule};
use serde_json::{Value, json};

use super::Judged;

/// Where the format is laid down.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The log of one call.
pub(super) fn log(judged: &[Judged<'_>]) -> Value {
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "faultline",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": RULES.iter().map(|rule| described(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": judged.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.finds},
        "defaultConfiguration": {"level": rule.severity.name(), "enabled": !rule.is_pedantic},
    })
}

fn result(judged: &Judged<'_>) -> Value {
    let finding = judged.finding;
    let mut region = json!({"startLine": finding.position.line, "startColumn": finding.position.column});
    if let Some(end) = finding.end {
        region["endLine"] = end.line.into();
        region["endColumn"] = end.column.into();
    }
    let mut location = json!({
        "physicalLocation": {"artifactLocation": {"uri": uri(&finding.file.to_string_lossy())}, "region": region},
    });
    if !finding.field.is_empty() {
        location["logicalLocations"] = json!([{"fullyQualifiedName": finding.field}]);
    }
    let hint = finding.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    json!({
        "ruleId": finding.rule.id,
        "ruleIndex": RULES.iter().position(|rule| rule.id == finding.rule.id),
        "level": if judged.severity == Severity::Error { "error" } else { "warning" },
        "message": {"text": format!("{}{hint}", finding.message)},
        "locations": [location],
    })
}

/// The path as a URI reference; what a URI cannot hold is written as `%` and two digits.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    let written = |byte: u8| if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let encoded: String = path.bytes().map(written).collect();
    if path.starts_with('/') { format!("file://{encoded}") } else { encoded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("./a b/é.yaml"), "a%20b/%C3%A9.yaml");
        assert_eq!(uri("/a/p.yaml"), "file:///a/p.yaml");
    }
}
