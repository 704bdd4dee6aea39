//! A figure, its target, and the load of the machine that it was measured on.

use std::fs;

/// Prints `figure: WHAT: VALUE UNIT (target: at most LIMIT UNIT)`, and says whether the target is reached.
pub fn at_most(what: &str, value: f64, unit: &str, limit: f64) -> bool {
    let reached = value <= limit;
    let missed = if reached { "" } else { "MISSED, " };
    println!("figure: {what}: {} {unit} ({missed}target: at most {} {unit})", short(value), short(limit));
    reached
}

/// Three digits are enough for a reader.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The load of the last minute, and the cores that carry it: figures of a busy machine are worth less.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("load {} on {cores} cores", load.split(' ').next().unwrap_or("unknown"))
}
