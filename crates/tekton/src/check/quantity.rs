//! Amounts of cpu and memory as Kubernetes writes them: `500m`, `1.5`, `2Gi`, `1e3`.

use serde_json::Value;

use crate::lint::Findings;
use crate::lint::rules::QUANTITY;

/// Reports amounts under `requests` and `limits` that Kubernetes cannot read.
pub(super) fn check(findings: &mut Findings<'_>, path: &str, resources: Option<&Value>) {
    for list in ["requests", "limits"] {
        let amounts = resources.and_then(|resources| resources.get(list)).and_then(Value::as_object);
        for (name, amount) in amounts.into_iter().flatten() {
            let is_fine = match amount {
                Value::String(text) => is_quantity(text) || text.contains("$("),
                Value::Number(_) => true,
                _ => false,
            };
            if !is_fine {
                let path = format!("{path}.{list}.{name}");
                let written = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
                let message = format!("got `{written}`, expected an amount such as 500m, 1.5, 64Mi or 2Gi");
                findings
                    .add(&QUANTITY, &path, message)
                    .hint("units are m, k, M, G, T, P, E and Ki, Mi, Gi, Ti, Pi, Ei");
            }
        }
    }
}

fn is_quantity(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, unit) = unsigned.split_at(end);
    let is_number = number.contains(|c: char| c.is_ascii_digit()) && number.matches('.').count() <= 1;
    let is_exponent = || {
        let digits = unit.strip_prefix(['e', 'E']).map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
        digits.is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
    };
    let units = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    is_number && (units.contains(&unit) || is_exponent())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        for (text, is_fine) in [
            ("500m", true),
            ("1.5", true),
            ("2Gi", true),
            ("1e3", true),
            ("-1", true),
            (".5", true),
            ("1GB", false),
            ("1 Gi", false),
            ("Gi", false),
            ("", false),
            ("1.2.3", false),
            ("1e", false),
        ] {
            assert_eq!(is_quantity(text), is_fine, "{text}");
        }
    }
}
