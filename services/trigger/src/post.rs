//! Telling a listener that the time has come.

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::Post;
use crate::error::TriggerError;
use crate::event::Period;
use crate::secrets;
use crate::signature::{SIGNATURE, TIMESTAMP, sign};

/// The longest that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends one signed event. It is not sent again here: a CronJob's Job is, with the same name, so that it stays the same event.
pub(crate) async fn post(post: &Post) -> Result<(), TriggerError> {
    let no_secret = |reason: String| TriggerError::Secret { path: post.secret_file.clone(), reason };
    let text = std::fs::read_to_string(&post.secret_file).map_err(|error| no_secret(error.to_string()))?;
    let secrets = secrets::parse(&text).map_err(no_secret)?;
    let secret = secrets.first().ok_or_else(|| no_secret("it holds no secret".to_owned()))?;
    let period = Period { schedule: post.schedule.clone(), period: post.period.clone() };
    let body = serde_json::to_string(&period).map_err(|error| TriggerError::Event(error.to_string()))?;
    Period::read(&body).map_err(|refusal| TriggerError::Event(refusal.to_string()))?;

    let unreachable =
        |source: reqwest::Error| TriggerError::Unreachable { url: post.url.clone(), source: source.without_url() };
    // Somebody may have installed one already, which is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(unreachable)?;
    let seconds = Timestamp::now().as_second();
    let request = client
        .post(&post.url)
        .header("Content-Type", "application/json")
        .header(TIMESTAMP, seconds.to_string())
        .header(SIGNATURE, sign(secret, seconds, body.as_bytes()))
        .body(body);
    let status = request.send().await.map_err(unreachable)?.status();
    if !status.is_success() {
        return Err(TriggerError::NotTaken { url: post.url.clone(), status });
    }
    tracing::info!(
        schedule = post.schedule,
        period = post.period,
        status = status.as_u16(),
        "the listener has the event"
    );
    Ok(())
}
