//! Where and with what a run was measured, and which of that could move a count.
//!
//! There is no host name, user name or absolute path in here, and
//! [`Record::validate`](super::Record::validate) refuses a record that has one of the latter.

use crate::format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Machine, toolchain, source and settings of a run.
///
/// An unknown text is `None`, never a guess.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Environment {
    /// Seconds since 1970 at the start of the run.
    pub created_unix: Option<u64>,
    /// Model name of the processor.
    pub cpu_model: Option<String>,
    /// Processor features that a counted child sees after masking, sorted.
    pub cpu_features: Vec<String>,
    /// Logical processors.
    pub cores: Option<u64>,
    /// Bytes of main memory.
    pub memory_bytes: Option<u64>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Operating system and its version.
    pub os: Option<String>,
    /// Compiler version.
    pub rustc: Option<String>,
    /// Target triple.
    pub target: Option<String>,
    /// Cargo profile.
    pub profile: Option<String>,
    /// Cargo features of the measured executable, sorted.
    pub features: Vec<String>,
    /// Hash of the lock file; shown, and not part of the key.
    pub lock_hash: Option<String>,
    /// Hash of the published packages that measured code can call, with versions and features.
    pub dependency_hash: Option<String>,
    /// Version of the C library.
    pub glibc: Option<String>,
    /// Version of valgrind; `None`: not installed.
    pub valgrind: Option<String>,
    /// Commit the executable was built from.
    pub commit: Option<String>,
    /// Whether the working tree had changes on top of the commit.
    pub dirty: Option<bool>,
    /// Global allocator of the measured children.
    pub allocator: Option<String>,
    /// Hash of the configuration file.
    pub config_hash: Option<String>,
    /// Collector thresholds of the measured heaps.
    pub thresholds: Option<[u64; 3]>,
    /// Mode of the measured heap for time and instructions: `pages`, `system` or `debug`.
    pub heap_mode: Option<String>,
    /// Version of exuvia that wrote the record.
    pub exuvia: Option<String>,
}

/// One line of the environment in which two records differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What differs, in words: `rustc`, `CPU features`.
    pub name: String,
    /// Value in the base record.
    pub base: String,
    /// Value in the head record.
    pub head: String,
    /// Whether instruction counts stop being comparable because of it.
    pub moves_instructions: bool,
}

const UNKNOWN: &str = "unknown";

/// A line of the environment in words, and whether it is part of the instruction key.
struct Line {
    name: &'static str,
    value: String,
    key: bool,
}

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(|| UNKNOWN.to_owned())
}

fn list(values: &[String]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort();
    sorted.dedup();
    if sorted.is_empty() {
        "none".to_owned()
    } else {
        sorted.join(" ")
    }
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |v| v.to_string())
}

impl Environment {
    /// What must be equal for two instruction counts to be comparable, as one line of text.
    ///
    /// Compiler, target, features, profile, linked dependencies, C library, valgrind and the
    /// processor features that the counted child sees. The rest of the lock file (command line,
    /// reports, test tools) may change: it runs outside of what is counted.
    pub fn instruction_key(&self) -> String {
        let parts: Vec<String> = self
            .lines()
            .into_iter()
            .filter(|line| line.key)
            .map(|line| format!("{}={}", line.name, line.value))
            .collect();
        parts.join("; ")
    }

    /// Every line in which `self` (head) differs from `base`, in the order of [`Environment::describe`].
    ///
    /// Commit, dirty flag and time differ by design and are left out.
    pub fn differences(&self, base: &Self) -> Vec<Difference> {
        self.lines()
            .into_iter()
            .zip(base.lines())
            .filter(|(head, base)| head.value != base.value)
            .map(|(head, base)| Difference {
                name: head.name.to_owned(),
                base: base.value,
                head: head.value,
                moves_instructions: head.key,
            })
            .collect()
    }

    /// Every line as `(name, value)`, commit first, for a table.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let dirty = match self.dirty {
            Some(true) => " with uncommitted changes",
            Some(false) | None => "",
        };
        let mut lines = vec![("commit", format!("{}{dirty}", text(&self.commit)))];
        lines.extend(self.lines().into_iter().map(|line| (line.name, line.value)));
        lines
    }

    fn lines(&self) -> Vec<Line> {
        let line = |name, value| Line {
            name,
            value,
            key: false,
        };
        let key = |name, value| Line {
            name,
            value,
            key: true,
        };
        let thresholds = self
            .thresholds
            .map(|t| format!("{}, {}, {}", t[0], t[1], t[2]));
        vec![
            line("CPU", text(&self.cpu_model)),
            key("CPU features", list(&self.cpu_features)),
            line("cores", shown(self.cores)),
            line(
                "memory",
                shown(self.memory_bytes.map(|b| format::value(b as f64, "B"))),
            ),
            line("kernel", text(&self.kernel)),
            line("OS", text(&self.os)),
            key("rustc", text(&self.rustc)),
            key("target", text(&self.target)),
            key("profile", text(&self.profile)),
            key("features", list(&self.features)),
            line("lock file", text(&self.lock_hash)),
            key("dependencies", text(&self.dependency_hash)),
            key("glibc", text(&self.glibc)),
            key("valgrind", text(&self.valgrind)),
            line("allocator", text(&self.allocator)),
            line("configuration", text(&self.config_hash)),
            line("thresholds", shown(thresholds)),
            line("heap mode", text(&self.heap_mode)),
            line("exuvia", text(&self.exuvia)),
        ]
    }
}
