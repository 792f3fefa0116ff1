//! URLs as they may be shown.

/// The URL without the user's name and password, for logs and errors.
#[must_use]
pub fn without_secret(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // A password may itself hold an `@`; the host begins after the last one before the path.
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://...{}", &rest[at..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_and_the_password_are_left_out() {
        for (url, shown) in [
            ("sqlite:///data/a@b.sqlite", "sqlite:///data/a@b.sqlite"),
            ("records.sqlite", "records.sqlite"),
            ("mongodb://host:1/db", "mongodb://host:1/db"),
            ("mongodb://me:p@ss@host,other:2/db?x=1", "mongodb://...@host,other:2/db?x=1"),
        ] {
            assert_eq!(without_secret(url), shown);
        }
    }
}
