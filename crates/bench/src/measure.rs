//! What a section of a program costs.

use std::time::Instant;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// What the section took, and what came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Measured<T> {
    /// Seconds on a processor, user and system, of all threads.
    pub(crate) cpu_seconds: f64,
    /// Seconds by the clock on the wall.
    pub(crate) wall_seconds: f64,
    /// The most memory that the process held at once until the end of the section, resident.
    pub(crate) peak_bytes: u64,
    /// What the work gave.
    pub(crate) result: T,
}

/// Does the work and measures it.
///
/// # Errors
/// Those of the work, and when the system does not tell its memory.
pub(crate) fn measure<T>(work: impl FnOnce() -> Result<T>) -> Result<Measured<T>> {
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let result = work()?;
    let (wall_seconds, cpu_seconds) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    Ok(Measured { cpu_seconds, wall_seconds, peak_bytes: peak_bytes()?, result })
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn peak_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc/self/status")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().context("the number after VmHWM")?;
    Ok(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_and_sleep_does_not() {
        let work =
            measure(|| Ok((0..20_000_000_u64).fold(1_u64, |sum, i| sum.wrapping_mul(31).wrapping_add(i)))).unwrap();
        assert!(work.cpu_seconds > 0.0 && work.peak_bytes > 0 && work.result != 0);
        let sleep = measure(|| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            Ok(())
        })
        .unwrap();
        assert!(sleep.wall_seconds >= 0.05, "{sleep:?}");
        assert!(sleep.cpu_seconds < sleep.wall_seconds, "{sleep:?}");
    }

    #[test]
    fn what_fails_fails() {
        assert!(measure(|| Err::<(), _>(anyhow::anyhow!("no"))).is_err());
    }
}
