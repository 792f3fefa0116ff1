//! From what a step touches to the IAM policy that allows it, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use faultline_contract::ExitCode;
use faultline_contract::access::{Access, Declaration, Place, Right};
use faultline_runtime::Failure;
use faultline_store::StoreUrl;
use faultline_tracking::{ModelName, model_key};
use serde::Serialize;

const VERSION: &str = "2012-10-17";
/// Marks documents that are compiled into the steps.
const BUILTIN: &str = "builtin://";
/// What IAM would take for a wildcard or a variable, and how it is written when it is meant as it stands.
const ESCAPED: [(char, &str); 3] = [('*', "${*}"), ('?', "${?}"), ('$', "${$}")];

/// Where the places of a declaration are.
#[derive(Debug)]
pub(super) struct Locations {
    pub(super) root: StoreUrl,
    pub(super) base_dir: PathBuf,
    pub(super) model: ModelName,
    /// Every param that may be given, and what it was given.
    pub(super) given: BTreeMap<&'static str, Option<String>>,
}

/// A policy, in the form that IAM takes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    string_like: Prefixes,
}

#[derive(Debug, Serialize)]
struct Prefixes {
    #[serde(rename = "s3:prefix")]
    prefix: Vec<String>,
}

/// What is done with which objects.
#[derive(Debug, Default)]
struct Grants {
    read: BTreeSet<String>,
    write: BTreeSet<String>,
    delete: BTreeSet<String>,
    /// By bucket: IAM asks for the prefix of a listing, and knows no prefix without its bucket.
    list: BTreeMap<String, BTreeSet<String>>,
}

impl Policy {
    /// The policy for what the step touches in S3; none where it touches nothing there.
    pub(super) fn new(
        declaration: &Declaration,
        locations: &Locations,
        kms_key: Option<&str>,
    ) -> Result<Option<Self>, Failure> {
        let mut grants = Grants::default();
        for Access { place, rights } in &declaration.access {
            let Some((bucket, keys)) = locations.find(place)? else { continue };
            for right in rights {
                let object = || format!("arn:aws:s3:::{bucket}/{keys}");
                match right {
                    Right::Read => drop(grants.read.insert(object())),
                    // S3 knows no right to add that is none to replace.
                    Right::Add | Right::Write => drop(grants.write.insert(object())),
                    Right::Delete => drop(grants.delete.insert(object())),
                    Right::List => drop(grants.list.entry(bucket.clone()).or_default().insert(keys.clone())),
                    // Objects have no indexes.
                    Right::Index => {}
                }
            }
        }
        let statement = grants.statements(kms_key);
        Ok((!statement.is_empty()).then_some(Self { version: VERSION, statement }))
    }
}

impl Grants {
    fn statements(self, kms_key: Option<&str>) -> Vec<Statement> {
        let key = kms_key.filter(|_| !self.read.is_empty() || !self.write.is_empty()).map(|key| {
            // The parts of an upload are decrypted where they are put together.
            let writing: &[_] = if self.write.is_empty() { &[] } else { &["kms:GenerateDataKey"] };
            Statement::allow("UseKey", [&["kms:Decrypt"], writing].concat(), [key.to_owned()])
        });
        let mut statements = Vec::new();
        if !self.read.is_empty() {
            statements.push(Statement::allow("Read", vec!["s3:GetObject"], self.read));
        }
        if !self.write.is_empty() {
            let actions = vec!["s3:PutObject", "s3:AbortMultipartUpload"];
            statements.push(Statement::allow("Write", actions, self.write));
        }
        if !self.delete.is_empty() {
            statements.push(Statement::allow("Delete", vec!["s3:DeleteObject"], self.delete));
        }
        for (number, (bucket, prefixes)) in (1..).zip(self.list) {
            let sid = if number == 1 { "List".to_owned() } else { format!("List{number}") };
            let condition = Condition { string_like: Prefixes { prefix: prefixes.into_iter().collect() } };
            let allow = Statement::allow(sid, vec!["s3:ListBucket"], [format!("arn:aws:s3:::{bucket}")]);
            statements.push(Statement { condition: Some(condition), ..allow });
        }
        statements.extend(key);
        statements
    }
}

impl Statement {
    fn allow(sid: impl Into<String>, action: Vec<&'static str>, resource: impl IntoIterator<Item = String>) -> Self {
        let resource = resource.into_iter().collect();
        Self { sid: sid.into(), effect: "Allow", action, resource, condition: None }
    }
}

impl Locations {
    /// The bucket of a place and the pattern of its keys there; none for a place that is not in S3.
    fn find(&self, place: &Place) -> Result<Option<(String, String)>, Failure> {
        Ok(match place {
            Place::Store { keys } => below(&self.root, keys),
            Place::Model { keys } => below(&self.root, &model_key(&self.model, keys)),
            Place::Folder { param } => {
                let uri = self.given(param)?.ok_or_else(|| {
                    Failure::new(ExitCode::Usage, format!("find the folder that the step reads: got no --{param}"))
                        .hint(format!("give --{param} as the pipeline gets it"))
                })?;
                below(&StoreUrl::parse(uri, &self.base_dir)?, "*")
            }
            Place::Document { param } => match self.given(param)?.filter(|uri| !uri.starts_with(BUILTIN)) {
                Some(uri) => {
                    let (folder, key) = StoreUrl::parse_object(uri, &self.base_dir)?;
                    below(&folder, &escaped(&key))
                }
                None => None,
            },
            Place::Collection { .. } => None,
        })
    }

