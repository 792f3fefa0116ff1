//! The locked third-party crates that a step reaches, compared between two revisions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::DeliveryError;
use crate::affected::workspace::{table, text};
use crate::git::Git;

/// The file of the top folder.
pub(crate) const FILE: &str = "Cargo.lock";

/// The packages of a lock file by name; one name may have several versions.
#[derive(Debug)]
pub(crate) struct Lock {
    packages: BTreeMap<String, Vec<Package>>,
}

#[derive(Debug)]
struct Package {
    version: String,
    /// Version, checksum and source: what makes it this package and no other.
    identity: [String; 3],
    needs: Vec<String>,
}

impl Lock {
    /// The lock file of the checkout.
    pub(crate) fn here(root: &Path) -> Result<Self, DeliveryError> {
        Self::parse(FILE, &text(&root.join(FILE))?)
    }

    /// The lock file of a commit; none is one without packages.
    pub(crate) fn at(git: &Git, commit: &str) -> Result<Self, DeliveryError> {
        let object = format!("{commit}:./{FILE}");
        if !git.try_run(&["cat-file", "-e", &object])?.status.success() {
            return Self::parse(&object, "");
        }
        Self::parse(&object, &String::from_utf8_lossy(&git.run(&["cat-file", "blob", &object])?))
    }

    fn parse(file: &str, content: &str) -> Result<Self, DeliveryError> {
        let lock = table(file, content)?;
        let mut packages: BTreeMap<String, Vec<Package>> = BTreeMap::new();
        for package in lock.get("package").and_then(toml::Value::as_array).into_iter().flatten() {
            let text = |key: &str| package.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
            let needs = package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
            let needs = needs.filter_map(|need| Some(need.as_str()?.split(' ').next()?.to_owned())).collect();
            let identity = [text("version"), text("checksum"), text("source")];
            packages.entry(text("name")).or_default().push(Package { version: text("version"), identity, needs });
        }
        Ok(Self { packages })
    }

    /// One reason for each package that is reached from the named ones and is not the same in both, whether it is new, gone or
    /// another version. As in the code digest, a name stands for all its versions.
    pub(crate) fn differences(&self, before: &Self, start: &BTreeSet<String>) -> Vec<String> {
        let mut names = self.reached(start);
        names.extend(before.reached(start));
        let differs = |name: &&String| self.identities(name) != before.identities(name);
        let reason = |name: &String| format!("{FILE} ({name} {} -> {})", before.versions(name), self.versions(name));
        names.iter().filter(differs).map(reason).collect()
    }

    fn reached(&self, start: &BTreeSet<String>) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut todo: Vec<String> = start.iter().cloned().collect();
        while let Some(name) = todo.pop() {
            if let Some(packages) = self.packages.get(&name)
                && reached.insert(name)
            {
                todo.extend(packages.iter().flat_map(|package| package.needs.iter().cloned()));
            }
        }
        reached
    }

    fn of(&self, name: &str) -> &[Package] {
        self.packages.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    fn identities(&self, name: &str) -> BTreeSet<&[String; 3]> {
        self.of(name).iter().map(|package| &package.identity).collect()
    }

    fn versions(&self, name: &str) -> String {
        let versions: Vec<&str> = self.of(name).iter().map(|package| package.version.as_str()).collect();
        if versions.is_empty() { "none".to_owned() } else { versions.join(" and ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(serde: &str, rand: &str) -> Lock {
        let text = format!(
            "[[package]]\nname='serde'\nversion='1.0.0'\ndependencies=['syn 2.0.0']\n[[package]]\nname='syn'\nversion='{serde}'\n\
             [[package]]\nname='rand'\nversion='{rand}'\nchecksum='aa'\n"
        );
        Lock::parse(FILE, &text).unwrap()
    }

    #[test]
    fn only_what_is_reached_makes_a_difference() {
        let start = BTreeSet::from(["serde".to_owned()]);
        let before = lock("2.0.0", "0.8.0");
        assert_eq!(lock("2.0.0", "0.9.0").differences(&before, &start), Vec::<String>::new());
        assert_eq!(lock("2.0.1", "0.8.0").differences(&before, &start), ["Cargo.lock (syn 2.0.0 -> 2.0.1)"]);
    }

    #[test]
    fn a_package_that_is_gone_makes_a_difference() {
        let start = BTreeSet::from(["serde".to_owned()]);
        let after = Lock::parse(FILE, "[[package]]\nname='serde'\nversion='1.0.0'\n").unwrap();
        assert_eq!(after.differences(&lock("2.0.0", "0"), &start), ["Cargo.lock (syn 2.0.0 -> none)"]);
    }

    #[test]
    fn the_same_version_from_elsewhere_makes_a_difference() {
        let start = BTreeSet::from(["rand".to_owned()]);
        let after = Lock::parse(FILE, "[[package]]\nname='rand'\nversion='0.8.0'\nchecksum='bb'\n").unwrap();
        assert_eq!(after.differences(&lock("2.0.0", "0.8.0"), &start), ["Cargo.lock (rand 0.8.0 -> 0.8.0)"]);
    }
}
