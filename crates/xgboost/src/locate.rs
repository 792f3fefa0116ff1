//! Where the library is sought. Pure: what it looks at is passed in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::VERSION;

/// The folders to look in, in order, given a view of the environment and the path of the running program.
pub(crate) fn folders(variable: impl Fn(&str) -> Option<OsString>, executable: Option<&Path>) -> Vec<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("XGBOOST_LIB_DIR") {
        return vec![folder.into()];
    }
    let beside = executable.and_then(Path::parent).and_then(Path::parent).map(|home| home.join("lib"));
    let cache = set("FAULTLINE_CACHE")
        .map(PathBuf::from)
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| Path::new(&cache).join("faultline")))
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache/faultline")))
        .map(|cache| cache.join(format!("xgboost-{VERSION}/lib")));
    beside.into_iter().chain(cache).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seek(variables: &[(&str, &str)], executable: Option<&str>) -> Vec<String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        folders(variable, executable.map(Path::new)).iter().map(|folder| folder.display().to_string()).collect()
    }

    #[test]
    fn a_named_folder_is_the_only_one() {
        let found = seek(&[("XGBOOST_LIB_DIR", "/named"), ("HOME", "/home/me")], Some("/app/bin/train"));
        assert_eq!(found, ["/named"]);
    }

    #[test]
    fn the_image_comes_before_the_cache() {
        let found = seek(&[("XGBOOST_LIB_DIR", ""), ("HOME", "/home/me")], Some("/app/bin/train"));
        assert_eq!(found, ["/app/lib", "/home/me/.cache/faultline/xgboost-3.2.0/lib"]);
    }

    #[test]
    fn the_cache_follows_its_variables() {
        let xdg = ("XDG_CACHE_HOME", "/xdg");
        assert_eq!(seek(&[xdg], None), ["/xdg/faultline/xgboost-3.2.0/lib"]);
        assert_eq!(seek(&[xdg, ("FAULTLINE_CACHE", "/ours")], None), ["/ours/xgboost-3.2.0/lib"]);
    }

    #[test]
    fn nothing_known_is_nowhere_to_look() {
        assert!(seek(&[], None).is_empty());
    }
}
