#![doc = include_str!("../README.md")]

use std::process::Command;

/// The processor, as the system names it.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        info.lines().find_map(|line| line.strip_prefix("model name")).map(|rest| rest.trim_matches(['\t', ':', ' ']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{} ({} cores, {})", name.unwrap_or("an unknown processor"), cores, std::env::consts::ARCH)
}

/// What is measured, with a mark when it is not committed.
pub fn revision() -> String {
    let git = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    git.ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// To the second decimal.
pub fn round(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

/// The value below which that share of all lies.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
