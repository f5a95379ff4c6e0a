//! What the system lets a process have.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::check::{Check, Finding, On};
use super::subject::Subject;

pub const CHECKS: [Check; 2] = [
    Check {
        name: "limits.files",
        on: On::All,
        needs: &[],
        look: files,
    },
    Check {
        name: "limits.memory",
        on: On::All,
        needs: &[],
        look: memory,
    },
];

/// Open files beside the connections of clients: databases, logs, libraries.
const OTHER_FILES: u64 = 128;

/// Memory that a server with its database takes at its peak, with room for a training, in bytes.
const MEMORY: u64 = 256 << 20;

/// Where containers are told how much memory they may have: version 2 of cgroups, then version 1.
const OF_GROUPS: [&str; 2] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
];

fn files(_: &Subject) -> Vec<Finding> {
    let clients = mlp_http::Options::default().max_connections as u64;
    let needs = clients + OTHER_FILES;
    let found = match getrlimit(Resource::Nofile).current {
        Some(most) if most < needs => Finding::warn(
            format!("a process may open {most} files, and a server takes {clients} connections"),
            format!(
                "`ulimit -n {needs}` before it starts, or LimitNOFILE={needs} in its systemd unit"
            ),
        ),
        Some(most) => Finding::ok(format!("a process may open {most} files")),
        None => Finding::ok("a process may open any number of files"),
    };
    found.into()
}

fn memory(_: &Subject) -> Vec<Finding> {
    let of_group = OF_GROUPS
        .iter()
        .find_map(|path| fs::read_to_string(path).ok());
    let of_group = of_group.and_then(|text| text.trim().parse().ok());
    let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    match judge(of_group, &machine) {
        Some(finding) => finding.into(),
        None => Vec::new(),
    }
}

/// From the group's limit in bytes and what `/proc/meminfo` says in KiB.
fn judge(of_group: Option<u64>, machine: &str) -> Option<Finding> {
    let kib = |name: &str| {
        let line = machine.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':')
            .trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .ok()
    };
    let (total, available) = (kib("MemTotal")? << 10, kib("MemAvailable")? << 10);
    let most = of_group.map_or(total, |group| group.min(total));
    let mb = |bytes: u64| bytes / 1_000_000;
    Some(match most.min(available) {
        _ if most < MEMORY => Finding::warn(
            format!("a process may have {} MB of memory", mb(most)),
            format!(
                "give it {} MB or more: training is the first to need them",
                mb(MEMORY)
            ),
        ),
        free if free < MEMORY => Finding::warn(
            format!("{} MB of memory are free on this machine", mb(free)),
            "end what nobody needs: under pressure the system ends processes by itself",
        ),
        _ => Finding::ok(format!(
            "{} MB, {} MB free",
            mb(most),
            mb(available.min(most))
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::doctor::check::Status;

    #[test]
    fn little_memory_is_told() {
        let machine = |total: u64, free: u64| {
            format!("MemTotal: {total} kB\nMemFree: 1 kB\nMemAvailable:   {free} kB\n")
        };
        for (group, machine, status, words) in [
            (None, machine(8 << 20, 4 << 20), Status::Ok, "8589 MB"),
            (
                Some(1 << 30),
                machine(8 << 20, 4 << 20),
                Status::Ok,
                "1073 MB",
            ),
            (
                Some(64 << 20),
                machine(8 << 20, 4 << 20),
                Status::Warn,
                "67 MB",
            ),
            (
                Some(u64::MAX),
                machine(8 << 20, 9 << 10),
                Status::Warn,
                "are free",
            ),
        ] {
            let finding = judge(group, &machine).unwrap();
            assert_eq!(finding.status, status, "{finding:?}");
            assert!(finding.found.contains(words), "{finding:?}");
        }
        assert_eq!(judge(None, ""), None);
    }
}
