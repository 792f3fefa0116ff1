//! Process exit codes, shared by the steps and the command line.

use std::fmt;

/// Why a process ended, as a number that Tekton and Argo pass through untouched.
///
/// 1, 9, 64 and everything above 125 are left out on purpose: the engines use them for their own faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// The work is committed (or was already).
    Committed = 0,
    /// The command line was wrong.
    Usage = 2,
    /// The data failed the quality gate; the evidence is committed with `outcome: rejected`.
    DataRejected = 65,
    /// An input does not exist.
    InputMissing = 66,
    /// A service answers, but with what cannot be right, however often it is asked.
    Unavailable = 69,
    /// A defect of the program itself.
    Internal = 70,
    /// Ended early: by a signal, or because a service was away or busy until the retries were spent. Running the same again may succeed.
    Temporary = 75,
    /// A credential or permission is missing.
    Permission = 77,
    /// The configuration contradicts itself or what is already committed.
    Configuration = 78,
}

impl ExitCode {
    /// All codes, in numeric order.
    pub const ALL: [Self; 9] = [
        Self::Committed,
        Self::Usage,
        Self::DataRejected,
        Self::InputMissing,
        Self::Unavailable,
        Self::Internal,
        Self::Temporary,
        Self::Permission,
        Self::Configuration,
    ];

    /// The number that the process exits with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The code with this number, if there is one.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| i32::from(known.code()) == code)
    }

    /// A few words for people.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Usage => "usage",
            Self::DataRejected => "data failed the gate",
            Self::InputMissing => "input missing",
            Self::Unavailable => "service unusable",
            Self::Internal => "internal",
            Self::Temporary => "temporary, try again",
            Self::Permission => "permission",
            Self::Configuration => "configuration",
        }
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code(), self.summary())
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_avoid_those_of_the_engines() {
        for code in ExitCode::ALL {
            assert!(![1, 9, 64].contains(&code.code()) && code.code() <= 125, "{code}");
            assert_eq!(ExitCode::from_code(i32::from(code.code())), Some(code));
        }
        assert_eq!(ExitCode::from_code(1), None);
    }

    #[test]
    fn every_code_has_an_entry_in_the_runbook() {
        let runbook = include_str!("../../../docs/runbook.md");
        for code in ExitCode::ALL {
            let heading = format!("| {} |", code.code());
            assert!(runbook.contains(&heading), "docs/runbook.md lacks `{heading}`");
        }
    }
}
