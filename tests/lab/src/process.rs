//! What a process costs, as /proc tells it.

use std::fs;

use anyhow::{Context, Result};

/// Linux counts a process's time in hundredths of a second on every machine it runs on.
const TICKS: f64 = 100.0;

/// A process that runs.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Its id.
    pub id: u32,
}

impl Process {
    /// Resident memory in MB.
    pub fn memory(&self) -> Result<f64> {
        self.status("VmRSS:")
    }

    /// The most resident memory in MB that it had since it began, or since `forget_peak`.
    pub fn peak(&self) -> Result<f64> {
        self.status("VmHWM:")
    }

    /// From now on the peak is that of the time after now.
    pub fn forget_peak(&self) -> Result<()> {
        let file = format!("/proc/{}/clear_refs", self.id);
        fs::write(&file, "5").with_context(|| format!("write {file}"))
    }

    /// Seconds that it has been computing, in user space and in the kernel, its threads together.
    pub fn cpu(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        // The command, in brackets, may have spaces.
        let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
        let ticks =
            |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok()).context("utime, stime in /proc");
        Ok((ticks(11)? + ticks(12)?) / TICKS)
    }

    fn status(&self, name: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{name} in /proc"))?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes / 1024.0)
    }
}
