//! From agreed columns to columns with roles.

use super::super::{Column, ColumnType, Role};
use super::ImportError;
use super::agreement::{AgreedType, Agreement};

/// Names by which targets go, without signs and case.
const TARGET_NAMES: [&str; 14] = [
    "output", "target", "label", "class", "goodbad", "passfail", "result", "outcome", "quality", "faulty", "fault",
    "defect", "failure", "y",
];
/// How targets are spelled in headers.
const TARGET_ALIASES: [&str; 6] = ["Good/Bad", "Pass/Fail", "Output", "Label", "Target", "Class"];
/// Names by which ids go, without signs and case.
const ID_NAMES: [&str; 7] = ["id", "wafer", "waferid", "serial", "serialnumber", "unit", "name"];
/// How ids are spelled in headers: an index column that was written without a name.
const ID_ALIASES: [&str; 2] = ["", "Unnamed: 0"];

/// Gives each column of the training agreement its role.
pub(super) fn columns(
    training: &Agreement,
    prediction: Option<&Agreement>,
    notes: &mut Vec<String>,
) -> Result<Vec<Column>, ImportError> {
    let agreed = &training.columns;
    let in_prediction =
        |name: &str| prediction.is_some_and(|other| other.columns.iter().any(|(known, _)| key(known) == key(name)));
    let target = target(agreed, prediction.is_some(), &in_prediction);
    if let Some(target) = target {
        notes.push(format!("target: column `{}`", agreed[target].0));
    }
    let id = id(agreed, target);
    if let Some(id) = id {
        notes.push(format!("id: column `{}`", agreed[id].0));
    }

    let mut columns = Vec::with_capacity(agreed.len());
    for (index, (name, kind)) in agreed.iter().enumerate() {
        let only_training = prediction.is_some() && !in_prediction(name);
        let role = match kind {
            _ if Some(index) == target => Role::Target,
            _ if Some(index) == id => Role::Id,
            AgreedType::Number(_) if !only_training => Role::Feature,
            _ => Role::Ignored,
        };
        if role == Role::Ignored {
            let why = if only_training { "is not in the prediction agreement" } else { "holds no number" };
            notes.push(format!("column `{name}` {why} and is ignored"));
        }
        let kind = match (role, kind) {
            (Role::Id, _) | (_, AgreedType::Text | AgreedType::Moment) => ColumnType::String,
            (_, AgreedType::Number(number)) => *number,
        };
        columns.push(Column::new(name, role, kind));
    }

    if let Some(prediction) = prediction {
        match_prediction(&mut columns, prediction, id)?;
    }
    add_aliases(&mut columns, Role::Id, &ID_ALIASES);
    add_aliases(&mut columns, Role::Target, &TARGET_ALIASES);
    Ok(columns)
}

/// Refuses what only the prediction agreement has; another name for the id becomes its alias.
fn match_prediction(columns: &mut [Column], prediction: &Agreement, id: Option<usize>) -> Result<(), ImportError> {
    let known = |columns: &[Column], name: &str| columns.iter().any(|column| key(&column.name) == key(name));
    let id_is_absent =
        id.is_some_and(|id| !prediction.columns.iter().any(|(name, _)| key(name) == key(&columns[id].name)));
    let mut id_is_absent = id_is_absent;
    for (name, kind) in &prediction.columns {
        if known(columns, name) {
            continue;
        }
        match id {
            Some(id) if id_is_absent && *kind == AgreedType::Text => {
                columns[id].aliases.push(name.clone());
                id_is_absent = false;
            }
            _ => return Err(ImportError::UnknownColumn { column: name.clone() }),
        }
    }
    Ok(())
}

fn target(
    agreed: &[(String, AgreedType)],
    has_prediction: bool,
    in_prediction: &dyn Fn(&str) -> bool,
) -> Option<usize> {
    let telling = |index: &usize| TARGET_NAMES.contains(&key(&agreed[*index].0).as_str());
    let is_integer = |index: &usize| agreed[*index].1 == AgreedType::Number(ColumnType::Integer);
    let all: Vec<usize> = (0..agreed.len()).collect();
    let only_training: Vec<usize> =
        all.iter().copied().filter(|index| has_prediction && !in_prediction(&agreed[*index].0)).collect();
    let pool = if only_training.is_empty() { &all } else { &only_training };
    let last = |test: &dyn Fn(&usize) -> bool| pool.iter().copied().rev().find(|index| test(index));
    last(&telling).or_else(|| last(&is_integer)).or_else(|| last(&|_| true))
}

fn id(agreed: &[(String, AgreedType)], target: Option<usize>) -> Option<usize> {
    let mut rest = (0..agreed.len()).filter(|index| Some(*index) != target);
    let text = rest.clone().find(|index| agreed[*index].1 == AgreedType::Text);
    let telling = || rest.clone().find(|index| ID_NAMES.contains(&key(&agreed[*index].0).as_str()));
    text.or_else(telling).or_else(|| rest.next())
}

/// Adds spellings to the column of a role, less those that another column has.
fn add_aliases(columns: &mut [Column], role: Role, aliases: &[&str]) {
    let taken: Vec<String> = columns
        .iter()
        .flat_map(|column| std::iter::once(&column.name).chain(&column.aliases))
        .map(|name| key(name))
        .collect();
    if let Some(column) = columns.iter_mut().find(|column| column.role == role) {
        let free = aliases.iter().filter(|alias| !taken.contains(&key(alias)));
        column.aliases.extend(free.map(|alias| (*alias).to_owned()));
    }
}

/// A name less its signs and case.
fn key(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
