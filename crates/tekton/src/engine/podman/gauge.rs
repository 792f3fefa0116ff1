//! What a container uses. It is no child of the runner, so its figures are looked at while it runs.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use crate::outcome::Usage;

/// From one look to the next: what is used after the last one is not counted.
const PERIOD: Duration = Duration::from_millis(20);
/// What the kernel counts processor time in towards programs, on every machine that containers run on.
const TICKS_PER_SECOND: u64 = 100;
/// Where the processor time as a program and as the system stand in `/proc/PID/stat`, after the name in parentheses.
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;

/// The figures of a container's first process.
#[derive(Debug)]
pub(super) struct Gauge {
    pid_file: PathBuf,
    usage: Usage,
}

impl Gauge {
    /// Of the process whose number will stand in the file.
    pub(super) fn new(pid_file: &Path) -> Self {
        Self { pid_file: pid_file.to_owned(), usage: Usage::default() }
    }

    /// What was used up to the last look.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Looks again and again.
    pub(super) async fn watch(&mut self) -> Infallible {
        loop {
            sleep(PERIOD).await;
            if let Some(usage) = self.look() {
                self.usage = usage;
            }
        }
    }

    /// `None` before the container has started and once it has ended.
    fn look(&self) -> Option<Usage> {
        let pid = fs::read_to_string(&self.pid_file).ok()?;
        let process = Path::new("/proc").join(pid.trim());
        let cpu = processor_time(&fs::read_to_string(process.join("stat")).ok()?)?;
        let peak_memory_bytes = peak_memory_bytes(&fs::read_to_string(process.join("status")).ok()?)?;
        Some(Usage { cpu, peak_memory_bytes })
    }
}

fn processor_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks = ticks(USER_TICKS)? + ticks(SYSTEM_TICKS)?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// `None` for a process that has ended but whose end was not collected: it has no memory any more.
fn peak_memory_bytes(status: &str) -> Option<u64> {
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
    Some(kibibytes.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_the_kernel_writes_them() {
        let stat = "77 (a) b) S 1 77 77 0 -1 4194560 300 0 0 0 120 30 0 0 20 0 1 0 100 1000 50 18446744073709551615";
        assert_eq!(processor_time(stat), Some(Duration::from_millis(1500)));
        assert_eq!(peak_memory_bytes("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!((processor_time("77 (x"), peak_memory_bytes("Name:\tx\nState:\tZ\n")), (None, None));
    }
}
