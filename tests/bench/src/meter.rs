//! What processes have used, by the books of the kernel.

use std::fs;
use std::process;
use std::time::Duration;

/// Adds up the CPU time of a server and of the Postgres that works for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    pub(crate) server: u32,
    pub(crate) postmaster: Option<u32>,
}

impl Meter {
    pub(crate) fn cpu(self) -> Duration {
        cpu_of(self.server, false) + self.postmaster.map_or(Duration::ZERO, family_cpu)
    }
}

/// The CPU time of this process, with all of its threads.
pub(crate) fn own_cpu() -> Duration {
    cpu_of(process::id(), false)
}

/// How much memory a process has now, at its peak, and now beside what is mapped from files; in MiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) peak: f64,
    pub(crate) anonymous: f64,
}

impl Memory {
    pub(crate) fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kib.unwrap_or(f64::NAN) / 1024.0
        };
        Self { resident: value("VmRSS:"), peak: value("VmHWM:"), anonymous: value("RssAnon:") }
    }

    /// Forgets the peak of a process up to now.
    pub(crate) fn forget_peak(process: u32) {
        // Where the kernel does not, the peak is that of its whole life.
        let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
    }
}

/// A postmaster's, its children's, and that of those that have ended.
fn family_cpu(postmaster: u32) -> Duration {
    let path = format!("/proc/{postmaster}/task/{postmaster}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|id| id.parse().ok());
    cpu_of(postmaster, true) + children.map(|id| cpu_of(id, false)).sum::<Duration>()
}

fn cpu_of(process: u32, with_ended_children: bool) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name, which is in parentheses, may have spaces in it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let times = fields.split_whitespace().skip(11).take(if with_ended_children { 4 } else { 2 });
    TICK * times.filter_map(|ticks| ticks.parse::<u32>().ok()).sum::<u32>()
}

/// On every Linux that Rust runs on (`sysconf(_SC_CLK_TCK)`).
const TICK: Duration = Duration::from_millis(10);
