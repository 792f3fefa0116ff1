//! The talk with the remote: its tip, and the push on top of it.

use std::process::Output;

use faultline_contract::without_secret;

use crate::DeliveryError;
use crate::git::{Git, said};

/// What git says when the remote knows this user, but not for this, or does not know the user.
const DENIED: [&str; 6] = [
    "Authentication failed",
    "Permission denied",
    "could not read Password",
    "could not read Username",
    "error: 401",
    "error: 403",
];
/// What git says when there is no such remote, however often it is asked.
const ABSENT: [&str; 2] = ["does not appear to be a git repository", "epository not found"];
/// What a remote says when another push got in between after it had looked.
const OVERTAKEN: [&str; 6] = [
    "cannot lock ref",
    "failed to lock",
    "failed to update ref",
    "fetch first",
    "incorrect old value",
    "non-fast-forward",
];
const STATUS_REFUSED: &str = "!\t";

/// How a push ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Push {
    /// The remote has the commit.
    Landed,
    /// The remote will never take it.
    Refused(String),
    /// Another push was faster, or the remote could not be reached.
    Failed(String),
}

/// The commit at the tip of the branch, which is here then; the inner error is one that may pass.
pub(crate) fn fetch(git: &Git, remote: &str, branch: &str) -> Result<Result<String, String>, DeliveryError> {
    let reference = format!("refs/heads/{branch}");
    let listed = git.try_run(&["ls-remote", "--end-of-options", remote, &reference])?;
    if !listed.status.success() {
        return later(git, "ls-remote", remote, branch, &listed);
    }
    let text = String::from_utf8_lossy(&listed.stdout);
    let Some(tip) = text.split_whitespace().next() else {
        return Err(DeliveryError::NoBranch { branch: branch.to_owned(), remote: shown(remote) });
    };
    let is_here = || Ok(git.try_run(&["cat-file", "-e", &format!("{tip}^{{commit}}")])?.status.success());
    if !is_here()? {
        let fetched = git.try_run(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--end-of-options",
            remote,
            &reference,
        ])?;
        if !fetched.status.success() {
            return later(git, "fetch", remote, branch, &fetched);
        }
        if !is_here()? {
            return Ok(Err("the branch was written anew while it was fetched".to_owned()));
        }
    }
    Ok(Ok(tip.to_owned()))
}

/// Pushes the commit; the branch only ever moves forward.
pub(crate) fn push(git: &Git, remote: &str, branch: &str, commit: &str) -> Result<Push, DeliveryError> {
    let reference = format!("{commit}:refs/heads/{branch}");
    let pushed = git.try_run(&["push", "--porcelain", "--end-of-options", remote, &reference])?;
    let stdout = String::from_utf8_lossy(&pushed.stdout);
    Ok(judge(pushed.status.success(), &stdout, &pushed.stderr))
}

/// A remote as it may be shown.
pub(crate) fn shown(remote: &str) -> String {
    without_secret(remote)
}

fn judge(succeeded: bool, stdout: &str, stderr: &[u8]) -> Push {
    if succeeded {
        return Push::Landed;
    }
    let contains = |text: &str, known: &[&str]| known.iter().any(|part| text.contains(part));
    let spoken = said(stderr);
    let Some(status) = stdout.lines().find(|line| line.starts_with(STATUS_REFUSED)) else {
        return if contains(&spoken, &DENIED) { Push::Refused(spoken) } else { Push::Failed(spoken) };
    };
    let summary = status.rsplit('\t').next().unwrap_or_default();
    let reason = format!("{summary}: {spoken}");
    if contains(summary, &OVERTAKEN) { Push::Failed(reason) } else { Push::Refused(reason) }
}

/// A failure that may pass is handed back, any other is an error.
fn later(
    git: &Git,
    action: &str,
    remote: &str,
    branch: &str,
    output: &Output,
) -> Result<Result<String, String>, DeliveryError> {
    let reason = said(&output.stderr);
    if DENIED.iter().any(|part| reason.contains(part)) {
        return Err(DeliveryError::PushRefused { branch: branch.to_owned(), remote: shown(remote), reason });
    }
    if ABSENT.iter().any(|part| reason.contains(part)) {
        return Err(git.failed(&[action], output));
    }
    // Without a repository here there is nothing to wait for.
    git.run(&["rev-parse", "--git-dir"])?;
    Ok(Err(format!("git {action}: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_that_were_overtaken_are_told_from_those_that_are_refused() {
        for (stdout, stderr, lands_later) in [
            ("To x\n!\tabc:refs/heads/main\t[rejected] (fetch first)\nDone\n", "", true),
            ("!\tabc:refs/heads/main\t[rejected] (non-fast-forward)\n", "", true),
            (
                "!\tabc:refs/heads/main\t[remote rejected] (cannot lock ref 'refs/heads/main': is at 1 but expected 2)\n",
                "",
                true,
            ),
            ("!\tabc:refs/heads/main\t[remote rejected] (failed to update ref)\n", "", true),
            ("!\tabc:refs/heads/main\t[remote rejected] (pre-receive hook declined)\n", "remote: no\n", false),
            ("!\tabc:refs/heads/main\t[remote rejected] (protected branch hook declined)\n", "", false),
            ("", "fatal: unable to access 'https://h/': Could not resolve host: h\n", true),
            ("", "fatal: Authentication failed for 'https://h/'\n", false),
            ("", "git@h: Permission denied (publickey).\n", false),
        ] {
            let push = judge(false, stdout, stderr.as_bytes());
            assert_eq!(matches!(push, Push::Failed(_)), lands_later, "{stdout}{stderr}: {push:?}");
        }
        assert_eq!(judge(true, "", b""), Push::Landed);
    }
}
