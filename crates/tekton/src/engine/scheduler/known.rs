//! The results of the tasks that have ended, as references see them.

use crate::document::ParamValue;
use crate::outcome::{Kind, TaskOutcome};
use crate::plan::PlannedTask;
use crate::variables::Variables;

/// Results by reference. Grows as tasks end; nothing is ever taken back.
#[derive(Debug, Default)]
pub(super) struct Results {
    all: Variables,
    in_embedded: Variables,
}

impl Results {
    /// All of them.
    pub(super) fn all(&self) -> &Variables {
        &self.all
    }

    /// Those that are replaced inside embedded Tasks: items of lists are not.
    pub(super) fn in_embedded(&self) -> &Variables {
        &self.in_embedded
    }

    /// Adds those of a task whose combinations have all ended.
    pub(super) fn add(&mut self, task: &PlannedTask, ended: &[TaskOutcome]) {
        let mut variables = Variables::default();
        if task.matrix.is_none() {
            for (name, value) in ended.iter().flat_map(|outcome| &outcome.results) {
                variables.set_result(scope(task), &task.name, name, value);
            }
        } else {
            for result in &task.spec.results {
                let values = aggregated(ended, &result.name);
                if !values.is_empty() {
                    variables.set_result(scope(task), &task.name, &result.name, &ParamValue::List(values));
                }
            }
        }
        self.extend(variables);
    }

    /// Adds how the tasks ended, which `finally` tasks may ask; inside embedded Tasks that is not replaced.
    pub(super) fn add_statuses(&mut self, statuses: Variables) {
        self.all.extend(statuses);
    }

    fn extend(&mut self, variables: Variables) {
        let is_item = |reference: &str| reference.ends_with(']') && !reference.ends_with("[*]");
        self.in_embedded.extend(variables.clone().without(is_item));
        self.all.extend(variables);
    }
}

/// The first word of references to a task.
fn scope(task: &PlannedTask) -> &'static str {
    if task.kind == Kind::Task { "tasks" } else { "finally" }
}

/// The texts that the combinations wrote, in the order of their names: `m-10` comes before `m-2`, as on a cluster.
pub(super) fn aggregated(ended: &[TaskOutcome], result: &str) -> Vec<String> {
    let mut named: Vec<_> = ended
        .iter()
        .filter_map(|outcome| match outcome.results.get(result)? {
            ParamValue::Text(text) => Some((outcome.matrix_index.unwrap_or_default().to_string(), text.clone())),
            _ => None,
        })
        .collect();
    named.sort();
    named.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::outcome::Status;

    fn ended_task() -> TaskOutcome {
        TaskOutcome {
            name: "m".into(),
            kind: Kind::Task,
            matrix_index: None,
            status: Status::Succeeded,
            reason: "Succeeded".into(),
            message: String::new(),
            attempts: 1,
            params: BTreeMap::new(),
            results: BTreeMap::new(),
            exit_code: Some(0),
            steps: Vec::new(),
            started: None,
            elapsed: std::time::Duration::ZERO,
            usage: crate::outcome::Usage::default(),
            log: None,
            is_ignored: false,
        }
    }

    #[test]
    fn aggregates_follow_the_order_of_names() {
        let task = |index: usize| {
            let mut outcome = ended_task();
            outcome.matrix_index = Some(index);
            outcome.results = [("out".to_owned(), ParamValue::Text(format!("k{index}")))].into();
            outcome
        };
        let ended: Vec<_> = (0..12).map(task).collect();
        assert_eq!(aggregated(&ended, "out")[..4], ["k0", "k1", "k10", "k11"]);
        assert!(aggregated(&ended, "other").is_empty());
    }
}
