//! A new object, as EventBridge tells it, and as S3's own notifications do, which come through SQS or SNS.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::read;
use crate::key;
use crate::refusal::Refusal;

/// An object that was created.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NewObject {
    pub(crate) bucket: String,
    /// As it is in the bucket: decoded where the sender encodes it.
    pub(crate) key: String,
    pub(crate) bytes: u64,
    /// Which of the objects that were ever at this key it is: the version, else the sequencer, else the entity tag. It is the same however the
    /// event is sent and however often.
    pub(crate) version: String,
    pub(crate) time: Timestamp,
}

#[derive(Deserialize)]
struct Bridged {
    #[serde(rename = "detail-type")]
    detail_type: String,
    source: String,
    time: String,
    detail: Value,
}

#[derive(Deserialize)]
struct Detail {
    bucket: Bucket,
    object: BridgedObject,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BridgedObject {
    key: String,
    #[serde(default)]
    size: u64,
    etag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
}

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_source: String,
    event_name: String,
    event_time: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: NotedObject,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NotedObject {
    key: String,
    #[serde(default)]
    size: u64,
    e_tag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
}

/// The objects that an event tells of, or why one is not meant: one of EventBridge, any number of a notification.
pub(crate) fn objects(body: &str) -> Result<Vec<Result<NewObject, Refusal>>, Refusal> {
    let value: Value = read(body, "event of S3")?;
    if value.get("detail-type").is_some() {
        return Ok(vec![bridged(read(body, "event of EventBridge")?)]);
    }
    if value.get("Records").is_some() {
        let notification: Notification = read(body, "notification of S3")?;
        return Ok(notification.records.into_iter().map(noted).collect());
    }
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Err(Refusal::unmet(
            "a test event, which S3 sends when notifications are set up",
            "nothing is to be done",
        ));
    }
    let hint = "expected an event of EventBridge with `detail-type`, or a notification of S3 with `Records`";
    Err(Refusal::invalid("the body is no event of S3", hint))
}

fn bridged(event: Bridged) -> Result<NewObject, Refusal> {
    if event.source != "aws.s3" || event.detail_type != "Object Created" {
        let reason = format!("an event of {:?} with the detail-type {:?}", event.source, event.detail_type);
        return Err(Refusal::unmet(reason, "only \"Object Created\" of \"aws.s3\" starts a run"));
    }
    let detail: Detail = serde_json::from_value(event.detail).map_err(|error| {
        Refusal::invalid(
            format!("the body is no event of EventBridge: detail: {error}"),
            "expected `bucket` and `object`",
        )
    })?;
    let object = detail.object;
    let version = version([object.version_id, object.sequencer, object.etag])?;
    // EventBridge does not encode keys.
    Ok(NewObject { bucket: detail.bucket.name, key: object.key, bytes: object.size, version, time: time(&event.time)? })
}

fn noted(record: Record) -> Result<NewObject, Refusal> {
    if record.event_source != "aws:s3" || !record.event_name.starts_with("ObjectCreated:") {
        let reason = format!("an event of {:?} with the name {:?}", record.event_source, record.event_name);
        return Err(Refusal::unmet(reason, "only \"ObjectCreated:*\" of \"aws:s3\" starts a run"));
    }
    let object = record.s3.object;
    let key = key::decode(&object.key).map_err(|reason| Refusal::invalid(reason, "rename the object"))?;
    let version = version([object.version_id, object.sequencer, object.e_tag])?;
    Ok(NewObject { bucket: record.s3.bucket.name, key, bytes: object.size, version, time: time(&record.event_time)? })
}

fn time(text: &str) -> Result<Timestamp, Refusal> {
    let no_time = |_| {
        Refusal::invalid("the body is no event of S3: its time is none", "expected one such as 2026-11-28T09:00:00Z")
    };
    text.parse().map_err(no_time)
}

/// The best that is there. A bucket without versions has the version `null`, which tells nothing.
fn version(known: [Option<String>; 3]) -> Result<String, Refusal> {
    let told = known.into_iter().flatten().find(|value| !value.is_empty() && value != "null");
    let missing = || {
        let hint = "without one an event that is told twice cannot be known again";
        Refusal::invalid("the object has no version, no sequencer and no entity tag", hint)
    };
    told.ok_or_else(missing)
}
