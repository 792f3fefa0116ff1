//! What steps see of the caller's environment. On a cluster they see none of it, so here they see what says where programs, homes and
//! credentials are, and no more.

use std::ffi::OsString;

use faultline_contract::ExitCode;
use faultline_runtime::Failure;

/// Variables that every step gets: in which language and time zone, and how to reach the network.
const PASSED: [&str; 9] =
    ["LANG", "TZ", "NO_COLOR", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
/// Beginnings of the names of more of them: a pod gets such variables from its service account and its node.
const PASSED_PREFIXES: [&str; 6] = ["AWS_", "FAULTLINE_", "LC_", "MLFLOW_TRACKING_", "RAYON_", "RUST_"];
/// Variables that say where things are on this machine. In a container they are elsewhere.
const PLACES: [&str; 7] = ["PATH", "LD_LIBRARY_PATH", "HOME", "USER", "LOGNAME", "SSL_CERT_FILE", "SSL_CERT_DIR"];
/// Beginnings of the names of more of these.
const PLACES_PREFIXES: [&str; 2] = ["XDG_", "XGBOOST_"];

/// The variables beneath those of each step: the ones above, those that name places only for steps that see this machine, and those asked
/// for as `NAME` or `NAME=VALUE`.
pub(crate) fn passed(wanted: &[String], sees_this_machine: bool) -> Result<Vec<(OsString, OsString)>, Failure> {
    let is_among = |name: &str, names: &[&str], prefixes: &[&str]| {
        names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    let is_passed = |name: &str| {
        is_among(name, &PASSED, &PASSED_PREFIXES) || (sees_this_machine && is_among(name, &PLACES, &PLACES_PREFIXES))
    };
    let mut passed: Vec<_> = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_passed)).collect();
    passed.sort();
    for text in wanted {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, OsString::from(value)),
            None => (text.as_str(), std::env::var_os(text).ok_or_else(|| not_set(text))?),
        };
        passed.push((name.into(), value));
    }
    Ok(passed)
}

fn not_set(name: &str) -> Failure {
    Failure::new(ExitCode::Usage, format!("pass the variable `{name}` to the steps: it is not set"))
        .hint(format!("set it, or write --env {name}=VALUE"))
}
