//! The `git` program, run in one folder.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use faultline_contract::without_secret;

use crate::DeliveryError;

/// One checkout, seen through git.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    folder: PathBuf,
}

impl Git {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the command printed, whether it succeeded or not.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> Result<Output, DeliveryError> {
        self.command(arguments).stdin(Stdio::null()).output().map_err(|source| self.not_started(source))
    }

    /// What the command printed on stdout; a failure is an error.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, DeliveryError> {
        let output = self.try_run(arguments)?;
        self.stdout_of(arguments, output)
    }

    /// The same as one line of text.
    pub(crate) fn line(&self, arguments: &[&str]) -> Result<String, DeliveryError> {
        Ok(String::from_utf8_lossy(&self.run(arguments)?).trim_end().to_owned())
    }

    /// One line of text from a command that works on an index of its own and reads `input`.
    pub(crate) fn line_from(&self, arguments: &[&str], index: &Path, input: &[u8]) -> Result<String, DeliveryError> {
        let mut command = self.command(arguments);
        command.env("GIT_INDEX_FILE", index).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| self.not_started(source))?;
        let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
        let output = child.wait_with_output().map_err(|source| self.not_started(source))?;
        // Where git ended early, what it said tells more than the broken pipe.
        let stdout = self.stdout_of(arguments, output)?;
        written.map_err(|source| self.not_started(source))?;
        Ok(String::from_utf8_lossy(&stdout).trim_end().to_owned())
    }

    /// A failure of a command, with what git said about it.
    pub(crate) fn failed(&self, arguments: &[&str], output: &Output) -> DeliveryError {
        DeliveryError::Git {
            action: arguments.first().copied().unwrap_or_default().to_owned(),
            folder: self.folder.clone(),
            reason: said(&output.stderr),
        }
    }

    fn stdout_of(&self, arguments: &[&str], output: Output) -> Result<Vec<u8>, DeliveryError> {
        if output.status.success() { Ok(output.stdout) } else { Err(self.failed(arguments, &output)) }
    }

    fn not_started(&self, source: std::io::Error) -> DeliveryError {
        DeliveryError::NoGit { folder: self.folder.clone(), source }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        // The texts that are looked for are the untranslated ones, and nobody is there to answer a prompt. A hook or a caller
        // that runs inside git would otherwise hand on which repository is meant.
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        command.arg("-C").arg(&self.folder).args(arguments.iter().map(OsStr::new));
        command
    }
}

/// What git wrote on stderr, in one line and without passwords in addresses.
pub(crate) fn said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("hint:"));
    let words = lines.flat_map(str::split_whitespace).map(without_secret);
    let shown = words.collect::<Vec<_>>().join(" ");
    if shown.is_empty() { "it says nothing".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_shown_without_passwords() {
        let said = said(b"fatal: unable to access 'https://me:secret@host/cd.git/': no route\nhint: try again\n");
        assert_eq!(said, "fatal: unable to access 'https://...@host/cd.git/': no route");
    }
}
