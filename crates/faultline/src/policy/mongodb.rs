//! From what a step touches to the MongoDB role that allows it, and no more.

use faultline_contract::access::{Declaration, Place, Right};
use faultline_records::mongodb_database;
use faultline_runtime::{Explained, Failure};
use serde::Serialize;

/// A role, in the form that `db.createRole` takes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Role {
    #[serde(rename = "role")]
    name: String,
    privileges: Vec<Privilege>,
    /// Other roles whose rights it takes over: none.
    roles: [String; 0],
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Privilege {
    resource: Resource,
    actions: Vec<&'static str>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Resource {
    db: String,
    collection: String,
}

impl Role {
    /// The role for what the step touches in the database; none where it touches nothing, or the database is no MongoDB.
    pub(super) fn new(declaration: &Declaration, records_uri: &str) -> Result<Option<Self>, Failure> {
        let collections = declaration.access.iter().filter_map(|access| match &access.place {
            Place::Collection { name } => Some((name, &access.rights)),
            _ => None,
        });
        let mut collections = collections.peekable();
        if collections.peek().is_none() {
            return Ok(None);
        }
        let Some(db) = mongodb_database(records_uri).explained()? else { return Ok(None) };
        let privilege = |(name, rights): (&String, &Vec<Right>)| Privilege {
            resource: Resource { db: db.clone(), collection: name.clone() },
            actions: rights.iter().flat_map(|right| actions(*right)).copied().collect(),
        };
        let privileges = collections.map(privilege).collect();
        Ok(Some(Self { name: format!("faultline-{}", declaration.step), privileges, roles: [] }))
    }
}

fn actions(right: Right) -> &'static [&'static str] {
    match right {
        Right::Read => &["find"],
        Right::Add => &["insert"],
        Right::Write => &["insert", "update"],
        Right::Index => &["createIndex"],
        Right::Delete => &["remove"],
        Right::List => &["listCollections"],
    }
}

#[cfg(test)]
mod tests {
    use faultline_contract::ExitCode;
    use faultline_contract::access::Access;
    use serde_json::json;

    use super::*;

    fn declaration(rights: &[Right]) -> Declaration {
        let place = Place::Collection { name: "records".to_owned() };
        let access = vec![Access::outputs_of("transform"), Access::new(place, rights)];
        Declaration { step: "load".parse().unwrap(), access }
    }

    #[test]
    fn a_collection_has_its_privilege() {
        let declared = declaration(&[Right::Read, Right::Write, Right::Index]);
        let role = Role::new(&declared, "mongodb://me:s%2Fecret@a,b:2/press?tls=true").unwrap();
        let expected = json!({"role": "faultline-load", "roles": [], "privileges": [
            {"resource": {"db": "press", "collection": "records"},
             "actions": ["find", "insert", "update", "createIndex"]}]});
        assert_eq!(json!(role), expected);
    }

    #[test]
    fn other_databases_and_other_steps_need_no_role() {
        for uri in ["", "records.sqlite", "sqlite:///data/r.sqlite"] {
            assert_eq!(Role::new(&declaration(&[Right::Read]), uri).unwrap(), None, "{uri}");
        }
        let none = Declaration { step: "train".parse().unwrap(), access: vec![Access::outputs_of("cluster")] };
        assert_eq!(Role::new(&none, "mongodb://host").unwrap(), None);
    }

    #[test]
    fn the_database_is_the_one_that_the_step_takes() {
        for uri in ["mongodb://me:secret@host", "mongodb://me:secret@host/", "mongodb://me:secret@host/?w=1"] {
            let role = Role::new(&declaration(&[Right::Read]), uri).unwrap().unwrap();
            assert_eq!(role.privileges[0].resource.db, "faultline", "{uri}");
        }
        let failure = Role::new(&declaration(&[Right::Read]), "mongodb://me:secret@host/a/b").unwrap_err();
        assert_eq!(failure.code(), ExitCode::Configuration);
        assert!(!failure.render().contains("secret"), "{}", failure.render());
    }
}
