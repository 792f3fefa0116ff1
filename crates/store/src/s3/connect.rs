//! The client, from the environment.

use std::env;
use std::time::Duration;

use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::error::{Action, StoreError};
use crate::url::StoreUrl;

/// Whether the bucket stands in the path instead of the host's name.
const PATH_STYLE: &str = "FAULTLINE_S3_PATH_STYLE";
/// The standard settings that name another service than AWS.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
/// The standard setting of how often a request is sent; without it [`MAX_ATTEMPTS`].
const MAX_ATTEMPTS_VARIABLE: &str = "AWS_MAX_ATTEMPTS";
const MAX_ATTEMPTS: u32 = 5;
const MAX_BACKOFF: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a service may take to begin its answer.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// Region and credentials come from the default chains (environment, profile, web identity, container, instance).
pub(super) async fn client(root: &StoreUrl) -> Result<Client, StoreError> {
    let path_style = path_style(root, env::var(PATH_STYLE).ok().as_deref())?;
    // One TLS stack, on ring, for every client of the workspace.
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone()).timeout_config(timeouts);
    let own_endpoint = ENDPOINTS.iter().any(|name| env::var_os(name).is_some());
    if own_endpoint {
        // Other services than AWS mostly take any region; asking for that of the machine would cost seconds off AWS.
        let named = env::var("AWS_REGION").or_else(|_| env::var("AWS_DEFAULT_REGION"));
        loader = loader.region(Region::new(named.unwrap_or_else(|_| "us-east-1".to_owned())));
    } else {
        loader = loader.region(RegionProviderChain::default_provider().or_else("us-east-1"));
    }
    if env::var_os(MAX_ATTEMPTS_VARIABLE).is_none() {
        loader =
            loader.retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_max_backoff(MAX_BACKOFF));
    }
    let shared = loader.load().await;
    let custom = own_endpoint || shared.endpoint_url().is_some();
    let config =
        aws_sdk_s3::config::Builder::from(&shared).http_client(http).force_path_style(path_style.unwrap_or(custom));
    Ok(Client::from_conf(config.build()))
}

fn path_style(root: &StoreUrl, value: Option<&str>) -> Result<Option<bool>, StoreError> {
    match value {
        None | Some("") => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(StoreError::Invalid {
            action: Action::Open,
            uri: root.to_string(),
            reason: format!("the environment has {PATH_STYLE}={other}"),
            hint: format!("expected {PATH_STYLE}=true or {PATH_STYLE}=false"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_style_is_true_false_or_left_open() {
        let root = StoreUrl::S3 { bucket: "b".to_owned(), prefix: String::new() };
        assert_eq!(path_style(&root, None).unwrap(), None);
        assert_eq!(path_style(&root, Some("true")).unwrap(), Some(true));
        assert_eq!(path_style(&root, Some("false")).unwrap(), Some(false));
        let error = path_style(&root, Some("yes")).unwrap_err();
        assert!(error.to_string().contains("FAULTLINE_S3_PATH_STYLE=yes"), "{error}");
        assert!(error.hint().contains("FAULTLINE_S3_PATH_STYLE=true"));
    }
}
