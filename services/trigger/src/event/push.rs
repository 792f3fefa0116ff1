//! A push, as GitHub and the Git servers that do as it does tell it.

use serde::Deserialize;

use super::read;
use crate::refusal::Refusal;

/// Somebody pushed. Of the many fields only these are looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Push {
    /// `refs/heads/BRANCH`, or a tag.
    #[serde(rename = "ref")]
    pub(crate) reference: String,
    /// The commit that the reference names now.
    pub(crate) after: String,
    #[serde(default)]
    deleted: bool,
    pub(crate) repository: Repository,
    #[serde(default)]
    commits: Vec<Commit>,
}

/// The repository that was pushed to.
#[derive(Debug, Deserialize)]
pub(crate) struct Repository {
    /// `owner/name`.
    pub(crate) full_name: String,
}

#[derive(Debug, Deserialize)]
struct Commit {
    #[serde(default)]
    added: Vec<String>,
    #[serde(default)]
    modified: Vec<String>,
    #[serde(default)]
    removed: Vec<String>,
}

impl Push {
    pub(crate) fn read(body: &str) -> Result<Self, Refusal> {
        let push: Self = read(body, "push")?;
        if push.deleted || push.after.bytes().all(|byte| byte == b'0') {
            return Err(Refusal::unmet(format!("{} was deleted", push.reference), "a commit starts a run"));
        }
        // SHA-1 or SHA-256.
        if !matches!(push.after.len(), 40 | 64) || !push.after.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Refusal::invalid("the body is no push: `after` is no commit", "expected 40 or 64 hex digits"));
        }
        Ok(push)
    }

    /// The branch that was pushed to.
    pub(crate) fn branch(&self) -> Option<&str> {
        self.reference.strip_prefix("refs/heads/")
    }

    /// Whether a commit of the push touches one of these files or folders.
    pub(crate) fn touches(&self, paths: &[String]) -> bool {
        let files = self.commits.iter().flat_map(|commit| [&commit.added, &commit.modified, &commit.removed]).flatten();
        let is_one = |file: &String| {
            paths.iter().any(|path| file == path || (path.ends_with('/') && file.starts_with(path.as_str())))
        };
        paths.is_empty() || files.into_iter().any(is_one)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COMMIT: &str = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c";

    #[test]
    fn changed_files_are_found_in_all_commits() {
        let body = json!({"ref": "refs/heads/main", "after": COMMIT, "repository": {"full_name": "lab/faultline"},
            "commits": [{"added": ["docs/a.md"]}, {"modified": ["argocd/overlays/development/kustomization.yaml"]}]});
        let push = Push::read(&body.to_string()).unwrap();
        assert_eq!(push.branch(), Some("main"));
        let touches = |path: &str| push.touches(&[path.to_owned()]);
        assert!(push.touches(&[]) && touches("argocd/overlays/development/") && touches("docs/a.md"));
        assert!(!touches("argocd/overlays/production/") && !touches("docs") && !touches("docs/a"));
    }

    #[test]
    fn only_commits_are_taken() {
        let body = |after: &str, deleted: bool| {
            json!({"ref": "refs/heads/main", "after": after, "deleted": deleted, "repository": {"full_name": "a/b"}})
                .to_string()
        };
        assert!(Push::read(&body(COMMIT, false)).is_ok());
        for (after, deleted) in [(COMMIT, true), (&"0".repeat(40), false), ("main", false), ("", false)] {
            assert!(Push::read(&body(after, deleted)).is_err(), "{after} {deleted}");
        }
    }
}
