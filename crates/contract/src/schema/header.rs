//! Headers: which column of the schema each column of a file is.

use std::collections::HashMap;

use thiserror::Error;

use super::{Column, HeaderMatching, HeaderRule, Purpose, Role, UnmatchedHeaders};

/// What one column of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The record's id.
    Id,
    /// The label.
    Target,
    /// The feature of that index, in the schema's order of features.
    Feature(usize),
    /// Not read.
    Ignored,
}

/// A header that fits the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMap {
    /// For each column of the file, what it is.
    pub bindings: Vec<Binding>,
    /// Headers that no name matched and that were paired by the rule `header.unmatched`: (header, column).
    pub paired: Vec<(String, String)>,
}

/// Why a header does not fit.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// The number of columns is wrong.
    #[error("{got} columns, expected {}", if least == most { least.to_string() } else { format!("{least} to {most}") })]
    ColumnCount {
        /// The number found.
        got: usize,
        /// The least number allowed.
        least: usize,
        /// The largest number allowed.
        most: usize,
    },
    /// Two headers name the same column.
    #[error("column `{column}` stands twice, as headers {first} and {second}")]
    Duplicate {
        /// The column of the schema.
        column: String,
        /// The 1-based position of the first header.
        first: usize,
        /// The 1-based position of the second header.
        second: usize,
    },
    /// No header names the target column, though the purpose is training.
    #[error("no header names the target column `{column}`")]
    TargetMissing {
        /// The column of the schema.
        column: String,
    },
    /// Headers are blank where names were expected.
    #[error("{count} blank headers, the first at position {position}; missing: {missing}")]
    Blank {
        /// How many.
        count: usize,
        /// The 1-based position of the first.
        position: usize,
        /// The columns that nothing names, abridged.
        missing: String,
    },
    /// A header names no column of the schema.
    #[error("header `{header}` at position {position} names no column of the schema; missing: {missing}")]
    Unknown {
        /// The header.
        header: String,
        /// Its 1-based position.
        position: usize,
        /// The columns that nothing names, abridged.
        missing: String,
    },
    /// Columns of the schema are not in the file.
    #[error("missing columns: {missing}")]
    Missing {
        /// The columns that nothing names, abridged.
        missing: String,
    },
}

/// The header rule with its name table.
#[derive(Clone, Debug)]
pub(crate) struct Headers {
    rule: HeaderRule,
    by_key: HashMap<String, usize>,
}

impl Headers {
    /// Builds the name table. The error is a pair of columns that headers could not tell apart.
    pub(crate) fn new(rule: &HeaderRule, columns: &[Column]) -> Result<Self, (String, String)> {
        let mut by_key = HashMap::new();
        for (index, column) in columns.iter().enumerate() {
            for name in std::iter::once(&column.name).chain(&column.aliases) {
                if let Some(other) = by_key.insert(key(rule.matching, name), index)
                    && other != index
                {
                    return Err((columns[other].name.clone(), column.name.clone()));
                }
            }
        }
        Ok(Self { rule: rule.clone(), by_key })
    }

    /// Maps the headers of a file.
    pub(crate) fn map(
        &self,
        columns: &[Column],
        headers: &[String],
        purpose: Purpose,
    ) -> Result<HeaderMap, HeaderError> {
        let needed = |column: &Column| match column.role {
            Role::Id | Role::Feature => true,
            Role::Target | Role::Ignored => purpose == Purpose::Train,
        };
        let (got, most) = (headers.len(), columns.len());
        let least = columns.iter().filter(|column| needed(column)).count();
        if got < least || got > most {
            return Err(HeaderError::ColumnCount { got, least, most });
        }

        let mut header_of: Vec<Option<usize>> = vec![None; columns.len()];
        let mut column_of: Vec<Option<usize>> = vec![None; headers.len()];
        for (position, header) in headers.iter().enumerate() {
            let named = self.by_key.get(&key(self.rule.matching, header)).filter(|_| !header.trim().is_empty());
            if let Some(&column) = named {
                if let Some(first) = header_of[column] {
                    let column = columns[column].name.clone();
                    return Err(HeaderError::Duplicate { column, first: first + 1, second: position + 1 });
                }
                header_of[column] = Some(position);
                column_of[position] = Some(column);
            }
        }

        // A blank header stands for the column with the blank alias only if nothing else names that column.
        let blank = headers.iter().position(|header| header.trim().is_empty());
        if let (Some(position), Some(&column)) = (blank, self.by_key.get(""))
            && header_of[column].is_none()
        {
            header_of[column] = Some(position);
            column_of[position] = Some(column);
        }

        // A file of the least size holds none of the optional columns, so only the needed ones can be paired.
        let present: Vec<usize> = (0..columns.len()).filter(|&index| got > least || needed(&columns[index])).collect();
        let mut paired = Vec::new();
        let mut pair =
            |column: usize, position: usize, column_of: &mut [Option<usize>], header_of: &mut [Option<usize>]| {
                column_of[position] = Some(column);
                header_of[column] = Some(position);
                paired.push((headers[position].clone(), columns[column].name.clone()));
            };
        for (place, &column) in present.iter().enumerate() {
            let free = header_of[column].is_none() && column_of.get(place).is_some_and(Option::is_none);
            if free && self.may_pair(&columns[column], &headers[place]) {
                pair(column, place, &mut column_of, &mut header_of);
            }
        }
        let unmatched: Vec<usize> = (0..got).filter(|&position| column_of[position].is_none()).collect();
        let absent: Vec<usize> = present.iter().copied().filter(|&column| header_of[column].is_none()).collect();
        if let ([position], [column]) = (unmatched.as_slice(), absent.as_slice())
            && self.may_pair(&columns[*column], &headers[*position])
        {
            pair(*column, *position, &mut column_of, &mut header_of);
        }

        refuse_the_rest(columns, headers, &column_of, &header_of, &needed)?;
        let features = feature_indices(columns);
        let bindings = column_of.into_iter().flatten().map(|column| match columns[column].role {
            Role::Id => Binding::Id,
            Role::Target => Binding::Target,
            Role::Feature => Binding::Feature(features[column]),
            Role::Ignored => Binding::Ignored,
        });
        Ok(HeaderMap { bindings: bindings.collect(), paired })
    }

