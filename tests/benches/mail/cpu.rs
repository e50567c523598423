//! Where the time of the two cores goes.

use std::collections::BTreeMap;

/// Seconds of processor time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

/// Of every running program, all its processes together and those that it has outlived.
pub(crate) fn by_program() -> anyhow::Result<BTreeMap<String, Cpu>> {
    let mut all: BTreeMap<String, Cpu> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        // Processes end while we look.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((before, after)) = stat.rsplit_once(')') else { continue };
        let Some((_, name)) = before.split_once('(') else { continue };
        let fields: Vec<f64> = after.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        // proc(5): utime, stime, cutime and cstime are the 14th to 17th; the state, the third, is no number.
        let ticks = |field: usize| fields.get(field).copied().unwrap_or(0.0) / 100.0;
        let cpu = all.entry(name.to_owned()).or_default();
        cpu.user += ticks(10) + ticks(12);
        cpu.system += ticks(11) + ticks(13);
    }
    Ok(all)
}

/// What each has used since, the largest first.
pub(crate) fn since(before: &BTreeMap<String, Cpu>) -> anyhow::Result<Vec<(String, Cpu)>> {
    let mut used: Vec<_> = by_program()?
        .into_iter()
        .map(|(name, now)| {
            let then = before.get(&name).copied().unwrap_or_default();
            (name, Cpu { user: now.user - then.user, system: now.system - then.system })
        })
        .filter(|(_, cpu)| cpu.user + cpu.system > 0.05)
        .collect();
    used.sort_by(|(_, one), (_, next)| (next.user + next.system).total_cmp(&(one.user + one.system)));
    Ok(used)
}

/// Shows it.
pub(crate) fn print(used: &[(String, Cpu)]) {
    println!("processor time meanwhile, user and system:");
    for (name, cpu) in used {
        println!("    {name:<20}{:>8.2}{:>8.2} s", cpu.user, cpu.system);
    }
}
