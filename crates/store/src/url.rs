//! The root of a store, as a URL.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use url::Url;

use crate::error::{Action, StoreError};
use crate::key;

const SCHEMES: &str = "s3://BUCKET/PREFIX, file:///ABSOLUTE/PATH, memory://NAME or a plain path";

/// A parsed store root. [`fmt::Display`] gives the canonical URI, without a final slash;
/// parsing that URI gives an equal value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StoreUrl {
    /// A folder of the local file system.
    File {
        /// Absolute and free of `.` and `..`.
        path: PathBuf,
    },
    /// A store that lives as long as this process; two roots with one name are one store.
    Memory {
        /// The name, never empty; what follows its first slash is a folder in that store.
        name: String,
    },
    /// A bucket of an S3 service, or a folder in one.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// The folder, without slashes at its ends; empty for the whole bucket.
        prefix: String,
    },
}

impl StoreUrl {
    /// Parses a root.
    ///
    /// A text without `://` is a path; a relative one resolves against `base_dir`, which must be absolute.
    /// `..` is resolved in the text, without looking at symbolic links.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] with the known schemes.
    pub fn parse(text: &str, base_dir: &Path) -> Result<Self, StoreError> {
        let invalid = |reason: &str| StoreError::Invalid {
            action: Action::Open,
            uri: text.to_owned(),
            reason: reason.to_owned(),
            hint: format!("expected {SCHEMES}"),
        };
        if text.is_empty() {
            return Err(invalid("the URI is empty"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::File { path: normalize(&base_dir.join(text)) });
        };
        match scheme {
            "file" => {
                let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
                let path =
                    url.to_file_path().map_err(|()| invalid("a file URI names no host: it starts with file:///"))?;
                Ok(Self::File { path: normalize(&path) })
            }
            "memory" => {
                let name = rest.trim_end_matches('/');
                key::check_prefix_path(name).map_err(|reason| invalid(&reason))?;
                if name.is_empty() {
                    return Err(invalid("the name is missing"));
                }
                Ok(Self::Memory { name: name.to_owned() })
            }
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(invalid("the bucket is missing"));
                }
                if !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte)) {
                    return Err(invalid("a bucket's name has letters, digits, dots and dashes only"));
                }
                let prefix = prefix.trim_end_matches('/');
                key::check_prefix_path(prefix).map_err(|reason| invalid(&reason))?;
                Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
            }
            _ => Err(invalid(&format!("the scheme {scheme:?} is not known"))),
        }
    }

    /// Parses the URI of one object into the root of the folder that holds it and the object's key there.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the URI is not one, or names no object.
    pub fn parse_object(text: &str, base_dir: &Path) -> Result<(Self, String), StoreError> {
        let no_object = || StoreError::Invalid {
            action: Action::Open,
            uri: text.to_owned(),
            reason: "the URI names a root and no object in it".to_owned(),
            hint: "add the object's path".to_owned(),
        };
        let split = |path: &str| match path.rsplit_once('/') {
            Some((parent, last)) => (parent.to_owned(), last.to_owned()),
            None => (String::new(), path.to_owned()),
        };
        let (root, key) = match Self::parse(text, base_dir)? {
            Self::File { path } => {
                let key = path.file_name().and_then(|name| name.to_str()).ok_or_else(no_object)?.to_owned();
                (Self::File { path: path.parent().ok_or_else(no_object)?.to_owned() }, key)
            }
            Self::Memory { name } => {
                let (name, key) = split(&name);
                (Self::Memory { name }, key)
            }
            Self::S3 { bucket, prefix } => {
                let (prefix, key) = split(&prefix);
                (Self::S3 { bucket, prefix }, key)
            }
        };
        let nameless = matches!(&root, Self::Memory { name } if name.is_empty());
        if key.is_empty() || nameless { Err(no_object()) } else { Ok((root, key)) }
    }

    /// The URI of the object `key` under this root. A `key` that ends in a slash gives a folder's URI.
    #[must_use]
    pub fn uri_of(&self, key: &str) -> String {
        match self {
            Self::File { path } => {
                let uri = file_uri(&path.join(key));
                if key.ends_with('/') { format!("{uri}/") } else { uri }
            }
            Self::Memory { .. } | Self::S3 { .. } => format!("{self}/{key}"),
        }
    }

    /// The key of `uri` under this root; `None` when it lies elsewhere or is the root itself.
    #[must_use]
    pub fn key_of(&self, uri: &str) -> Option<String> {
        let below = |path: &str, root: &str| {
            let rest = path.strip_prefix(root)?;
            let key = if root.is_empty() { rest } else { rest.strip_prefix('/')? };
            (!key.is_empty()).then(|| key.to_owned())
        };
        match (self, Self::parse(uri, Path::new("/")).ok()?) {
            (Self::File { path: root }, Self::File { path }) => {
                let key = path.strip_prefix(root).ok()?.to_str()?;
                (!key.is_empty()).then(|| key.to_owned())
            }
            (Self::Memory { name: root }, Self::Memory { name }) => below(&name, root),
            (Self::S3 { bucket, prefix: root }, Self::S3 { bucket: other, prefix }) if *bucket == other => {
                below(&prefix, root)
            }
            _ => None,
        }
    }

    /// Whether `other` is this root or a folder in it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        self == other || self.key_of(&other.to_string()).is_some()
    }

    /// The root of the folder `path` under this root.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `path` is not a valid key.
    pub fn join(&self, path: &str) -> Result<Self, StoreError> {
        let path = path.trim_end_matches('/');
        key::check(path).map_err(|reason| key::invalid(Action::Open, self.uri_of(path), reason))?;
        Ok(match self {
            Self::File { path: root } => Self::File { path: root.join(path) },
            Self::Memory { name } => Self::Memory { name: format!("{name}/{path}") },
            Self::S3 { bucket, prefix } if prefix.is_empty() => {
                Self::S3 { bucket: bucket.clone(), prefix: path.to_owned() }
            }
            Self::S3 { bucket, prefix } => Self::S3 { bucket: bucket.clone(), prefix: format!("{prefix}/{path}") },
        })
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => f.write_str(&file_uri(path)),
            Self::Memory { name } => write!(f, "memory://{name}"),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// Percent-encodes what a URI cannot hold. The path is absolute by construction; should it ever not be,
/// it is shown as it is.
fn file_uri(path: &Path) -> String {
    Url::from_file_path(path)
        .map_or_else(|()| path.display().to_string(), |url| url.as_str().trim_end_matches('/').to_owned())
}

/// Resolves `.` and `..` in the text of an absolute path; `..` at the root stays at the root.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> StoreUrl {
        StoreUrl::parse(text, Path::new("/base/me")).unwrap()
    }

    #[test]
    fn every_form_has_one_canonical_uri() {
        for (text, canonical) in [
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/", "s3://bucket"),
            ("s3://bucket/a/b/", "s3://bucket/a/b"),
            ("file:///data/x/", "file:///data/x"),
            ("file:///data/my%20x", "file:///data/my%20x"),
            ("data/../x", "file:///base/me/x"),
            ("./data", "file:///base/me/data"),
            ("/data/a%20b", "file:///data/a%2520b"),
            ("memory://t", "memory://t"),
        ] {
            assert_eq!(parse(text).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_root() {
        for text in ["", "http://x/y", "s3://", "s3:///a", "s3://b/../c", "s3://b//c", "memory://", "file://host/x"] {
            let error = StoreUrl::parse(text, Path::new("/")).unwrap_err();
            assert!(matches!(error, StoreError::Invalid { .. }), "{text}");
            assert!(error.hint().contains("s3://BUCKET"), "{text}");
        }
    }

    #[test]
    fn an_object_uri_splits_into_folder_and_key() {
        for (text, root, key) in [
            ("s3://b/schemas/wafer.json", "s3://b/schemas", "wafer.json"),
            ("s3://b/wafer.json", "s3://b", "wafer.json"),
            ("wafer.json", "file:///base/me", "wafer.json"),
            ("memory://m/a/b", "memory://m/a", "b"),
        ] {
            let (url, got) = StoreUrl::parse_object(text, Path::new("/base/me")).unwrap();
            assert_eq!((url.to_string().as_str(), got.as_str()), (root, key));
        }
        for text in ["s3://b", "/", "memory://m"] {
            assert!(StoreUrl::parse_object(text, Path::new("/")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_sibling_with_the_same_beginning_is_not_below() {
        assert_eq!(parse("s3://b/run").key_of("s3://b/runs/x"), None);
        assert_eq!(parse("/data/run").key_of("file:///data/runs/x"), None);
        assert_eq!(parse("s3://b/run").key_of("s3://c/run/x"), None);
        assert_eq!(parse("s3://b/run").key_of("s3://b/run"), None);
        for (root, other, is_held) in [
            ("s3://b", "s3://b/run", true),
            ("/data", "file:///data/", true),
            ("/data", "/data/a/b", true),
            ("/data/a", "/data", false),
            ("/data/a", "/data/ab", false),
            ("s3://b", "s3://c/run", false),
        ] {
            assert_eq!(parse(root).holds(&parse(other)), is_held, "{root} {other}");
        }
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_gives_the_same(name in "[a-zA-Z0-9 %#?äöü._-]{1,20}", key in "[a-z %#?]{1,9}(/[a-z0-9%]{1,9}){0,3}") {
            prop_assume!(name != "." && name != "..");
            let roots = [parse(&format!("/data/{name}")), parse("s3://bucket/p"), parse("memory://m"), parse("s3://bucket")];
            for root in roots {
                prop_assert_eq!(&parse(&root.to_string()), &root);
                prop_assert_eq!(root.key_of(&root.uri_of(&key)), Some(key.clone()));
            }
        }
    }
}
