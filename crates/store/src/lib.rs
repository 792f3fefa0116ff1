//! Artifacts by URL: s3://, file:// and memory://.
