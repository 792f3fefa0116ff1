//! Tasks that wait for each other.

use std::collections::HashMap;

/// The first cycle in a graph, from a task back to itself; the edges lead from a task to those that it waits for.
pub(super) fn find<'a>(waits: &[(&'a str, Vec<&'a str>)]) -> Option<Vec<&'a str>> {
    let indexes: HashMap<&str, usize> = waits.iter().enumerate().map(|(index, (name, _))| (*name, index)).collect();
    let mut is_done = vec![false; waits.len()];
    let mut is_on_path = vec![false; waits.len()];
    for start in 0..waits.len() {
        // A stack of its own: a chain of tasks may be long.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((task, next)) = path.last_mut() {
            let task = *task;
            if is_done[task] {
                path.pop();
                continue;
            }
            is_on_path[task] = true;
            let Some(name) = waits[task].1.get(*next) else {
                (is_done[task], is_on_path[task]) = (true, false);
                path.pop();
                continue;
            };
            *next += 1;
            let Some(&used) = indexes.get(name) else { continue };
            if is_on_path[used] {
                let cycle = path.iter().map(|(task, _)| *task).skip_while(|task| *task != used).chain([used]);
                return Some(cycle.map(|task| waits[task].0).collect());
            }
            path.push((used, 0));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_walked_through() {
        let graph = [("x", vec!["a"]), ("a", vec!["b", "d"]), ("b", vec!["c"]), ("c", vec!["d", "a"]), ("d", vec![])];
        assert_eq!(find(&graph), Some(vec!["a", "b", "c", "a"]));
        assert_eq!(find(&[("a", vec!["a"])]), Some(vec!["a", "a"]));
        assert_eq!(find(&[("a", vec!["b", "nowhere"]), ("b", vec![])]), None);
    }

    #[test]
    fn a_long_chain_is_no_cycle() {
        let names: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
        let graph: Vec<_> = (0..names.len())
            .map(|n| (names[n].as_str(), names.get(n + 1).map(String::as_str).into_iter().collect()))
            .collect();
        assert_eq!(find(&graph), None);
    }
}