    fn may_pair(&self, column: &Column, header: &str) -> bool {
        match self.rule.unmatched {
            UnmatchedHeaders::Reject => false,
            UnmatchedHeaders::PairKeyColumns => matches!(column.role, Role::Id | Role::Target),
            UnmatchedHeaders::PairByPosition => {
                matches!(column.role, Role::Id | Role::Target) || !header.trim().is_empty()
            }
        }
    }
}

fn refuse_the_rest(
    columns: &[Column],
    headers: &[String],
    column_of: &[Option<usize>],
    header_of: &[Option<usize>],
    needed: &dyn Fn(&Column) -> bool,
) -> Result<(), HeaderError> {
    let absent: Vec<&Column> = columns
        .iter()
        .zip(header_of)
        .filter(|(column, header)| header.is_none() && needed(column))
        .map(|(column, _)| column)
        .collect();
    let unmatched: Vec<usize> = (0..headers.len()).filter(|&position| column_of[position].is_none()).collect();
    let missing = abridged(&absent);
    if let Some(target) = absent.iter().find(|column| column.role == Role::Target) {
        return Err(HeaderError::TargetMissing { column: target.name.clone() });
    }
    let blank: Vec<usize> = unmatched.iter().copied().filter(|&position| headers[position].trim().is_empty()).collect();
    if let Some(first) = blank.first() {
        return Err(HeaderError::Blank { count: blank.len(), position: first + 1, missing });
    }
    if let Some(&position) = unmatched.first() {
        let header = headers[position].trim().to_owned();
        return Err(HeaderError::Unknown { header, position: position + 1, missing });
    }
    if absent.is_empty() { Ok(()) } else { Err(HeaderError::Missing { missing }) }
}

/// For each column its index among the features (0 for the others, never used).
fn feature_indices(columns: &[Column]) -> Vec<usize> {
    let mut next = 0;
    let index = |column: &Column| {
        let own = next;
        next += usize::from(column.role == Role::Feature);
        own
    };
    columns.iter().map(index).collect()
}

fn abridged(columns: &[&Column]) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = columns.iter().take(SHOWN).map(|column| format!("`{}`", column.name)).collect();
    match columns.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{} and {} more", names.join(", "), count - SHOWN),
        _ => names.join(", "),
    }
}

