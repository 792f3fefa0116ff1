//! What a server's or the driver's error means to the caller.

use std::time::Duration;

use mongodb::error::{Error, ErrorKind, WriteFailure};
use thiserror::Error as ThisError;

use crate::error::RecordsError;

/// The code of an insert that found its key taken.
pub(crate) const DUPLICATE_KEY: i32 = 11_000;
/// A server that comes, goes, is overloaded or waits for its majority.
const TRANSIENT: [i32; 24] = [
    6,      // HostUnreachable
    7,      // HostNotFound
    24,     // LockTimeout
    43,     // CursorNotFound
    50,     // MaxTimeMSExpired
    64,     // WriteConcernTimeout
    89,     // NetworkTimeout
    91,     // ShutdownInProgress
    112,    // WriteConflict
    134,    // ReadConcernMajorityNotAvailableYet
    189,    // PrimarySteppedDown
    202,    // NetworkInterfaceExceededTimeLimit
    237,    // CursorKilled
    262,    // ExceededTimeLimit
    365,    // TemporarilyUnavailable
    384,    // ConnectionError
    462,    // IngressRequestRateLimitExceeded
    9_001,  // SocketException
    10_058, // NotWritablePrimary of old servers
    10_107, // NotWritablePrimary
    11_600, // InterruptedAtShutdown
    11_602, // InterruptedDueToReplStateChange
    13_435, // NotPrimaryNoSecondaryOk
    13_436, // NotPrimaryOrSecondary
];
const LABELS: [&str; 3] =
    [mongodb::error::RETRYABLE_WRITE_ERROR, mongodb::error::RETRYABLE_ERROR, mongodb::error::SYSTEM_OVERLOADED_ERROR];
const UNAUTHORIZED: i32 = 13;
/// UserNotFound, AuthenticationFailed, MechanismUnavailable.
const UNKNOWN_USER: [i32; 3] = [11, 18, 334];
/// IndexOptionsConflict and IndexKeySpecsConflict.
const OTHER_INDEX: [i32; 2] = [85, 86];
const INVALID_NAMESPACE: i32 = 73;
/// UnknownReplWriteConcern and UnsatisfiableWriteConcern.
const WRITE_CONCERN: [i32; 2] = [79, 100];
/// OutOfDiskSpace, and the quota of a database.
const FULL: [i32; 2] = [14_031, 12_501];
const USER_WRITES_BLOCKED: i32 = 371;
/// A hosted cluster's own failures, told apart by their texts.
const HOSTED: i32 = 8_000;

/// What the server or the driver answered, in a few words: no credentials, no reply in full, no row's content.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("{0}")]
pub(crate) struct Answer(pub(crate) String);

/// A database, as errors name it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) uri: String,
    pub(crate) database: String,
}

