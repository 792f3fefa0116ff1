//! From a connection string to the driver's options.

use std::time::Duration;

use faultline_contract::without_secret;
use mongodb::options::{Acknowledgment, ClientOptions, ConnectionString, ReadConcern, WriteConcern};

use crate::error::RecordsError;
use crate::mongo::failure::Place;
use crate::{PASSWORD_VARIABLE, USERNAME_VARIABLE};

const DEFAULT_DATABASE: &str = "faultline";
const APP_NAME: &str = "faultline";
/// How long a request looks for a server that can serve it; then our own pauses between attempts take over.
const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a server that was lost is seen again.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long a write waits for its majority.
const WRITE_CONCERN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long one request may take in all; `socketTimeoutMS` in the connection string says otherwise.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);

/// A connection string that was read.
#[derive(Clone)]
pub(crate) struct Target {
    string: ConnectionString,
    pub(crate) place: Place,
    pub(crate) deadline: Duration,
}

/// Who asks, where the connection string does not say.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// Those of the environment: a password in a URL can be seen in lists of processes.
    ///
    /// # Errors
    /// [`RecordsError::Url`] when only one of the two is set.
    pub(crate) fn from_env(url: &str) -> Result<Option<Self>, RecordsError> {
        let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::new(url, value(USERNAME_VARIABLE), value(PASSWORD_VARIABLE))
    }

    fn new(url: &str, user: Option<String>, password: Option<String>) -> Result<Option<Self>, RecordsError> {
        match (user, password) {
            (None, None) => Ok(None),
            (Some(user), Some(password)) => Ok(Some(Self { user, password })),
            (user, _) => {
                let (set, missing) = if user.is_some() {
                    (USERNAME_VARIABLE, PASSWORD_VARIABLE)
                } else {
                    (PASSWORD_VARIABLE, USERNAME_VARIABLE)
                };
                let reason = format!("{set} is set and {missing} is not");
                Err(RecordsError::Url { url: without_secret(url), reason })
            }
        }
    }

    /// The connection string with these credentials, unless it has its own.
    fn added_to(&self, url: &str) -> String {
        match url.split_once("://") {
            Some((scheme, rest)) if !rest.split(['/', '?']).next().unwrap_or_default().contains('@') => {
                format!("{scheme}://{}:{}@{rest}", escaped(&self.user), escaped(&self.password))
            }
            _ => url.to_owned(),
        }
    }
}

