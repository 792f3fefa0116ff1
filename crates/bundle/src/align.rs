//! Raw rows with the columns that a bundle wants.

use std::borrow::Cow;

use thiserror::Error;

/// A feature that is wanted and that the rows do not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no feature `{0}`")]
pub struct MissingFeature(pub String);

/// Takes the columns `wanted`, in their order, out of `rows`, whose values are row-major and whose columns are `names`. Columns
/// beyond those are left aside; where nothing changes nothing is copied.
///
/// # Errors
/// For the first wanted feature that is not among the names.
pub fn aligned<'a>(wanted: &[String], names: &[String], rows: &'a [f32]) -> Result<Cow<'a, [f32]>, MissingFeature> {
    if wanted == names {
        return Ok(Cow::Borrowed(rows));
    }
    let place =
        |feature: &String| names.iter().position(|name| name == feature).ok_or_else(|| MissingFeature(feature.clone()));
    let places = wanted.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    let mut picked = Vec::with_capacity(places.len() * (rows.len() / names.len().max(1)));
    for row in rows.chunks_exact(names.len().max(1)) {
        picked.extend(places.iter().map(|place| row[*place]));
    }
    Ok(Cow::Owned(picked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn columns_are_found_by_name_and_the_others_left_aside() {
        let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let picked = aligned(&names(&["c", "a"]), &names(&["a", "b", "c"]), &rows).unwrap();
        assert_eq!(*picked, [3.0, 1.0, 6.0, 4.0]);
        let same = aligned(&names(&["a", "b", "c"]), &names(&["a", "b", "c"]), &rows).unwrap();
        assert!(matches!(same, Cow::Borrowed(_)));
    }

    #[test]
    fn a_feature_that_is_not_there_is_named() {
        let missing = aligned(&names(&["a", "z"]), &names(&["a"]), &[1.0]).unwrap_err();
        assert_eq!(missing, MissingFeature("z".to_owned()));
    }
}
