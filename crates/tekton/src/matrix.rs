//! Fan-out: the combinations of a matrix, in Tekton's order.

use std::collections::BTreeMap;

use crate::document::{Matrix, MatrixInclude, ParamValue};
use crate::variables::Variables;

/// The most combinations a cluster allows by default.
pub const MAX_COMBINATIONS: usize = 256;

/// The params of one combination.
pub type Combination = BTreeMap<String, String>;

/// Why a matrix has no combinations.
#[derive(Debug, PartialEq, Eq)]
pub enum NoCombinations {
    /// A list that is fanned out over is empty: the task is skipped.
    EmptyList,
    /// A value has the wrong type: the run fails.
    WrongType {
        /// The param.
        param: String,
        /// The type that is needed.
        expected: &'static str,
        /// The type of the value.
        got: &'static str,
    },
    /// There are more than [`MAX_COMBINATIONS`].
    TooMany(usize),
}

/// All combinations; the first listed param varies fastest.
pub(crate) fn combinations(matrix: &Matrix, variables: &Variables) -> Result<Vec<Combination>, NoCombinations> {
    let mut axes = Vec::new();
    for param in &matrix.params {
        match variables.value(&param.value) {
            ParamValue::List(values) if values.is_empty() => return Err(NoCombinations::EmptyList),
            ParamValue::List(values) => axes.push((param.name.as_str(), values)),
            other => return Err(wrong_type(&param.name, "array", &other)),
        }
    }
    let mut listed = Vec::new();
    for include in &matrix.include {
        let mut pairs = Vec::new();
        for param in &include.params {
            match variables.value(&param.value) {
                ParamValue::Text(text) => pairs.push((param.name.clone(), text)),
                other => return Err(wrong_type(&param.name, "string", &other)),
            }
        }
        listed.push(pairs);
    }
    let product: usize = axes.iter().map(|(_, values)| values.len()).product();
    let count = product + added_by_includes(&axes, &listed);
    let includes: Vec<Combination> = listed.into_iter().map(|pairs| pairs.into_iter().collect()).collect();
    if product.max(includes.len()) > MAX_COMBINATIONS {
        return Err(NoCombinations::TooMany(product.max(includes.len())));
    }
    if axes.is_empty() {
        return Ok(includes);
    }
    let mut all = cross_product(&axes);
    for combination in &mut all {
        for include in &includes {
            let fits = |(name, value): (&String, &String)| combination.get(name).is_none_or(|own| own == value);
            if include.iter().all(fits) {
                combination.extend(include.clone());
            }
        }
    }
    for include in includes {
        let is_known = |(name, value): (&String, &String)| all.iter().any(|known| known.get(name) == Some(value));
        if !include.is_empty() && !include.iter().any(is_known) {
            all.push(include);
        }
    }
    // A cluster starts as many TaskRuns as it counts, and it counts one per new *value* of an include: what is left over has no params.
    all.resize(count, Combination::new());
    Ok(all)
}

/// The combinations of a matrix that holds no references, in Tekton's order.
///
/// # Errors
///
/// [`NoCombinations`] when a list is empty, a value has the wrong type, or there are too many.
pub fn literal_combinations(matrix: &Matrix) -> Result<Vec<Combination>, NoCombinations> {
    combinations(matrix, &Variables::default())
}

/// The number of combinations as `$(tasks.<name>.matrix.length)` tells it: a list that comes from a result counts as empty.
pub(crate) fn length(matrix: &Matrix) -> usize {
    let axes: Vec<_> = matrix
        .params
        .iter()
        .map(|param| match &param.value {
            ParamValue::List(values) => (param.name.as_str(), values.clone()),
            ParamValue::Text(_) | ParamValue::Map(_) => (param.name.as_str(), Vec::new()),
        })
        .collect();
    if axes.is_empty() {
        return matrix.include.len();
    }
    let text = |value: &ParamValue| if let ParamValue::Text(text) = value { text.clone() } else { String::new() };
    let pairs =
        |include: &MatrixInclude| include.params.iter().map(|one| (one.name.clone(), text(&one.value))).collect();
    let includes: Vec<Vec<_>> = matrix.include.iter().map(pairs).collect();
    axes.iter().map(|(_, values)| values.len()).product::<usize>() + added_by_includes(&axes, &includes)
}

fn cross_product(axes: &[(&str, Vec<String>)]) -> Vec<Combination> {
    let mut all = vec![Combination::new()];
    for (name, values) in axes {
        let with = |value: &String| {
            let named = (String::from(*name), value.clone());
            all.iter().cloned().map(move |mut combination| {
                combination.insert(named.0.clone(), named.1.clone());
                combination
            })
        };
        all = values.iter().flat_map(with).collect();
    }
    all
}

/// How many combinations a cluster counts on top of the product: the new values of each include, up to its first known one.
fn added_by_includes(axes: &[(&str, Vec<String>)], includes: &[Vec<(String, String)>]) -> usize {
    let values_of = |name: &String| axes.iter().find(|(axis, _)| axis == name).map(|(_, values)| values);
    let new_values = |include: &Vec<(String, String)>| {
        let known = include.iter().filter_map(|(name, value)| Some(values_of(name)?.contains(value)));
        known.take_while(|is_known| !is_known).count()
    };
    includes.iter().map(new_values).sum()
}

fn wrong_type(param: &str, expected: &'static str, got: &ParamValue) -> NoCombinations {
    NoCombinations::WrongType { param: param.to_owned(), expected, got: got.kind().name() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expand(json: serde_json::Value) -> Result<Vec<String>, NoCombinations> {
        let matrix: Matrix = serde_json::from_value(json).unwrap();
        let print = |combination: Combination| combination.into_values().collect::<Vec<_>>().join("-");
        combinations(&matrix, &Variables::default()).map(|all| all.into_iter().map(print).collect())
    }

    #[test]
    fn the_first_listed_param_varies_fastest() {
        let json =
            serde_json::json!({"params": [{"name": "b", "value": ["1", "2"]}, {"name": "a", "value": ["x", "y"]}]});
        assert_eq!(expand(json).unwrap(), ["x-1", "x-2", "y-1", "y-2"]);
    }

    #[test]
    fn empty_and_wrong_values() {
        let json = |value: serde_json::Value| serde_json::json!({"params": [{"name": "v", "value": value}]});
        assert_eq!(expand(json(serde_json::json!([]))), Err(NoCombinations::EmptyList));
        assert!(matches!(expand(json("x".into())), Err(NoCombinations::WrongType { expected: "array", .. })));
        let many: Vec<String> = (0..300).map(|n| n.to_string()).collect();
        assert_eq!(expand(json(many.into())), Err(NoCombinations::TooMany(300)));
    }

    proptest! {
        #[test]
        fn the_product_has_every_pair_once(a in 1_usize..9, b in 1_usize..9) {
            let list = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
            let json = serde_json::json!({"params": [{"name": "a", "value": list(a)}, {"name": "b", "value": list(b)}]});
            let all = expand(json).unwrap();
            let distinct: std::collections::BTreeSet<_> = all.iter().collect();
            prop_assert_eq!((all.len(), distinct.len()), (a * b, a * b));
        }
    }
}