impl Place {
    /// Sorts a failure by what the caller can do.
    pub(crate) fn failed(&self, action: &'static str, error: &Error) -> RecordsError {
        let (uri, text, code) = (self.uri.clone(), text(error), code(error));
        let source = || Box::new(Answer(text.clone()));
        let is = |codes: &[i32]| code.is_some_and(|code| codes.contains(&code));
        let known = LABELS.iter().any(|label| error.contains_label(label));
        match &*error.kind {
            ErrorKind::ServerSelection { message, .. } | ErrorKind::IncompatibleServer { message, .. }
                if message.contains("wire version") =>
            {
                RecordsError::Open { uri, reason: format!("the server's version does not fit: {message}") }
            }
            ErrorKind::ServerSelection { .. } if text.contains("certificate") => RecordsError::Url {
                url: uri,
                reason: format!("the certificates do not fit, see tlsCAFile and tlsCertificateKeyFile: {text}"),
            },
            ErrorKind::InvalidArgument { message, .. } | ErrorKind::InvalidTlsConfig { message, .. } => {
                RecordsError::Url { url: uri, reason: message.clone() }
            }
            ErrorKind::Authentication { .. } => self.unknown_user(action, &text),
            ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::DnsResolve { .. }
            // A reply that was cut or changed on its way.
            | ErrorKind::InvalidResponse { .. }
            | ErrorKind::Bson(_) => RecordsError::Unavailable { action, uri, source: source() },
            _ if is(&UNKNOWN_USER) => self.unknown_user(action, &text),
            _ if is(&[UNAUTHORIZED]) => self.not_allowed(action, &text),
            _ if is(&FULL) || (is(&[HOSTED]) && text.contains("quota")) => {
                RecordsError::Full { action, uri, source: source() }
            }
            _ if is(&[HOSTED]) => self.not_allowed(action, &text),
            _ if is(&[USER_WRITES_BLOCKED]) => RecordsError::ReadOnly { action, uri, source: source() },
            _ if is(&OTHER_INDEX) || is(&[DUPLICATE_KEY]) => RecordsError::Open {
                uri,
                reason: format!("the collection `records` is not one that this program made: {text}"),
            },
            _ if is(&[INVALID_NAMESPACE]) || is(&WRITE_CONCERN) => RecordsError::Url { url: uri, reason: text },
            _ if text.contains("etryable writes") => RecordsError::Url {
                url: uri,
                reason: format!("the server knows no retryable writes, add retryWrites=false to its options: {text}"),
            },
            _ if known || is(&TRANSIENT) => RecordsError::Unavailable { action, uri, source: source() },
            _ => RecordsError::Failed { action, uri, source: source() },
        }
    }

    /// The deadline of a request has passed.
    pub(crate) fn silent(&self, action: &'static str, deadline: Duration) -> RecordsError {
        let source = Box::new(Answer(format!("no answer in {deadline:?}")));
        RecordsError::Unavailable { action, uri: self.uri.clone(), source }
    }

    fn unknown_user(&self, action: &'static str, text: &str) -> RecordsError {
        let hint = "check user, password and authSource in the connection string; without authSource the user is looked for in the \
                    database that the path names, and in `admin` where it names none";
        self.denied(action, text, hint.to_owned())
    }

    fn not_allowed(&self, action: &'static str, text: &str) -> RecordsError {
        let hint = format!(
            "grant the user `readWrite` on the database `{}`, or find, insert, update and createIndex on its collection \
             `records` and find and insert on `layouts`",
            self.database
        );
        self.denied(action, text, hint)
    }

    fn denied(&self, action: &'static str, text: &str, hint: String) -> RecordsError {
        let source = Box::new(Answer(text.to_owned()));
        RecordsError::PermissionDenied { action, uri: self.uri.clone(), hint, source }
    }
}

/// The places of the documents of an unordered insert whose keys were taken, when nothing else went wrong.
pub(crate) fn taken(error: &Error) -> Option<Vec<usize>> {
    let ErrorKind::InsertMany(many) = &*error.kind else { return None };
    let errors = many.write_errors.as_ref()?;
    (many.write_concern_error.is_none() && errors.iter().all(|error| error.code == DUPLICATE_KEY))
        .then(|| errors.iter().map(|error| error.index).collect())
}

/// Whether a single insert found its key taken.
pub(crate) fn is_taken(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE_KEY)
}

/// The code that says most.
fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        ErrorKind::InsertMany(many) => {
            let errors = many.write_errors.iter().flatten().map(|error| error.code);
            let own = errors.filter(|code| *code != DUPLICATE_KEY);
            own.chain(many.write_concern_error.iter().map(|error| error.code)).next()
        }
        _ => None,
    }
}

