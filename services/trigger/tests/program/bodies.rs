//! Events in the shapes that AWS and GitHub document.

use serde_json::{Value, json};

pub(crate) const BUCKET: &str = "fab-data";
pub(crate) const VERSION: &str = "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e";
pub(crate) const SEQUENCER: &str = "00617F08299329D189";
pub(crate) const COMMIT: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";

/// What EventBridge sends when an object is created, now.
pub(crate) fn bridged(key: &str) -> Value {
    json!({
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": jiff::Timestamp::now().to_string(),
        "region": "ca-central-1",
        "resources": [format!("arn:aws:s3:::{BUCKET}")],
        "detail": {
            "version": "0",
            "bucket": {"name": BUCKET},
            "object": {
                "key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": VERSION, "sequencer": SEQUENCER
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "1.2.3.4",
            "reason": "PutObject"
        }
    })
}

/// What S3 itself sends to SQS and SNS; the key is encoded already.
pub(crate) fn noted(encoded_keys: &[&str]) -> Value {
    let record = |key: &&str| {
        json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-west-2",
            "eventTime": jiff::Timestamp::now().to_string(),
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD"},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "new-batches",
                "bucket": {"name": BUCKET, "ownerIdentity": {"principalId": "A3NL1KOZZKExample"}, "arn": format!("arn:aws:s3:::{BUCKET}")},
                "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "versionId": VERSION, "sequencer": "0055AED6DCD90281E5"}
            }
        })
    };
    json!({"Records": encoded_keys.iter().map(record).collect::<Vec<_>>()})
}

/// What GitHub sends of a push.
pub(crate) fn push(reference: &str, files: &[&str]) -> Value {
    json!({
        "ref": reference,
        "before": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "after": COMMIT,
        "created": false,
        "deleted": false,
        "forced": false,
        "base_ref": null,
        "compare": "https://git.invalid/fab/faultline/compare/4b825dc642cb...6113728f27ae",
        "repository": {"id": 186_853_002, "name": "faultline", "full_name": "fab/faultline", "private": true, "default_branch": "main"},
        "pusher": {"name": "octo", "email": "octo@git.invalid"},
        "sender": {"login": "octo", "type": "User"},
        "head_commit": {"id": COMMIT, "message": "[pin] train"},
        "commits": [{"id": COMMIT, "message": "[pin] train", "added": [], "removed": [], "modified": files}]
    })
}
