//! What a container runs.

use faultline_tekton::document::Step;

use crate::binding::Binding;
use crate::error::Reason;

/// What Tekton puts before a script without an interpreter of its own.
const SHELL: [&str; 2] = ["/bin/sh", "-e"];
/// What a script without a name of its own is called in its `$0`.
const SCRIPT_NAME: &str = "script";

/// What a container runs.
pub(crate) struct Program {
    pub(crate) command: Vec<String>,
    pub(crate) args: Vec<String>,
    /// Program text that Argo hands to the command as a file.
    pub(crate) source: Option<String>,
}

/// The program of a step; an error comes with the field it is about. Only a step that is alone in its Task can have its text in a file.
pub(crate) fn program(
    step: &Step,
    binding: &Binding<'_, '_>,
    is_alone: bool,
) -> Result<Program, (&'static str, Reason)> {
    let args = binding.list(&step.args).map_err(|reason| ("args", reason))?;
    let Some(script) = &step.script else {
        let command = binding.list(&step.command).map_err(|reason| ("command", reason))?;
        return Ok(Program { command, args, source: None });
    };
    let script = binding.text(script).map_err(|reason| ("script", reason))?;
    let (interpreter, text) = interpreter(&script);
    if is_alone && args.is_empty() {
        return Ok(Program { command: interpreter, args, source: Some(text) });
    }
    let shell = interpreter.iter().rev().find(|word| !word.starts_with('-'));
    let is_shell =
        shell.is_some_and(|word| ["sh", "bash", "dash", "ash"].contains(&word.rsplit('/').next().unwrap_or(word)));
    if !is_shell {
        let message = "a script with arguments, or among other steps, that no shell runs: Argo hands such a text to its interpreter as the last argument";
        return Err(("script", Reason::new(message, "put the program into the image, and use command and args")));
    }
    let command = [interpreter, vec!["-c".to_owned(), text, SCRIPT_NAME.to_owned()]].concat();
    Ok(Program { command, args, source: None })
}

/// The interpreter that the first line names, with its argument, and the text.
fn interpreter(script: &str) -> (Vec<String>, String) {
    let first = script.lines().next().unwrap_or_default();
    match first.strip_prefix("#!") {
        Some(line) => {
            // As the kernel does it: all that follows the first word is one argument.
            let (program, argument) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
            let argument = argument.trim();
            let words = [program, argument].into_iter().filter(|word| !word.is_empty());
            (words.map(str::to_owned).collect(), script.to_owned())
        }
        None => (SHELL.map(str::to_owned).to_vec(), script.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_interpreter() {
        let words = |script| interpreter(script).0;
        assert_eq!(words("echo"), ["/bin/sh", "-e"]);
        assert_eq!(words("#!/usr/bin/env python3\nprint()"), ["/usr/bin/env", "python3"]);
        assert_eq!(words("#! /bin/bash -e -u\n"), ["/bin/bash", "-e -u"]);
    }
}
