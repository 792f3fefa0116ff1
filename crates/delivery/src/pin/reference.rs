//! An image, and the digest that it is pinned to.

use std::fmt;
use std::str::FromStr;

use faultline_contract::Digest;

use crate::DeliveryError;

const ALGORITHM: &str = "sha256:";

/// An image as an overlay names it, where it lies and its digest, written `NAME=REGISTRY/REPOSITORY@sha256:DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    name: String,
    repository: String,
    digest: Digest,
}

impl Pin {
    /// The `name:` of the image in the overlays.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The registry and the repository.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The digest with its algorithm.
    #[must_use]
    pub fn digest(&self) -> String {
        format!("{ALGORITHM}{}", self.digest)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}@{}", self.name, self.repository, self.digest())
    }
}

impl FromStr for Pin {
    type Err = DeliveryError;

    fn from_str(text: &str) -> Result<Self, DeliveryError> {
        let invalid = |reason: String| DeliveryError::InvalidPin { text: text.to_owned(), reason };
        let (name, image) =
            text.split_once('=').ok_or_else(|| invalid("it has no `=` between the name and the image".to_owned()))?;
        let (repository, digest) =
            image.split_once('@').ok_or_else(|| invalid("it has no digest; a tag alone may move".to_owned()))?;
        let digest = digest
            .strip_prefix(ALGORITHM)
            .ok_or_else(|| invalid(format!("the digest is `{digest}`, expected {ALGORITHM} and 64 hex digits")))?;
        let digest = digest.parse().map_err(|error| invalid(format!("{error}")))?;
        if !is_path(name) {
            return Err(invalid(format!("`{name}` is no name of an image")));
        }
        let (registry, path) = repository
            .split_once('/')
            .ok_or_else(|| invalid(format!("`{repository}` names no registry, expected REGISTRY/REPOSITORY")))?;
        if !is_registry(registry) {
            return Err(invalid(format!("`{registry}` is no registry, expected HOST or HOST:PORT")));
        }
        if !is_path(path) {
            return Err(invalid(format!("`{path}` is no repository, expected lower-case words without a tag")));
        }
        Ok(Self { name: name.to_owned(), repository: repository.to_owned(), digest })
    }
}

/// Lower-case words of letters, digits and inner `.`, `_`, `-`, between slashes.
fn is_path(text: &str) -> bool {
    let is_word = |word: &str| {
        let inner = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
        inner && !word.is_empty() && !word.starts_with(['.', '_', '-']) && !word.ends_with(['.', '_', '-'])
    };
    text.split('/').all(is_word)
}

fn is_registry(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "443"));
    let host_is_right = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    host_is_right && !host.starts_with(['-', '.']) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_pin_reads_as_it_is_written() {
        for image in ["registry.example.org/faultline/cluster", "localhost:5000/cluster", "r/a.b_c-d/e"] {
            let text = format!("faultline/cluster={image}@{DIGEST}");
            let pin: Pin = text.parse().unwrap();
            assert_eq!((pin.name(), pin.repository(), pin.digest().as_str()), ("faultline/cluster", image, DIGEST));
            assert_eq!(pin.to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for (text, reason) in [
            ("cluster", "no `=`"),
            ("cluster=host/cluster:1.0", "no digest"),
            ("cluster=host/cluster:latest", "no digest"),
            ("cluster=host/cluster@md5:00", "expected sha256:"),
            ("cluster=host/cluster@sha256:00", "no sha256"),
            (&format!("cluster=host/cluster@{}", DIGEST.replace("ab", "AB")), "no sha256"),
            (&format!("cluster=host/cluster@{DIGEST}0"), "no sha256"),
            (&format!("cluster=cluster@{DIGEST}"), "names no registry"),
            (&format!("cluster=host/cluster:1.0@{DIGEST}"), "without a tag"),
            (&format!("cluster=host:no/cluster@{DIGEST}"), "is no registry"),
            (&format!("cluster=host/a\n  b: c@{DIGEST}"), "is no repository"),
            (&format!("=host/cluster@{DIGEST}"), "no name"),
            (&format!("../x=host/cluster@{DIGEST}"), "no name"),
        ] {
            let error = text.parse::<Pin>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
