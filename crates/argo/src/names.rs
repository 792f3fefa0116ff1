//! Names: Argo's are narrower than Tekton's.

use crate::error::Reason;

/// Words of Argo's conditions, which no task can be called in one.
const WORDS: [&str; 13] =
    ["and", "contains", "false", "if", "in", "let", "matches", "nil", "not", "null", "or", "true", "else"];

/// The name of a param or a result as a parameter of Argo's, which has letters, digits, `-` and `_` only.
pub(crate) fn parameter(name: &str) -> String {
    name.replace(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'), "_")
}

/// Refuses the name of a task that others wait for or that waits itself, where Argo could not tell it from something else.
pub(crate) fn check_task(name: &str) -> Result<(), Reason> {
    let message = if name.starts_with(|c: char| c.is_ascii_digit()) {
        "the name begins with a digit, which Argo refuses of a task with dependencies"
    } else if WORDS.contains(&name) {
        "the name is a word of Argo's own conditions"
    } else {
        return Ok(());
    };
    Err(Reason::new(message, "rename the task"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_become_underscores() {
        assert_eq!(parameter("a.b-c_d"), "a_b-c_d");
    }

    #[test]
    fn odd_task_names_are_refused() {
        assert!(check_task("train").is_ok());
        assert!(check_task("1st").is_err());
        assert!(check_task("not").is_err());
    }
}