    fn given(&self, param: &str) -> Result<Option<&str>, Failure> {
        let given = self.given.get(param).ok_or_else(|| {
            Failure::configuration(format!("find what the step reads: this command line knows no param `{param}`"))
                .hint("use steps and command line of one version")
        })?;
        Ok(given.as_deref())
    }
}

/// The bucket of a root, and the keys below the root as keys of the bucket.
fn below(root: &StoreUrl, keys: &str) -> Option<(String, String)> {
    match root {
        StoreUrl::S3 { bucket, prefix } if prefix.is_empty() => Some((bucket.clone(), keys.to_owned())),
        StoreUrl::S3 { bucket, prefix } => Some((bucket.clone(), format!("{}/{keys}", escaped(prefix)))),
        StoreUrl::File { .. } | StoreUrl::Memory { .. } => None,
    }
}

fn escaped(text: &str) -> String {
    let one = |c: char| {
        ESCAPED.iter().find(|(meant, _)| *meant == c).map_or_else(|| c.to_string(), |(_, as_is)| (*as_is).to_owned())
    };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;

    fn policy(root: &str, raw: Option<&str>, schema: Option<&str>, access: Vec<Access>, key: Option<&str>) -> Value {
        let given = BTreeMap::from([("raw-uri", raw.map(str::to_owned)), ("schema-uri", schema.map(str::to_owned))]);
        let root = StoreUrl::parse(root, Path::new("/")).unwrap();
        let locations = Locations { root, base_dir: "/".into(), model: "wafer".parse().unwrap(), given };
        let declaration = Declaration { step: "validate".parse().unwrap(), access };
        json!(Policy::new(&declaration, &locations, key).unwrap())
    }

    #[test]
    fn every_right_has_its_statement() {
        let access = vec![
            Access::outputs_of("load"),
            Access::new(Place::Model { keys: "history/*".to_owned() }, &[Right::Read, Right::List, Right::Write]),
            Access::folder("raw-uri"),
            Access::document("schema-uri"),
            Access::new(Place::Collection { name: "records".to_owned() }, &[Right::Read]),
        ];
        let made = policy("s3://b/a", Some("s3://uploads"), Some("s3://b/s/press.json"), access, Some("arn:aws:kms:k"));
        let expected = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [
                "arn:aws:s3:::b/a/models/wafer/history/*", "arn:aws:s3:::b/a/runs/*/load/*",
                "arn:aws:s3:::b/s/press.json", "arn:aws:s3:::uploads/*"]},
            {"Sid": "Write", "Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
             "Resource": ["arn:aws:s3:::b/a/models/wafer/history/*"]},
            {"Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::b"],
             "Condition": {"StringLike": {"s3:prefix": ["a/models/wafer/history/*"]}}},
            {"Sid": "List2", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::uploads"],
             "Condition": {"StringLike": {"s3:prefix": ["*"]}}},
            {"Sid": "UseKey", "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
             "Resource": ["arn:aws:kms:k"]},
        ]});
        assert_eq!(made, expected);
    }

    #[test]
    fn what_is_not_in_s3_needs_no_policy() {
        let access = vec![Access::outputs_of("load"), Access::folder("raw-uri"), Access::document("schema-uri")];
        assert_eq!(policy("/data/store", Some("/raw"), None, access.clone(), Some("arn:aws:kms:k")), Value::Null);
        let mixed = policy("/data/store", Some("s3://raw/in"), Some("builtin://wafer"), access, None);
        assert_eq!(mixed["Statement"][0]["Resource"], json!(["arn:aws:s3:::raw/in/*"]));
    }

    #[test]
    fn wildcards_in_a_root_are_meant_as_they_stand() {
        let made = policy("s3://b/a*b?$c", None, None, vec![Access::outputs_of("load")], None);
        assert_eq!(made["Statement"][0]["Resource"], json!(["arn:aws:s3:::b/a${*}b${?}${$}c/runs/*/load/*"]));
    }

    #[test]
    fn a_folder_that_is_not_given_is_asked_for() {
        let locations = Locations {
            root: StoreUrl::parse("s3://b", Path::new("/")).unwrap(),
            base_dir: "/".into(),
            model: "wafer".parse().unwrap(),
            given: BTreeMap::from([("raw-uri", None)]),
        };
        let find = |param: &str| locations.find(&Place::Folder { param: param.to_owned() }).unwrap_err();
        assert_eq!(find("raw-uri").code(), ExitCode::Usage);
        assert_eq!(find("other-uri").code(), ExitCode::Configuration);
    }
}
