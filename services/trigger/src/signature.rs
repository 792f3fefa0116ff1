//! Who sent an event. Every comparison of a secret takes the same time whatever is found.
//!
//! | header | made of | who can send it |
//! |---|---|---|
//! | `Faultline-Signature: v1=HEX` | HMAC-SHA256 of `TIMESTAMP.BODY` | `trigger post`, a relay of your own |
//! | `Faultline-Timestamp: SECONDS` | the time of signing; an old one is refused | with the above |
//! | `X-Hub-Signature-256: sha256=HEX` | HMAC-SHA256 of the body | GitHub and Git servers that do as it does |
//! | `Faultline-Key: SECRET` | the secret itself | EventBridge, which can send a fixed header and cannot sign |

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::protocol::Headers;
use crate::refusal::Refusal;
use crate::secrets::Secret;

/// The header of a signature with a time.
pub const SIGNATURE: &str = "Faultline-Signature";
/// The header of the time that is signed, in seconds since 1970.
pub const TIMESTAMP: &str = "Faultline-Timestamp";
/// The header of a secret that is sent as it is.
pub const KEY: &str = "Faultline-Key";
/// GitHub's header.
pub const GITHUB_SIGNATURE: &str = "X-Hub-Signature-256";

const VERSION: &str = "v1=";
const GITHUB_VERSION: &str = "sha256=";
/// The block of SHA-256.
const BLOCK_BYTES: usize = 64;

/// The value of [`SIGNATURE`] for a body that is signed at a time.
#[must_use]
pub fn sign(secret: &Secret, seconds: i64, body: &[u8]) -> String {
    let code = mac(secret, &[seconds.to_string().as_bytes(), b".", body]).finalize().into_bytes();
    format!("{VERSION}{}", hex::encode(code))
}

/// Checks a signature with a time, which may differ from `now` by `tolerance`: what was recorded cannot be sent again later.
pub(crate) fn with_time(
    headers: &Headers,
    body: &str,
    secrets: &[Secret],
    now: Timestamp,
    tolerance: SignedDuration,
) -> Result<(), Refusal> {
    let given = required(headers, SIGNATURE)?;
    let time = required(headers, TIMESTAMP)?;
    let seconds = time.parse::<i64>().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let seconds = seconds.ok_or_else(|| {
        Refusal::denied(format!("the header {TIMESTAMP} is no time"), "expected whole seconds since 1970")
    })?;
    compare(secrets, given, VERSION, SIGNATURE, &[time.as_bytes(), b".", body.as_bytes()])?;
    let age = now.duration_since(seconds);
    if age.abs() > tolerance {
        let reason = format!("the event was signed {} seconds away from now", age.abs().as_secs());
        let hint = format!("at most {} are allowed: sign it anew, and check the clocks", tolerance.as_secs());
        return Err(Refusal::denied(reason, hint));
    }
    Ok(())
}

/// Checks a signature as GitHub makes it, which has no time in it.
pub(crate) fn of_github(headers: &Headers, body: &str, secrets: &[Secret]) -> Result<(), Refusal> {
    let given = required(headers, GITHUB_SIGNATURE)?;
    compare(secrets, given, GITHUB_VERSION, GITHUB_SIGNATURE, &[body.as_bytes()])
}

/// Checks a secret that is sent as it is.
pub(crate) fn key(given: &str, secrets: &[Secret]) -> Result<(), Refusal> {
    // Digests are of one length, whatever the secrets are.
    let given = Sha256::digest(given.as_bytes());
    let is_one = |secret: &Secret| bool::from(Sha256::digest(secret.bytes()).ct_eq(&given));
    if secrets.iter().any(is_one) {
        return Ok(());
    }
    Err(Refusal::denied(format!("the header {KEY} is not the secret of these events"), "check the sender's connection"))
}

fn required<'a>(headers: &'a Headers, name: &str) -> Result<&'a str, Refusal> {
    let missing =
        || Refusal::denied(format!("the header {name} is missing"), "events must be signed, see docs/deploy.md");
    headers.one(name)?.ok_or_else(missing)
}

fn compare(secrets: &[Secret], given: &str, version: &str, header: &str, parts: &[&[u8]]) -> Result<(), Refusal> {
    let code = given.strip_prefix(version).and_then(|code| hex::decode(code).ok());
    let code = code.ok_or_else(|| {
        Refusal::denied(format!("the header {header} is no signature"), format!("expected {version} and 64 hex digits"))
    })?;
    if secrets.iter().any(|secret| mac(secret, parts).verify_slice(&code).is_ok()) {
        return Ok(());
    }
    Err(Refusal::denied(
        format!("the signature in {header} does not fit the body"),
        "check that sender and cluster have the same secret, and that nothing on the way changes the body",
    ))
}