/// What is compared of a name. A name of signs alone stands for itself, so that `#` is not blank.
fn key(matching: HeaderMatching, name: &str) -> String {
    let trimmed = name.trim();
    match matching {
        HeaderMatching::Exact => trimmed.to_owned(),
        HeaderMatching::Normalised => {
            let (mut letters, mut is_apart) = (String::new(), false);
            for letter in trimmed.chars() {
                if !letter.is_alphanumeric() {
                    is_apart = true;
                    continue;
                }
                if is_apart && letter.is_numeric() && letters.ends_with(char::is_numeric) {
                    letters.push('_');
                }
                letters.extend(letter.to_lowercase());
                is_apart = false;
            }
            if letters.is_empty() { trimmed.to_owned() } else { letters }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ColumnType;
    use super::*;

    fn columns() -> Vec<Column> {
        let mut id = Column::new("Wafer", Role::Id, ColumnType::String);
        id.aliases = vec![String::new(), "Unnamed: 0".to_owned()];
        vec![
            id,
            Column::new("Sensor-1", Role::Feature, ColumnType::Float),
            Column::new("Sensor-2", Role::Feature, ColumnType::Float),
            Column::new("Good/Bad", Role::Target, ColumnType::Integer),
        ]
    }

    fn map(rule: &HeaderRule, headers: &str, purpose: Purpose) -> Result<HeaderMap, HeaderError> {
        let columns = columns();
        let headers: Vec<String> = headers.split(',').map(str::to_owned).collect();
        Headers::new(rule, &columns).unwrap().map(&columns, &headers, purpose)
    }

    fn bindings(headers: &str, purpose: Purpose) -> Result<Vec<Binding>, HeaderError> {
        map(&HeaderRule::default(), headers, purpose).map(|map| map.bindings)
    }

    use Binding::{Feature, Id, Target};

    #[test]
    fn digits_that_signs_keep_apart_stay_apart() {
        let key = |name| key(HeaderMatching::Normalised, name);
        assert_eq!(["Sensor-1.1", "sensor 1-1", "Sensor_1__1 "].map(key), ["sensor1_1", "sensor1_1", "sensor1_1"]);
        assert_eq!(
            ["Sensor-11", "S-e-n-s-o-r 11", "11#", "temp.1 b"].map(key),
            ["sensor11", "sensor11", "11", "temp1b"]
        );
    }

    #[test]
    fn names_match_without_case_blanks_and_signs_at_any_position() {
        let usual = Ok(vec![Id, Feature(0), Feature(1), Target]);
        assert_eq!(bindings(",Sensor-1,Sensor-2,Good/Bad", Purpose::Train), usual);
        assert_eq!(bindings("unnamed: 0, SENSOR - 1,sensor_2,good bad", Purpose::Train), usual);
        let moved = Ok(vec![Feature(1), Target, Feature(0), Id]);
        assert_eq!(bindings("Sensor-2,Good/Bad,Sensor-1,wafer", Purpose::Train), moved);
    }

    #[test]
    fn the_target_is_optional_for_prediction_only() {
        assert_eq!(bindings(",Sensor-2,Sensor-1", Purpose::Predict), Ok(vec![Id, Feature(1), Feature(0)]));
        assert_eq!(
            bindings("Good/Bad,,Sensor-2,Sensor-1", Purpose::Predict),
            Ok(vec![Target, Id, Feature(1), Feature(0)])
        );
        assert_eq!(
            bindings(",Sensor-1,Sensor-2", Purpose::Train),
            Err(HeaderError::ColumnCount { got: 3, least: 4, most: 4 })
        );
        assert_eq!(bindings("a,b", Purpose::Predict).unwrap_err().to_string(), "2 columns, expected 3 to 4");
    }

    #[test]
    fn an_unmatched_header_is_paired_with_the_id_or_the_target_but_not_with_a_feature() {
        let found = map(&HeaderRule::default(), "Unit,Sensor-1,Sensor-2,Verdict", Purpose::Train).unwrap();
        assert_eq!(found.bindings, [Id, Feature(0), Feature(1), Target]);
        assert_eq!(found.paired[1], ("Verdict".to_owned(), "Good/Bad".to_owned()));
        assert_eq!(
            bindings("Verdict,Sensor-1,Sensor-2,wafer", Purpose::Train),
            Ok(vec![Target, Feature(0), Feature(1), Id])
        );
        assert!(matches!(
            bindings(",Sensor-1,Sensor-3,Good/Bad", Purpose::Train),
            Err(HeaderError::Unknown { position: 3, .. })
        ));
    }

    #[test]
    fn the_other_rules_pair_nothing_or_features_too() {
        let rule = |unmatched| HeaderRule { matching: HeaderMatching::Normalised, unmatched };
        let reject = rule(UnmatchedHeaders::Reject);
        assert!(matches!(
            map(&reject, ",Sensor-1,Sensor-2,Verdict", Purpose::Train),
            Err(HeaderError::TargetMissing { .. })
        ));
        let by_position = rule(UnmatchedHeaders::PairByPosition);
        let found = map(&by_position, "a,b,c,d", Purpose::Train).unwrap();
        assert_eq!(found.bindings, [Id, Feature(0), Feature(1), Target]);
        assert_eq!(map(&by_position, "a,b,c", Purpose::Predict).unwrap().bindings, [Id, Feature(0), Feature(1)]);
        assert!(matches!(
            map(&by_position, "wafer,,c,d", Purpose::Train),
            Err(HeaderError::Blank { count: 1, position: 2, .. })
        ));
    }

    #[test]
    fn duplicates_and_blanks_are_named() {
        assert_eq!(
            bindings(",Sensor-1,sensor 1,Good/Bad", Purpose::Train),
            Err(HeaderError::Duplicate { column: "Sensor-1".to_owned(), first: 2, second: 3 })
        );
        assert_eq!(
            bindings("wafer,Sensor-1, ,Good/Bad", Purpose::Train),
            Err(HeaderError::Blank { count: 1, position: 3, missing: "`Sensor-2`".to_owned() })
        );
        assert!(matches!(
            bindings(",Sensor-1,,", Purpose::Predict),
            Err(HeaderError::Blank { count: 1, position: 3, .. })
        ));
    }

    #[test]
    fn exact_matching_tells_apart_what_normalising_does_not() {
        let columns = [
            Column::new("temp.1", Role::Feature, ColumnType::Float),
            Column::new("temp1", Role::Feature, ColumnType::Float),
        ];
        assert!(Headers::new(&HeaderRule::default(), &columns).is_err());
        let exact = HeaderRule { matching: HeaderMatching::Exact, ..HeaderRule::default() };
        assert!(Headers::new(&exact, &columns).is_ok());
        assert_eq!(key(HeaderMatching::Normalised, " # "), "#");
    }
}
