//! Where a run was measured: whatever could move a number, and nothing that names a person, a machine or a folder.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use exuvia_reports::record::Environment;

use super::assemble::NO_VALGRIND;
use super::dependencies;

/// Features that change which instructions run, in programs and in the C library.
const CPU_FEATURES: [&str; 18] = [
    "abm",
    "adx",
    "aes",
    "avx",
    "avx2",
    "avx512f",
    "avx512vl",
    "bmi1",
    "bmi2",
    "erms",
    "f16c",
    "fma",
    "fsrm",
    "movbe",
    "pclmulqdq",
    "popcnt",
    "sse4_1",
    "sse4_2",
];

/// What `PINNED_TUNABLES` hides from a counted process.
const MASKED: [&str; 5] = ["erms", "fsrm", "avx2", "avx512f", "avx512vl"];

/// Gathers what can be found out; the rest stays unknown.
pub(crate) fn gather(manifest_dir: &Path, valgrind: Option<String>) -> Environment {
    let rustc = output_in(manifest_dir, "rustc", &["-vV"]).unwrap_or_default();
    let rustc_line = |key: &str| {
        rustc
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .map(str::to_owned)
    };
    let cpu = read("/proc/cpuinfo");
    Environment {
        created_unix: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .map(|now| now.as_secs()),
        cpu_model: field(&cpu, "model name"),
        cpu_features: cpu_features(&cpu),
        cores: std::thread::available_parallelism()
            .ok()
            .map(|cores| cores.get() as u64),
        memory_bytes: meminfo("MemTotal:"),
        kernel: Some(read("/proc/sys/kernel/osrelease").trim().to_owned())
            .filter(|text| !text.is_empty()),
        os: os_name(),
        rustc: rustc.lines().next().map(str::to_owned),
        target: rustc_line("host: "),
        profile: Some(
            if cfg!(debug_assertions) {
                "dev"
            } else {
                "bench"
            }
            .to_owned(),
        ),
        features: features(),
        lock_hash: lock_hash(manifest_dir),
        dependency_hash: dependencies::hash_of(manifest_dir, rustc_line("host: ").as_deref()),
        glibc: output_in(manifest_dir, "getconf", &["GNU_LIBC_VERSION"]),
        valgrind,
        commit: output_in(manifest_dir, "git", &["rev-parse", "HEAD"]),
        dirty: output_in(
            manifest_dir,
            "git",
            &["status", "--porcelain", "--untracked-files=no"],
        )
        .map(|changes| !changes.is_empty()),
        allocator: Some("system".to_owned()),
        config_hash: config_hash(manifest_dir),
        thresholds: thresholds(),
        heap_mode: cfg!(feature = "heap").then(|| "pages".to_owned()),
        exuvia: Some(env!("CARGO_PKG_VERSION").to_owned()),
    }
}

/// The version of valgrind, or a sentence that says how to get it.
pub(crate) fn valgrind() -> Result<String, String> {
    let version = Command::new("valgrind")
        .arg("--version")
        .stderr(Stdio::null())
        .output();
    match version {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => Err(format!("{NO_VALGRIND}: {}", install_valgrind())),
    }
}

/// The command that installs valgrind here.
pub(crate) fn install_valgrind() -> &'static str {
    let tools = [
        ("apt-get", "sudo apt-get install valgrind"),
        ("dnf", "sudo dnf install valgrind"),
    ];
    let more = [
        ("pacman", "sudo pacman -S valgrind"),
        ("apk", "sudo apk add valgrind"),
    ];
    let found = tools
        .into_iter()
        .chain(more)
        .find(|(tool, _)| is_in_path(tool));
    found.map_or(
        "install valgrind with the system's package manager",
        |(_, command)| command,
    )
}

fn is_in_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

/// Bytes a new process could use without swapping.
pub(crate) fn available_memory_bytes() -> Option<u64> {
    meminfo("MemAvailable:")
}

fn meminfo(key: &str) -> Option<u64> {
    let text = read("/proc/meminfo");
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kilobytes| kilobytes * 1024)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':')
        .map(|(_, value)| value.trim().to_owned())
}

fn cpu_features(cpuinfo: &str) -> Vec<String> {
    let flags = field(cpuinfo, "flags").unwrap_or_default();
    let offered = |feature: &&str| flags.split(' ').any(|flag| flag == *feature);
    CPU_FEATURES
        .into_iter()
        .filter(offered)
        .filter(|feature| !MASKED.contains(feature))
        .map(str::to_owned)
        .collect()
}

fn os_name() -> Option<String> {
    let text = read("/etc/os-release");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_owned())
}

fn features() -> Vec<String> {
    let known = [
        ("cli", cfg!(feature = "cli")),
        ("dhat", cfg!(feature = "dhat")),
        ("heap", cfg!(feature = "heap")),
        ("instructions", cfg!(feature = "instructions")),
        ("time", cfg!(feature = "time")),
    ];
    known
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// A hash of the nearest lock file above the package.
fn lock_hash(manifest_dir: &Path) -> Option<String> {
    let lock = root_of(manifest_dir)?.join("Cargo.lock");
    Some(hash(&std::fs::read(lock).ok()?))
}

/// A hash of the limits; `built in` where there is no file.
fn config_hash(manifest_dir: &Path) -> Option<String> {
    let file = root_of(manifest_dir)?.join("exuvia.toml");
    match std::fs::read(file) {
        Ok(text) => Some(hash(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some("built in".to_owned()),
        Err(_) => None,
    }
}

/// How many processes want to run for each core, on the average of the last minute; at least 1.
pub(super) fn crowding() -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (load().unwrap_or_default() / cores as f64).max(1.0)
}

/// Processes that wanted to run, on the average of the last minute (Linux).
pub(crate) fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// The nearest folder above the package that holds a lock file: the workspace.
pub(super) fn root_of(manifest_dir: &Path) -> Option<&Path> {
    manifest_dir
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").is_file())
}

/// The thresholds of a heap that a workload does not set itself.
#[cfg(feature = "heap")]
fn thresholds() -> Option<[u64; 3]> {
    let (young, middle, old) = exuvia_core::Heap::new().thresholds();
    Some([young, middle, old].map(|threshold| threshold as u64))
}

#[cfg(not(feature = "heap"))]
fn thresholds() -> Option<[u64; 3]> {
    None
}

/// FNV-1a, 64 bits: enough to tell two files apart, the same in every version of every toolchain.
pub(crate) fn hash(bytes: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// What a program says on standard output, trimmed; nothing when it fails.
pub(crate) fn output_in(
    folder: &Path,
    program: impl AsRef<OsStr>,
    args: &[&str],
) -> Option<String> {
    let output = Command::new(program)
        .args(args)
        .current_dir(folder)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_features_are_not_part_of_what_a_counted_process_sees() {
        let seen = cpu_features("processor : 0\nflags\t\t: fpu erms avx avx2 popcnt\n");
        assert_eq!(seen, ["avx", "popcnt"]);
    }

    #[test]
    fn what_is_gathered_holds_no_path_and_may_be_published() {
        let environment = gather(Path::new(env!("CARGO_MANIFEST_DIR")), None);
        let record = exuvia_reports::record::Record {
            environment,
            ..Default::default()
        };
        record.validate().expect("a valid record");
        assert!(record.environment.rustc.is_some() && record.environment.lock_hash.is_some());
        assert!(record.environment.dependency_hash.is_some());
        assert!(record.environment.config_hash.is_some());
    }
}