/// The code of the parts, one after the other. A key is padded to a block, and hashed first if it is longer (RFC 2104).
fn mac(secret: &Secret, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut block = [0; BLOCK_BYTES];
    let hashed = Sha256::digest(secret.bytes());
    let key = if secret.bytes().len() > BLOCK_BYTES { hashed.as_slice() } else { secret.bytes() };
    block[..key.len()].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Code;

    const BODY: &str = "{\"a\": 1}";

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn signed(secret: &Secret, seconds: i64) -> Headers {
        Headers::from([(SIGNATURE, sign(secret, seconds, BODY.as_bytes())), (TIMESTAMP, seconds.to_string())])
    }

    /// RFC 4231, test cases 2 and 6: a short key, and one longer than a block.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (key, data, code) in [
            (
                b"Jefe".to_vec(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            let made = mac(&Secret::new(&key), &[data.as_bytes()]).finalize().into_bytes();
            assert_eq!(hex::encode(made), code);
        }
    }

    /// The example of GitHub's documentation on validating webhooks.
    #[test]
    fn the_example_of_github_is_taken() {
        let value = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let headers = Headers::from([(GITHUB_SIGNATURE, value.to_owned())]);
        let secrets = [secret("It's a Secret to Everybody")];
        assert_eq!(of_github(&headers, "Hello, World!", &secrets), Ok(()));
        assert_eq!(of_github(&headers, "Hello, World?", &secrets).unwrap_err().code, Code::PermissionDenied);
    }

    #[test]
    fn a_time_is_signed_and_grows_old() {
        let (old, new) = (secret("the old secret of the lab"), secret("the new secret of the lab"));
        let five = SignedDuration::from_mins(5);
        let check = |headers: &Headers, now| with_time(headers, BODY, &[new.clone(), old.clone()], at(now), five);
        for secret in [&old, &new] {
            assert_eq!(check(&signed(secret, 1_000_000), 1_000_000 + 300), Ok(()));
            assert_eq!(check(&signed(secret, 1_000_000), 1_000_000 - 300), Ok(()));
        }
        for now in [1_000_000 + 301, 1_000_000 - 301] {
            assert!(check(&signed(&new, 1_000_000), now).unwrap_err().reason.contains("away from now"));
        }
        // Another time under the same signature.
        let moved =
            Headers::from([(SIGNATURE, sign(&new, 1_000_000, BODY.as_bytes())), (TIMESTAMP, "1000400".to_owned())]);
        assert!(check(&moved, 1_000_400).unwrap_err().reason.contains("does not fit"));
        let stranger = signed(&secret("somebody else's secret"), 1_000_000);
        assert!(check(&stranger, 1_000_000).unwrap_err().reason.contains("does not fit"));
    }

    #[test]
    fn what_is_no_signature_is_told() {
        let secrets = [secret("the new secret of the lab")];
        let check = |headers: Headers| {
            with_time(&headers, BODY, &secrets, at(0), SignedDuration::from_mins(5)).unwrap_err().reason
        };
        assert!(check(Headers::default()).contains("Faultline-Signature is missing"));
        assert!(check(Headers::from([(SIGNATURE, "v1=ab".to_owned())])).contains("Faultline-Timestamp is missing"));
        let with =
            |value: &str, time: &str| Headers::from([(SIGNATURE, value.to_owned()), (TIMESTAMP, time.to_owned())]);
        assert!(check(with("v1=ab", "yesterday")).contains("is no time"));
        for value in ["", "v1=", "v1=xy", "v2=abcd", "sha256=abcd"] {
            let reason = check(with(value, "0"));
            assert!(reason.contains("is no signature") || reason.contains("does not fit"), "{value}: {reason}");
        }
    }

    #[test]
    fn a_key_is_one_of_the_secrets() {
        let secrets = [secret("the new secret of the lab"), secret("the old secret of the lab")];
        assert_eq!(key("the old secret of the lab", &secrets), Ok(()));
        for given in ["", "the old secret of the la", "the old secret of the lab "] {
            assert_eq!(key(given, &secrets).unwrap_err().code, Code::PermissionDenied);
        }
    }
}