/// Every byte but letters and digits as `%XX`.
fn escaped(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric();
    let escape = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

impl Target {
    /// # Errors
    /// [`RecordsError::Url`] when it is no connection string of MongoDB.
    pub(crate) fn parse(url: &str, credentials: Option<&Credentials>) -> Result<Self, RecordsError> {
        let shown = without_secret(url);
        let shown = shown.split('?').next().unwrap_or_default().trim_end_matches('/');
        let invalid = |reason: &str| RecordsError::Url { url: shown.to_owned(), reason: reason.to_owned() };
        // The driver would take the rest of such a password for a host's port, and repeat it in its message.
        if url.split_once('?').is_some_and(|(_, options)| options.contains('@')) {
            return Err(invalid("`?` in a user or password and `@` in an option are to be written as %3F and %40"));
        }
        let whole = credentials.map_or_else(|| url.to_owned(), |credentials| credentials.added_to(url));
        let mut string = ConnectionString::parse(&whole).map_err(|error| match *error.kind {
            mongodb::error::ErrorKind::InvalidArgument { message, .. } => invalid(&message),
            _ => invalid("it is no connection string of MongoDB"),
        })?;
        let given = string.default_database.clone();
        let database = given.clone().unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
        let uri = if given.is_some() { shown.to_owned() } else { format!("{shown}/{database}") };
        #[expect(deprecated, reason = "the driver reads this option and then refuses it; here it is kept to")]
        let deadline = match string.socket_timeout.take() {
            None => REQUEST_DEADLINE,
            Some(Duration::ZERO) => Duration::MAX,
            Some(timeout) => timeout,
        };
        Ok(Self { string, place: Place { uri, database }, deadline })
    }

    /// The driver's options, after the look-ups in DNS that a `mongodb+srv` URL needs.
    pub(crate) async fn options(&self) -> mongodb::error::Result<ClientOptions> {
        let mut options = ClientOptions::parse(self.string.clone()).await?;
        options.app_name.get_or_insert_with(|| APP_NAME.to_owned());
        options.server_selection_timeout.get_or_insert(SERVER_SELECTION_TIMEOUT);
        options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
        options.heartbeat_freq.get_or_insert(HEARTBEAT);
        // A secondary may not have yet what was just written.
        options.selection_criteria = None;
        options.read_concern.get_or_insert_with(ReadConcern::majority);
        options.write_concern = Some(durable(options.write_concern.take()));
        Ok(options)
    }
}

/// At least a majority with its journals; a number from 2 on and the name of a tag are the user's own promise.
fn durable(given: Option<WriteConcern>) -> WriteConcern {
    let mut concern = given.unwrap_or_default();
    if matches!(concern.w, None | Some(Acknowledgment::Nodes(0 | 1))) {
        concern.w = Some(Acknowledgment::Majority);
    }
    concern.journal = Some(true);
    concern.w_timeout.get_or_insert(WRITE_CONCERN_TIMEOUT);
    concern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> ClientOptions {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Target::parse(url, None).unwrap().options()).unwrap()
    }

    #[test]
    fn the_path_names_the_database() {
        for (url, uri, database) in [
            ("mongodb://h", "mongodb://h/faultline", "faultline"),
            ("mongodb://h:1,i:2/?w=3", "mongodb://h:1,i:2/faultline", "faultline"),
            ("mongodb://me:pass@h/fab?tls=true", "mongodb://...@h/fab", "fab"),
            ("mongodb+srv://me:pass@cluster.example.org/fab", "mongodb+srv://...@cluster.example.org/fab", "fab"),
        ] {
            let place = Target::parse(url, None).unwrap().place;
            assert_eq!((place.uri.as_str(), place.database.as_str()), (uri, database));
        }
    }

    #[test]
    fn credentials_are_added_where_there_are_none() {
        let credentials = Credentials { user: "me".to_owned(), password: "p@ss/?".to_owned() };
        for (url, expected) in [
            ("mongodb://h", "mongodb://me:p%40ss%2F%3F@h"),
            ("mongodb+srv://h/fab?w=3", "mongodb+srv://me:p%40ss%2F%3F@h/fab?w=3"),
            ("mongodb://other:own@h/fab", "mongodb://other:own@h/fab"),
        ] {
            assert_eq!(credentials.added_to(url), expected);
        }
        assert!(Credentials::new("mongodb://h", None, None).unwrap().is_none());
        let Err(error) = Credentials::new("mongodb://h", Some("me".to_owned()), None) else { panic!("half of them") };
        assert!(error.to_string().contains("FAULTLINE_RECORDS_PASSWORD is not"), "{error}");
        let target = Target::parse("mongodb://h/fab", Some(&credentials)).unwrap();
        assert_eq!(target.place.uri, "mongodb://h/fab");
        assert_eq!(target.string.credential.unwrap().password.as_deref(), Some("p@ss/?"));
    }

    #[test]
    fn writes_are_durable_whatever_the_string_says() {
        let concern = |url| options(url).write_concern.unwrap();
        for url in ["mongodb://h", "mongodb://h/?w=1", "mongodb://h/?journal=false", "mongodb://h/?w=0"] {
            let concern = concern(url);
            assert_eq!((concern.w, concern.journal), (Some(Acknowledgment::Majority), Some(true)), "{url}");
            assert!(concern.w_timeout.is_some(), "{url}");
        }
        assert_eq!(concern("mongodb://h/?w=3").w, Some(Acknowledgment::Nodes(3)));
        assert_eq!(concern("mongodb://h/?w=everywhere").w, Some(Acknowledgment::Custom("everywhere".to_owned())));
        assert_eq!(concern("mongodb://h/?wtimeoutMS=7").w_timeout, Some(Duration::from_millis(7)));
    }

    #[test]
    fn nothing_waits_for_ever_unless_told_to() {
        let options = options("mongodb://h/?readPreference=secondary&serverSelectionTimeoutMS=70");
        assert_eq!(options.server_selection_timeout, Some(Duration::from_millis(70)));
        assert_eq!(options.connect_timeout, Some(CONNECT_TIMEOUT));
        assert_eq!(options.selection_criteria, None);
        assert_eq!(options.read_concern, Some(ReadConcern::majority()));
        let deadline = |url| Target::parse(url, None).unwrap().deadline;
        assert_eq!(deadline("mongodb://h"), REQUEST_DEADLINE);
        assert_eq!(deadline("mongodb://h/?socketTimeoutMS=1500"), Duration::from_millis(1_500));
        assert_eq!(deadline("mongodb://h/?socketTimeoutMS=0"), Duration::MAX);
    }

    #[test]
    fn what_is_no_connection_string_is_told_without_its_secrets() {
        for url in [
            "mongodb://",
            "mongodb:///fab",
            "mongodb://h/a/b",
            "mongodb://h:99999/fab",
            "mongodb://h/fab?tsl=true",
            "mongodb://me:hunter2/x@h/fab",
            "mongodb://me:hunter2?x@h/fab",
            "mongodb://me:hunter2@x@h/fab",
            "mongodb://me:hunter2#x@h/fab",
            "mongodb://me:hunter2%@h/fab",
            "mongodb+srv://me:hunter2@h:27017/fab",
            "mongodb://me:hunter2@h/fab?w=-1",
        ] {
            let Err(error) = Target::parse(url, None) else { panic!("{url} was taken") };
            assert!(matches!(error, RecordsError::Url { .. }), "{url}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}: {error:?}");
        }
    }
}
