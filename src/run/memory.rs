//! How much memory this program may have, and whether that is enough for what its settings allow.

use std::fs;
use std::path::Path;

/// What it takes beside what its settings limit, in octets: its code, sockets, walks under way, what clients are owed.
const ELSE: u64 = 32 << 20;

/// Limits of this process, as the system names them and as their owner does.
const OF_PROCESS: [(&str, &str); 2] =
    [("Max address space", "ulimit -v, LimitAS"), ("Max data size", "ulimit -d, LimitDATA")];

/// Says when there is less memory below `root`, the folder of all files, than the settings let this program `keep`, in
/// octets. The system ends whoever takes more than he may have, without a word to him, and not at the start but days
/// later, when the cache is full.
pub(super) fn warning(keep: u64, root: &Path) -> Option<String> {
    let (most, whose) = limit(root)?;
    let all = keep.saturating_add(ELSE);
    (most < all).then(|| {
        format!(
            "this program may have {} MiB of memory ({whose}), and cache.size and http.past_size let it take {} MiB \
             with all else: the system will end it when they are full",
            most >> 20,
            all >> 20
        )
    })
}

/// The least of all limits, and which it is.
fn limit(root: &Path) -> Option<(u64, &'static str)> {
    let text = |path: &str| fs::read_to_string(root.join(path)).ok();
    // MemTotal:       24684092 kB (proc_meminfo(5))
    let machine = text("proc/meminfo").and_then(|text| {
        let kib: u64 = text.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok()?;
        Some((kib << 10, "all of this machine"))
    });
    let groups = text("proc/self/cgroup").unwrap_or_default();
    let of_group = |line: &str| {
        // HIERARCHY:CONTROLLERS:PATH, where the second version names no controllers (cgroups(7)).
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (folder, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        // The groups around it have limits too. In a container the path can be that outside; what is at its end there
        // is at the root here.
        let limit = |group: &Path| text(&format!("{folder}{}/{file}", group.display()))?.trim().parse().ok();
        Some((Path::new(path).ancestors().filter_map(limit).min()?, "MemoryMax, the limit of its control group"))
    };
    // Max address space         unlimited            unlimited            bytes (proc_pid_limits(5))
    let limits = text("proc/self/limits").unwrap_or_default();
    let of_process = |line: &str| {
        let named = OF_PROCESS.iter().find_map(|(limit, whose)| Some((line.strip_prefix(limit)?, *whose)));
        let (amounts, whose) = named?;
        Some((amounts.split_whitespace().next()?.parse().ok()?, whose))
    };
    groups.lines().filter_map(of_group).chain(limits.lines().filter_map(of_process)).chain(machine).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_has_no_room_is_told() {
        let told = |files: &[(&str, &str)]| {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            warning(84 << 20, root.path())
        };
        let machine = ("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:          1024 kB\n");
        assert_eq!(told(&[]), None, "nobody says anything");
        assert_eq!(told(&[machine]), None);
        assert!(told(&[("proc/meminfo", "MemTotal: 65536 kB\n")]).unwrap().contains("64 MiB of memory (all of this"));
        let service = ("proc/self/cgroup", "0::/system.slice/rootwalk.service\n");
        let (of_service, of_slice) =
            ("sys/fs/cgroup/system.slice/rootwalk.service/memory.max", "sys/fs/cgroup/system.slice/memory.max");
        assert_eq!(told(&[machine, service, (of_service, "max\n")]), None);
        assert_eq!(told(&[machine, service, (of_service, "121634816\n"), (of_slice, "max\n")]), None);
        let told_small = told(&[machine, service, (of_service, "max\n"), (of_slice, "67108864\n")]);
        assert_eq!(
            told_small.unwrap(),
            "this program may have 64 MiB of memory (MemoryMax, the limit of its control group), and cache.size and \
             http.past_size let it take 116 MiB with all else: the system will end it when they are full"
        );
        let limits =
            ("proc/self/limits", "Max cpu time      9   9   seconds\nMax data size     67108864   max   bytes\n");
        assert!(told(&[machine, limits]).unwrap().contains("64 MiB of memory (ulimit -d, LimitDATA)"));
        let limits =
            ("proc/self/limits", "Max address space  134217728   unlimited   bytes\nMax data size unlimited\n");
        assert_eq!(told(&[machine, limits]), None);
        // A container that sees its path outside, and the first version.
        assert!(
            told(&[("proc/self/cgroup", "0::/docker/ab12\n"), ("sys/fs/cgroup/memory.max", "67108864\n")]).is_some()
        );
        let first = ("proc/self/cgroup", "4:cpu,cpuacct:/box\n3:memory:/box\n0::/\n");
        assert!(told(&[first, ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "67108864\n")]).is_some());
    }
}
