//! A flag that names a server: empty, or an address.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use url::Url;

/// What a flag such as `--tracking-uri` was given: empty for none, else the address of a server.
///
/// Taken as it is, so that a flag of this type never fails in the parser of the command line, which would print it;
/// [`ServerUri::address`] checks it. A name, a password or a query in it are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ServerUri(String);

impl ServerUri {
    /// The address, with a trailing slash; `None` when the flag is empty.
    ///
    /// # Errors
    /// What is wrong with it, to follow the address in a sentence: it is neither `http://` nor `https://`, or has a user, a query or a
    /// fragment.
    pub fn address(&self) -> Result<Option<Url>, &'static str> {
        if self.0.is_empty() {
            return Ok(None);
        }
        // Looked for in the text: a password with a slash in it would end the host's name for a parser.
        if self.0.contains('@') {
            return Err("has a user or a password in it");
        }
        let mut url = Url::parse(&self.0).map_err(|_| "is no address")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("is neither http:// nor https://");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a query or a fragment");
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Some(url))
    }
}

impl FromStr for ServerUri {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// The address less whatever might be a secret.
impl fmt::Display for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
        let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, host)| ("...@", host));
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        write!(f, "{scheme}{user}{}", &rest[..end])
    }
}

/// The same as for people: steps log their flags.
impl fmt::Debug for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> ServerUri {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_may_have_a_path() {
        assert_eq!(uri("").address(), Ok(None));
        for (text, expected) in [
            ("http://mlflow", "http://mlflow/"),
            ("https://host:5000/ml/flow", "https://host:5000/ml/flow/"),
            ("http://host/ml/", "http://host/ml/"),
        ] {
            assert_eq!(uri(text).address().unwrap().unwrap().as_str(), expected);
        }
    }

    #[test]
    fn other_addresses_are_refused_and_show_no_secret() {
        for text in [
            "sqlite:///mlflow.db",
            "mlflow",
            "http://me:planted@host",
            "http://me:plan/planted@host/x",
            "http://host?token=planted",
            "http://host/#planted",
            "me:planted@host",
        ] {
            let reason = uri(text).address().unwrap_err();
            let told = format!("{reason} {} {:?}", uri(text), uri(text));
            assert!(!told.contains("planted"), "{told}");
        }
    }
}
