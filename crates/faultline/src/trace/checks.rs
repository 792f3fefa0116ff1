//! What was verified on the way, and what the whole comes to.

use faultline_contract::{Digest, ExitCode};
use faultline_runtime::Failure;
use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Finding {
    /// It is as it was recorded.
    Verified,
    /// It is there, and not as it was recorded.
    Differs,
    /// It is not there any more.
    Missing,
    /// All that went into it is as it was, and yet it comes out otherwise.
    NotReproduced,
}

/// One check.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) what: String,
    pub(super) finding: Finding,
    /// What was got and expected, where it is not as recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

/// All checks, in the order of the chain.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Checks(pub(super) Vec<Check>);

impl Checks {
    /// Whether everything is as it was recorded.
    pub(super) fn hold(&self) -> bool {
        self.0.iter().all(|check| check.finding == Finding::Verified)
    }

    /// Compares two digests.
    pub(super) fn digest(&mut self, what: impl Into<String>, got: Digest, expected: Digest) -> bool {
        self.same(what, &got, &expected)
    }

    /// Compares what was got with what was recorded.
    pub(super) fn same<T: PartialEq + std::fmt::Display>(
        &mut self,
        what: impl Into<String>,
        got: &T,
        expected: &T,
    ) -> bool {
        let differs = (got != expected).then(|| format!("got {got}, expected {expected}"));
        self.right(what, differs)
    }

    /// Takes a check that was made elsewhere: what is wrong, if anything.
    pub(super) fn right(&mut self, what: impl Into<String>, wrong: Option<String>) -> bool {
        let finding = if wrong.is_none() { Finding::Verified } else { Finding::Differs };
        self.0.push(Check { what: what.into(), finding, detail: wrong });
        finding == Finding::Verified
    }

    pub(super) fn missing(&mut self, what: impl Into<String>, detail: String) {
        self.0.push(Check { what: what.into(), finding: Finding::Missing, detail: Some(detail) });
    }

    pub(super) fn not_reproduced(&mut self, what: impl Into<String>, detail: String) {
        self.0.push(Check { what: what.into(), finding: Finding::NotReproduced, detail: Some(detail) });
    }

    /// Nothing, or the failure that the worst check asks for: a difference before a gap before a result that came out otherwise.
    pub(super) fn verdict(&self, id: &str) -> Result<(), Failure> {
        let first = |finding| self.0.iter().find(|check| check.finding == finding);
        let (check, code, hint) = if let Some(check) = first(Finding::Differs) {
            let hint = "what is stored is not what the prediction was made from: bring the original back, or run the pipeline again";
            (check, ExitCode::Configuration, hint)
        } else if let Some(check) = first(Finding::Missing) {
            let hint =
                "bring the object back to where the manifest says it was; without it the chain cannot be verified";
            (check, ExitCode::InputMissing, hint)
        } else if let Some(check) = first(Finding::NotReproduced) {
            let hint = "compare the steps' code digests and git revisions with this build; a build for another processor family may differ in the last bit";
            (check, ExitCode::Internal, hint)
        } else {
            return Ok(());
        };
        let detail = check.detail.as_deref().unwrap_or_default();
        Err(Failure::new(code, format!("verify the prediction of {id}: {}: {detail}", check.what)).hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_check_decides() {
        let mut checks = Checks::default();
        assert!(checks.same("a", &1, &1) && checks.hold() && checks.verdict("w").is_ok());
        let code = |checks: &Checks| checks.verdict("w").map_err(|failure| failure.code());
        checks.not_reproduced("b", "other".to_owned());
        assert_eq!(code(&checks), Err(ExitCode::Internal));
        checks.missing("c", "gone".to_owned());
        assert_eq!(code(&checks), Err(ExitCode::InputMissing));
        assert!(!checks.same("d", &1, &2) && !checks.hold());
        assert_eq!(code(&checks), Err(ExitCode::Configuration));
        assert!(checks.verdict("w").unwrap_err().render().contains("d: got 1, expected 2"));
    }
}