/// What was answered, without the parts that are for machines.
fn text(error: &Error) -> String {
    let coded = |code: i32, message: &str| format!("{message} (code {code})");
    match &*error.kind {
        ErrorKind::Command(command) => coded(command.code, &command.message),
        ErrorKind::Write(WriteFailure::WriteError(error)) => coded(error.code, &error.message),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => coded(error.code, &error.message),
        ErrorKind::InsertMany(many) => {
            let errors = many.write_errors.iter().flatten().filter(|error| error.code != DUPLICATE_KEY);
            let errors = errors.map(|error| coded(error.code, &error.message));
            let concern = many.write_concern_error.iter().map(|error| coded(error.code, &error.message));
            errors.chain(concern).next().unwrap_or_else(|| "the key of a row is taken".to_owned())
        }
        ErrorKind::ServerSelection { message, .. } => plain(message),
        other => plain(&other.to_string()),
    }
}

/// Drops what the driver's texts say of every nested error, though there is nothing to say.
fn plain(message: &str) -> String {
    let nothing = [", labels: {}", ", source: None", ", server response: None"];
    nothing.iter().fold(message.to_owned(), |text, nothing| text.replace(nothing, ""))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Document, deserialize_from_document, doc};
    use mongodb::error::{CommandError, InsertManyError};

    use super::*;

    fn place() -> Place {
        Place { uri: "mongodb://h/fab".to_owned(), database: "fab".to_owned() }
    }

    fn command(code: i32, message: &str) -> Error {
        let error: CommandError = deserialize_from_document(doc! { "code": code, "errmsg": message }).unwrap();
        ErrorKind::Command(error).into()
    }

    fn insert(errors: &[i32], concern: Option<i32>) -> Error {
        let errors: Vec<Document> =
            (2..).zip(errors).map(|(i, c)| doc! { "index": i, "code": c, "errmsg": "m" }).collect();
        let mut many = doc! { "writeErrors": errors };
        if let Some(code) = concern {
            many.insert("writeConcernError", doc! { "code": code, "errmsg": "c" });
        }
        ErrorKind::InsertMany(deserialize_from_document::<InsertManyError>(many).unwrap()).into()
    }

    fn variant(error: &Error) -> String {
        let debug = format!("{:?}", place().failed("write", error));
        debug.split([' ', '{']).next().unwrap_or_default().to_owned()
    }

    #[test]
    fn codes_are_sorted_by_what_the_caller_can_do() {
        for (codes, expected) in [
            (&TRANSIENT[..], "Unavailable"),
            (&UNKNOWN_USER, "PermissionDenied"),
            (&[UNAUTHORIZED, HOSTED], "PermissionDenied"),
            (&FULL, "Full"),
            (&[USER_WRITES_BLOCKED], "ReadOnly"),
            (&[85, 86, DUPLICATE_KEY], "Open"),
            (&[INVALID_NAMESPACE, 79, 100], "Url"),
            (&[121, 1, 2], "Failed"),
        ] {
            for code in codes {
                assert_eq!(variant(&command(*code, "said")), expected, "{code}");
            }
        }
        assert_eq!(variant(&command(HOSTED, "you are over your space quota")), "Full");
        assert_eq!(variant(&command(301, "Retryable writes are not supported")), "Url");
        assert_eq!(variant(&ErrorKind::from(std::io::ErrorKind::ConnectionReset).into()), "Unavailable");
    }

    #[test]
    fn an_insert_is_judged_by_what_is_not_a_taken_key() {
        assert_eq!(taken(&insert(&[DUPLICATE_KEY, DUPLICATE_KEY], None)), Some(vec![2, 3]));
        for error in [insert(&[DUPLICATE_KEY, 121], None), insert(&[DUPLICATE_KEY], Some(64)), command(91, "")] {
            assert_eq!(taken(&error), None);
        }
        assert_eq!(variant(&insert(&[DUPLICATE_KEY, 121], None)), "Failed");
        assert_eq!(variant(&insert(&[DUPLICATE_KEY, 14_031], None)), "Full");
        assert_eq!(variant(&insert(&[DUPLICATE_KEY], Some(64))), "Unavailable");
        assert_eq!(text(&insert(&[DUPLICATE_KEY, 121], None)), "m (code 121)");
    }
}
