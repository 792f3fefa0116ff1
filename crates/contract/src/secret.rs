//! URLs as they may be shown.

/// The options of a connection string whose values are secrets, in lower case.
const SECRET_OPTIONS: [&str; 4] =
    ["authmechanismproperties", "proxypassword", "sslclientcertificatekeypassword", "tlscertificatekeyfilepassword"];

/// The URL without the user's name and password, for logs and errors; of a connection string of MongoDB also without the options
/// that are secret.
#[must_use]
pub fn without_secret(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let is_mongodb = matches!(scheme, "mongodb" | "mongodb+srv");
    // A password may itself hold an `@`; the host begins after the last one before the path. One with a `/` or a `?` that should
    // have been escaped goes past that; no other part of a connection string holds an `@`.
    let authority = if is_mongodb { rest } else { rest.split(['/', '?']).next().unwrap_or_default() };
    let shown = match authority.rfind('@') {
        Some(at) => format!("{scheme}://...{}", &rest[at..]),
        None => url.to_owned(),
    };
    if is_mongodb { without_secret_options(&shown) } else { shown }
}

fn without_secret_options(url: &str) -> String {
    let Some((before, options)) = url.split_once('?') else { return url.to_owned() };
    let shown = options.split('&').map(|option| match option.split_once('=') {
        Some((name, _)) if SECRET_OPTIONS.contains(&name.to_lowercase().as_str()) => format!("{name}=..."),
        _ => option.to_owned(),
    });
    format!("{before}?{}", shown.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_and_the_password_are_left_out() {
        for (url, shown) in [
            ("sqlite:///data/a@b.sqlite", "sqlite:///data/a@b.sqlite"),
            ("records.sqlite", "records.sqlite"),
            ("s3://bucket/a@b", "s3://bucket/a@b"),
            ("mongodb://host:1/db", "mongodb://host:1/db"),
            ("mongodb://me:p@ss@host,other:2/db?x=1", "mongodb://...@host,other:2/db?x=1"),
            ("mongodb://me:p/a?s&s@host/db?x=1", "mongodb://...@host/db?x=1"),
            ("mongodb+srv://me:pass@host/db", "mongodb+srv://...@host/db"),
        ] {
            assert_eq!(without_secret(url), shown);
        }
    }

    #[test]
    fn secret_options_of_a_connection_string_are_left_out() {
        assert_eq!(
            without_secret(
                "mongodb://host/?authMechanismProperties=AWS_SESSION_TOKEN:abc&w=1&tlsCertificateKeyFilePassword=x"
            ),
            "mongodb://host/?authMechanismProperties=...&w=1&tlsCertificateKeyFilePassword=..."
        );
    }
}
