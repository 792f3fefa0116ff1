//! The references inside a text, taken apart: `$(params.x)`, `$(tasks.a.results.r[*])`, ...

/// What a `$(tasks...)` or `$(finally...)` reference points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskReference {
    /// `tasks` or `finally`.
    pub scope: &'static str,
    /// The pipeline task.
    pub task: String,
    /// What of it.
    pub target: Target,
}

/// What of a task is referred to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A result, or a part of it.
    Result(String, Selector),
    /// Its status or its reason.
    Status,
    /// The number of combinations, or of those that wrote the result of this name.
    MatrixLength(Option<String>),
}

/// Which part of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// All of it, as a text.
    Whole,
    /// All of it, as a list or an object.
    Star,
    /// One item of a list.
    Index(usize),
    /// One key of an object.
    Key(String),
}

/// The insides of all `$(...)` in `text`; of nested ones the innermost.
#[must_use]
pub fn expressions(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("$(") {
        let inside = &rest[start + 2..];
        if let Some(end) = inside.find(')')
            && !inside[..end].contains("$(")
        {
            found.push(&inside[..end]);
        }
        rest = inside;
    }
    found
}

/// The inside of a text that is nothing but one `$(...)`.
#[must_use]
pub fn whole(text: &str) -> Option<&str> {
    text.strip_prefix("$(")?.strip_suffix(')')
}

/// The references to tasks in `text`.
#[must_use]
pub fn task_references(text: &str) -> Vec<TaskReference> {
    expressions(text).into_iter().filter_map(task_reference).collect()
}

/// The reference to a task that an expression such as `tasks.a.results.r` is.
#[must_use]
pub fn task_reference(expression: &str) -> Option<TaskReference> {
    let mut parts = expression.split('.');
    let scope = match parts.next()? {
        "tasks" => "tasks",
        "finally" => "finally",
        _ => return None,
    };
    let task = parts.next()?.to_owned();
    let parts: Vec<_> = parts.collect();
    let target = match parts[..] {
        ["results", result] => {
            let (name, selector) = selected(result)?;
            Target::Result(name, selector)
        }
        ["results", result, key] => Target::Result(result.to_owned(), Selector::Key(key.to_owned())),
        ["status" | "reason"] => Target::Status,
        ["matrix", "length"] => Target::MatrixLength(None),
        ["matrix", result, "length"] => Target::MatrixLength(Some(result.to_owned())),
        _ => return None,
    };
    Some(TaskReference { scope, task, target })
}

fn selected(result: &str) -> Option<(String, Selector)> {
    let Some((name, index)) = result.strip_suffix(']').and_then(|rest| rest.split_once('[')) else {
        return Some((result.to_owned(), Selector::Whole));
    };
    let selector = if index == "*" { Selector::Star } else { Selector::Index(index.parse().ok()?) };
    Some((name.to_owned(), selector))
}

/// The name of the param that an expression such as `params.x`, `params["x.y"]` or `params.x[0]` refers to, and what follows the name.
#[must_use]
pub fn param_reference(expression: &str) -> Option<(&str, &str)> {
    bracketed(expression, "params")
}

/// The workspace that an expression such as `workspaces.w.path` refers to, and what follows the name.
#[must_use]
pub fn workspace_reference(expression: &str) -> Option<(&str, &str)> {
    bracketed(expression, "workspaces")
}

/// The name in `<scope>.name`, `<scope>["name"]` or `<scope>['name']`, and what follows it.
#[must_use]
pub fn bracketed<'e>(expression: &'e str, scope: &str) -> Option<(&'e str, &'e str)> {
    let rest = expression.strip_prefix(scope)?;
    for (open, close) in [("[\"", "\"]"), ("['", "']")] {
        if let Some(inside) = rest.strip_prefix(open) {
            return inside.split_once(close);
        }
    }
    let rest = rest.strip_prefix('.')?;
    let end = rest.find(['[', '.']).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Vec<(String, Target)> {
        task_references(text).into_iter().map(|reference| (reference.task, reference.target)).collect()
    }

    #[test]
    fn results_and_their_parts() {
        let result = |name: &str, selector| vec![("a".to_owned(), Target::Result(name.to_owned(), selector))];
        assert_eq!(target("x $(tasks.a.results.out) y"), result("out", Selector::Whole));
        assert_eq!(target("$(tasks.a.results.out[*])"), result("out", Selector::Star));
        assert_eq!(target("$(tasks.a.results.out[2])"), result("out", Selector::Index(2)));
        assert_eq!(target("$(tasks.a.results.o.k)"), result("o", Selector::Key("k".into())));
        assert_eq!(target("$(tasks.a.results['e.f'])$(tasks.status)$(params.x)"), []);
        assert_eq!(target("$(tasks.a.status)"), [("a".to_owned(), Target::Status)]);
    }

    #[test]
    fn nested_expressions_give_the_innermost() {
        assert_eq!(expressions("$(cat \"$(params.p)/f\") $(date) $("), ["params.p", "date"]);
    }

    #[test]
    fn params_in_every_spelling() {
        assert_eq!(param_reference("params.x"), Some(("x", "")));
        assert_eq!(param_reference("params.l[1]"), Some(("l", "[1]")));
        assert_eq!(param_reference("params.o.key"), Some(("o", ".key")));
        assert_eq!(param_reference("params[\"a.b\"][*]"), Some(("a.b", "[*]")));
        assert_eq!(param_reference("context.task.name"), None);
    }
}
