//! A small process that outlives the runner for a moment and ends what the runner could not.

use std::fmt::Display;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Reads `+ NAME` and `- NAME`; once the runner's end of the pipe is closed, by whatever means, it calls its arguments, with each name
/// that is left after them.
const SCRIPT: &str = "
names=' '
while read -r sign name; do
    case $sign in
    +) names=\"$names$name \" ;;
    -) names=\"${names%%\" $name \"*} ${names#*\" $name \"}\" ;;
    esac
done
for name in $names; do
    \"$@\" \"$name\"
done
";

/// The process that ends what it was told of when the runner is no more.
#[derive(Debug)]
pub(super) struct Watchdog {
    pipe: Mutex<Option<ChildStdin>>,
    process: Child,
}

impl Watchdog {
    /// One that ends a thing by the command `ending` with the thing's name after it.
    pub(super) fn start(ending: &[&str]) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        // In a group of its own, so that a signal to the runner's group does not reach it.
        command.args(["-c", SCRIPT, "watchdog"]).args(ending).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        Ok(Self { pipe: Mutex::new(process.stdin.take()), process })
    }

    /// From now on the thing of this name, a single word, does not outlive the runner.
    pub(super) fn watch(&self, name: impl Display) {
        self.tell('+', name);
    }

    /// The thing has ended.
    pub(super) fn forget(&self, name: impl Display) {
        self.tell('-', name);
    }

    fn tell(&self, sign: char, name: impl Display) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = pipe.as_mut() {
            // Should the watchdog have been killed, the run goes on as well without it.
            pipe.write_all(format!("{sign} {name}\n").as_bytes()).ok();
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        // It ends by itself now; its end is collected so that nothing is left of it.
        self.process.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::Pid;

    use super::*;

    const ENDING: [&str; 4] = ["kill", "-s", "KILL", "--"];

    fn sleeper() -> (Child, String) {
        let child = Command::new("sleep").arg("300").process_group(0).spawn().unwrap();
        let group = format!("-{}", Pid::from_child(&child));
        (child, group)
    }

    #[test]
    fn what_is_watched_and_not_forgotten_is_killed() {
        let sleepers: Vec<_> = (0..3).map(|_| sleeper()).collect();
        let watchdog = Watchdog::start(&ENDING).unwrap();
        for (_, group) in &sleepers {
            watchdog.watch(group);
        }
        watchdog.forget(&sleepers[1].1);
        drop(watchdog);
        for (index, (mut child, _)) in sleepers.into_iter().enumerate() {
            if index == 1 {
                assert_eq!(child.try_wait().unwrap(), None);
                child.kill().unwrap();
            }
            assert!(!child.wait().unwrap().success());
        }
    }

    #[test]
    fn a_forgotten_group_leaves_the_others_watched() {
        let ((mut first, first_group), (mut second, second_group)) = (sleeper(), sleeper());
        let watchdog = Watchdog::start(&ENDING).unwrap();
        watchdog.watch(&first_group);
        watchdog.forget(&first_group);
        watchdog.watch(&second_group);
        drop(watchdog);
        assert!(!second.wait().unwrap().success());
        assert_eq!(first.try_wait().unwrap(), None);
        first.kill().unwrap();
        first.wait().unwrap();
    }
}
