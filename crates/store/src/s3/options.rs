//! What is told to an S3 service beyond the default chains: where it is, and how objects are encrypted there.

use std::str::FromStr;
use std::sync::OnceLock;

use aws_sdk_s3::types::ServerSideEncryption;
use clap::Args;

/// Set once by the program, before the first store is opened.
static OPTIONS: OnceLock<S3Options> = OnceLock::new();

/// Flags of every program that opens stores; region and credentials come from the default chains of AWS.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "S3")]
pub struct S3Options {
    /// The address of an S3 service other than AWS
    #[arg(long, env = "AWS_ENDPOINT_URL_S3", value_name = "URL", global = true)]
    pub s3_endpoint_url: Option<String>,

    /// Put the bucket into the path instead of the host's name; default: true for every service but AWS
    #[arg(long, env = "FAULTLINE_S3_PATH_STYLE", value_name = "BOOL", default_value = "", global = true)]
    pub s3_path_style: PathStyle,

    /// How the service encrypts what is written; default: as the bucket says
    #[arg(long, env = "FAULTLINE_S3_ENCRYPTION", value_name = "s3|kms", default_value = "", global = true)]
    pub s3_encryption: S3Encryption,

    /// The KMS key for `--s3-encryption kms`, by id or ARN; default: the key of the bucket, or that of AWS
    #[arg(long, env = "FAULTLINE_S3_KMS_KEY_ID", value_name = "KEY", global = true)]
    pub s3_kms_key_id: Option<String>,
}

/// Where the bucket's name stands. An empty text is as good as none: variables of a pod may be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathStyle {
    /// In the path, for every service but AWS.
    #[default]
    ByService,
    /// In the path.
    Path,
    /// In the host's name.
    Host,
}

impl FromStr for PathStyle {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Ok(Self::ByService),
            "true" => Ok(Self::Path),
            "false" => Ok(Self::Host),
            _ => Err("expected true or false"),
        }
    }
}

impl FromStr for S3Encryption {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Ok(Self::ByBucket),
            "s3" => Ok(Self::S3),
            "kms" => Ok(Self::Kms),
            _ => Err("expected s3 or kms"),
        }
    }
}

/// Server-side encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum S3Encryption {
    /// As the bucket says.
    #[default]
    ByBucket,
    /// With keys that S3 manages (SSE-S3).
    S3,
    /// With a key of the key management service (SSE-KMS).
    Kms,
}

impl S3Options {
    /// Makes these the options of all stores that this process opens from now on; the first call counts. Without a call nothing is set
    /// but what the environment of AWS says.
    pub fn install(self) {
        OPTIONS.get_or_init(|| self);
    }

    /// The options of this process.
    pub(super) fn installed() -> Self {
        OPTIONS.get().cloned().unwrap_or_default()
    }

    /// What a write asks for.
    pub(super) fn server_side_encryption(&self) -> Option<ServerSideEncryption> {
        match self.s3_encryption {
            S3Encryption::ByBucket => None,
            S3Encryption::S3 => Some(ServerSideEncryption::Aes256),
            S3Encryption::Kms => Some(ServerSideEncryption::AwsKms),
        }
    }

    /// The key that a write names; only with encryption by KMS.
    pub(super) fn kms_key_id(&self) -> Option<String> {
        self.s3_kms_key_id.clone().filter(|key| self.s3_encryption == S3Encryption::Kms && !key.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_setting_is_none() {
        let styles = ["", "true", "false"].map(|text| text.parse::<PathStyle>().unwrap());
        assert_eq!(styles, [PathStyle::ByService, PathStyle::Path, PathStyle::Host]);
        assert!("yes".parse::<PathStyle>().is_err() && "aes".parse::<S3Encryption>().is_err());
        assert_eq!("".parse::<S3Encryption>().unwrap(), S3Encryption::ByBucket);
    }

    #[test]
    fn a_key_is_named_for_kms_only() {
        let options = |s3_encryption| S3Options {
            s3_encryption,
            s3_kms_key_id: Some("alias/wafer".to_owned()),
            ..S3Options::default()
        };
        assert_eq!(
            (options(S3Encryption::ByBucket).server_side_encryption(), options(S3Encryption::ByBucket).kms_key_id()),
            (None, None)
        );
        let by_s3 = options(S3Encryption::S3);
        assert_eq!((by_s3.server_side_encryption(), by_s3.kms_key_id()), (Some(ServerSideEncryption::Aes256), None));
        let by_kms = options(S3Encryption::Kms);
        assert_eq!(by_kms.server_side_encryption(), Some(ServerSideEncryption::AwsKms));
        assert_eq!(by_kms.kms_key_id().as_deref(), Some("alias/wafer"));
    }
}
