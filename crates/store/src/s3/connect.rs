//! The client, from the options and the environment. One serves all stores of a process, so that connections are used again.

use std::env;
use std::time::Duration;

use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tokio::sync::OnceCell;

use super::again::Again;
use super::options::{PathStyle, S3Options};
use super::retry_after::RetryAfter;

/// The standard settings that name another service than AWS.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
/// The standard setting of how often a request is sent; without it [`MAX_ATTEMPTS`].
const MAX_ATTEMPTS_VARIABLE: &str = "AWS_MAX_ATTEMPTS";
const MAX_ATTEMPTS: u32 = 8;
/// The longest wait between two attempts, also where the service asks for more.
const MAX_BACKOFF: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a service may take to begin its answer.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

static CLIENT: OnceCell<Client> = OnceCell::const_new();

/// The client of this process, made at the first call.
pub(super) async fn client() -> Client {
    CLIENT.get_or_init(|| connect(S3Options::installed())).await.clone()
}

/// Region and credentials come from the default chains (environment, profile, web identity, container, instance).
async fn connect(options: S3Options) -> Client {
    let endpoint = options.s3_endpoint_url.filter(|url| !url.is_empty());
    // One TLS stack, on ring, for every client of the workspace.
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.clone()).timeout_config(timeouts);
    let is_set = |name: &&str| env::var_os(name).is_some_and(|url| !url.is_empty());
    let own_endpoint = endpoint.is_some() || ENDPOINTS.iter().any(is_set);
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
    let mut config = aws_sdk_s3::config::Builder::from(&shared)
        .http_client(http)
        .force_path_style(match options.s3_path_style {
            PathStyle::ByService => custom,
            PathStyle::Path => true,
            PathStyle::Host => false,
        })
        .interceptor(Again)
        .retry_classifier(RetryAfter);
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}
