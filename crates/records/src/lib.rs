#![doc = include_str!("../README.md")]

mod error;
mod mongo;
mod record;
mod records;
mod sqlite;

use std::path::Path;

use faultline_contract::access::{Access, Place, Right};
use faultline_contract::without_secret;

pub use crate::error::RecordsError;
pub use crate::record::{Layout, Record, Stored};
pub use crate::records::{Records, Upserted};

/// The variable of the user for a MongoDB URL that has none.
pub const USERNAME_VARIABLE: &str = "FAULTLINE_RECORDS_USERNAME";
/// The variable of that user's password.
pub const PASSWORD_VARIABLE: &str = "FAULTLINE_RECORDS_PASSWORD";

/// The schemes of MongoDB's connection strings.
const MONGODB: [&str; 2] = ["mongodb", "mongodb+srv"];

/// What a step touches in a database that knows users and collections.
#[must_use]
pub fn access() -> Vec<Access> {
    let of = |name: &str, rights| Access::new(Place::Collection { name: name.to_owned() }, rights);
    vec![of("records", &[Right::Read, Right::Write, Right::Index]), of("layouts", &[Right::Read, Right::Add])]
}

/// Opens the database at a URL, and makes what is missing of it. A plain path resolves against `base_dir`. Waits for the database, so
/// it belongs on a thread that may.
///
/// # Errors
/// [`RecordsError::Url`] for a URL that is not one of the known forms, and whatever opening the database meets.
pub fn open(url: &str, base_dir: &Path) -> Result<Box<dyn Records>, RecordsError> {
    let invalid = |reason: &str| RecordsError::Url { url: without_secret(url), reason: reason.to_owned() };
    let path = match url.split_once("://") {
        None if url.is_empty() => return Err(invalid("it is empty")),
        None => base_dir.join(url),
        Some((scheme, _)) if MONGODB.contains(&scheme) => return Ok(Box::new(mongo::MongoRecords::open(url)?)),
        Some(("sqlite", path)) if path.starts_with('/') && !path.ends_with('/') => path.into(),
        Some(("sqlite", _)) => return Err(invalid("the path of a file must follow, from the root on")),
        Some(_) => return Err(invalid("the scheme is not known")),
    };
    Ok(Box::new(sqlite::SqliteRecords::open(&path)?))
}

/// The database of MongoDB that a URL means, without asking the server; `None` for a URL of another kind.
///
/// # Errors
/// [`RecordsError::Url`] when it has a scheme of MongoDB and is no connection string.
pub fn mongodb_database(url: &str) -> Result<Option<String>, RecordsError> {
    let is_mongodb = url.split_once("://").is_some_and(|(scheme, _)| MONGODB.contains(&scheme));
    is_mongodb.then(|| mongo::database(url)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_urls_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        for url in ["", "sqlite://", "sqlite://relative.db", "sqlite:///folder/", "redis://user:secret@host/db"] {
            let error = open(url, folder.path()).unwrap_err();
            assert!(matches!(error, RecordsError::Url { .. }), "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
            assert!(error.hint().contains("sqlite:///"), "{url}");
        }
        let absolute = open(&format!("sqlite://{}/a/r.sqlite", folder.path().display()), Path::new("/")).unwrap();
        let relative = open("a/r.sqlite", folder.path()).unwrap();
        assert_eq!(absolute.uri(), relative.uri());
    }
}
