//! A small process that outlives the runner for a moment and kills what the runner could not.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::process::Pid;

/// Reads `+GROUP` and `-GROUP`; once the runner's end of the pipe is closed, by whatever means, it kills the groups that are left.
const SCRIPT: &str = "
groups=' '
while read -r sign group; do
    case $sign in
    +) groups=\"$groups$group \" ;;
    -) groups=\"${groups%%\" $group \"*} ${groups#*\" $group \"}\" ;;
    esac
done
for group in $groups; do
    kill -s KILL -- \"-$group\"
done
";

/// The process that kills the process groups it was told of when the runner is no more.
#[derive(Debug)]
pub(super) struct Watchdog {
    pipe: Mutex<Option<ChildStdin>>,
    process: Child,
}

impl Watchdog {
    pub(super) fn start() -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        // In a group of its own, so that a signal to the runner's group does not reach it.
        command.args(["-c", SCRIPT]).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        Ok(Self { pipe: Mutex::new(process.stdin.take()), process })
    }

    /// From now on the group does not outlive the runner.
    pub(super) fn watch(&self, group: Pid) {
        self.tell('+', group);
    }

    /// The group has ended.
    pub(super) fn forget(&self, group: Pid) {
        self.tell('-', group);
    }

    fn tell(&self, sign: char, group: Pid) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = pipe.as_mut() {
            // Should the watchdog have been killed, the run goes on as well without it.
            pipe.write_all(format!("{sign} {group}\n").as_bytes()).ok();
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
    use super::*;

    fn sleeper() -> (Child, Pid) {
        let child = Command::new("sleep").arg("300").process_group(0).spawn().unwrap();
        let group = Pid::from_child(&child);
        (child, group)
    }

    #[test]
    fn what_is_watched_and_not_forgotten_is_killed() {
        let sleepers: Vec<_> = (0..3).map(|_| sleeper()).collect();
        let watchdog = Watchdog::start().unwrap();
        for (_, group) in &sleepers {
            watchdog.watch(*group);
        }
        watchdog.forget(sleepers[1].1);
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
        let watchdog = Watchdog::start().unwrap();
        watchdog.watch(first_group);
        watchdog.forget(first_group);
        watchdog.watch(second_group);
        drop(watchdog);
        assert!(!second.wait().unwrap().success());
        assert_eq!(first.try_wait().unwrap(), None);
        first.kill().unwrap();
        first.wait().unwrap();
    }
}
