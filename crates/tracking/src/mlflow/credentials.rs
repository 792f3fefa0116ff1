//! Who asks, by the variables that MLflow's own clients read.

use std::fmt;

use reqwest::RequestBuilder;

/// The variables, by MLflow's names.
const USERNAME: &str = "MLFLOW_TRACKING_USERNAME";
const PASSWORD: &str = "MLFLOW_TRACKING_PASSWORD";
const TOKEN: &str = "MLFLOW_TRACKING_TOKEN";

/// The variables that say who asks.
pub const CREDENTIAL_VARIABLES: [&str; 3] = [USERNAME, PASSWORD, TOKEN];

/// What is sent with every request.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// Nothing.
    #[default]
    None,
    /// A user and a password.
    Basic(String, String),
    /// A token.
    Bearer(String),
}

impl Credentials {
    /// From `variables`. A user with a password goes before a token, as with MLflow's own clients.
    ///
    /// # Errors
    /// Why they cannot be used, without their values.
    pub(crate) fn of(variables: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let set = |name| variables(name).filter(|value| !value.is_empty());
        let credentials = match (set(USERNAME), set(PASSWORD), set(TOKEN)) {
            (Some(user), Some(password), _) => Self::Basic(user, password),
            (Some(_), None, _) => return Err(format!("{USERNAME} is set, and {PASSWORD} is not")),
            (None, Some(_), _) => return Err(format!("{PASSWORD} is set, and {USERNAME} is not")),
            (None, None, Some(token)) => Self::Bearer(token),
            (None, None, None) => Self::None,
        };
        match &credentials {
            Self::Bearer(token) if token.chars().any(char::is_control) => {
                Err(format!("{TOKEN} has a line break or another control character in it"))
            }
            Self::Basic(user, _) if user.contains(':') => Err(format!("{USERNAME} has a colon in it")),
            _ => Ok(credentials),
        }
    }

    /// The request with them.
    pub(crate) fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Basic(user, password) => request.basic_auth(user, Some(password)),
            Self::Bearer(token) => request.bearer_auth(token),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic(..) => "Basic(...)",
            Self::Bearer(_) => "Bearer(...)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Credentials, String> {
        Credentials::of(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_user_with_a_password_goes_before_a_token() {
        let bearer = Credentials::Bearer("t".to_owned());
        assert_eq!(of(&[]), Ok(Credentials::None));
        assert_eq!(of(&[(TOKEN, "t"), (USERNAME, "")]), Ok(bearer));
        let basic = Credentials::Basic("u".to_owned(), "p".to_owned());
        assert_eq!(of(&[(TOKEN, "t"), (USERNAME, "u"), (PASSWORD, "p")]), Ok(basic));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_being_shown() {
        for variables in [
            &[(USERNAME, "planted")][..],
            &[(PASSWORD, "planted")],
            &[(TOKEN, "planted\n")],
            &[(USERNAME, "planted:"), (PASSWORD, "planted")],
        ] {
            let reason = of(variables).unwrap_err();
            assert!(reason.contains("MLFLOW_TRACKING_") && !reason.contains("planted"), "{reason}");
        }
        let shown = format!("{:?}", of(&[(USERNAME, "planted"), (PASSWORD, "planted")]).unwrap());
        assert_eq!(shown, "Basic(...)");
    }
}
