//! The peers, and the CPythons that are installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::build::Executables;
use super::child;
use super::options::Options;
use crate::rows::{Answer, OURS, PEERS};

/// One peer, and how it is run.
pub(super) struct Contestant {
    /// As the table calls it.
    pub(super) name: String,
    /// Whether it has Python's object model.
    pub(super) has_objects: bool,
    executable: PathBuf,
    peer: &'static str,
    python: Option<Python>,
    /// Why it is not there.
    absent: Option<String>,
}

impl Contestant {
    pub(super) fn run(&self, work: &str, limit: Duration) -> Result<Answer, String> {
        if let Some(reason) = &self.absent {
            return Err(reason.clone());
        }
        let mut command = child::with_stack(&self.executable);
        command.args([self.peer, work]);
        if let Some(python) = &self.python {
            command.env("EXUVIA_LIBPYTHON", &python.library);
            command.env("PYTHONHOME", &python.home);
            command
                .env("PYTHONHASHSEED", "0")
                .env("PYTHONNOUSERSITE", "1");
        }
        child::run(command, limit)
    }
}

/// Every peer that is wanted, this heap first.
///
/// # Errors
/// When one that is asked for is not known.
pub(super) fn all(executables: &Executables, options: &Options) -> anyhow::Result<Vec<Contestant>> {
    let rust = PEERS.iter().map(|peer| {
        let (name, executable) = if peer.mimalloc {
            (format!("{}+mimalloc", peer.name), &executables.mimalloc)
        } else {
            (peer.name.to_owned(), &executables.system)
        };
        Contestant {
            name,
            has_objects: peer.name == OURS,
            executable: executable.clone(),
            peer: peer.name,
            python: None,
            absent: None,
        }
    });
    let mut all: Vec<_> = rust.collect();
    let python = |name: String, python: Option<Python>, absent| Contestant {
        name,
        has_objects: true,
        executable: executables.system.clone(),
        peer: "cpython",
        python,
        absent,
    };
    let found = pythons();
    if found.is_empty() {
        let reason =
            "absent: no CPython with a shared library on PATH or in pyenv; set EXUVIA_LIBPYTHON";
        all.push(python("cpython".to_owned(), None, Some(reason.to_owned())));
    }
    all.extend(
        found
            .into_iter()
            .map(|found| python(format!("cpython-{}", found.version), Some(found), None)),
    );
    let names: Vec<&str> = all.iter().map(|known| known.name.as_str()).collect();
    if let Some(unknown) = options.unknown_peer(&names) {
        anyhow::bail!("no peer `{unknown}`; there are {}", names.join(", "));
    }
    all.retain(|contestant| options.wants_peer(&contestant.name));
    Ok(all)
}

/// An installed CPython with a shared library.
#[derive(Clone, Debug, PartialEq)]
struct Python {
    /// `3.13`
    version: String,
    /// Where its modules are.
    home: PathBuf,
    library: PathBuf,
}

/// One for each minor version, the first found.
fn pythons() -> Vec<Python> {
    let mut found: Vec<Python> = Vec::new();
    let given = std::env::var_os("EXUVIA_LIBPYTHON");
    let candidates: Vec<_> = match &given {
        Some(paths) => std::env::split_paths(paths)
            .filter_map(|path| of_library(&path))
            .collect(),
        None => interpreters()
            .iter()
            .filter_map(|path| of_interpreter(path))
            .collect(),
    };
    for python in candidates {
        if !found.iter().any(|known| known.version == python.version) {
            found.push(python);
        }
    }
    found.sort_by_key(|python| minor(&python.version));
    found
}

fn minor(version: &str) -> Option<u32> {
    version.split_once('.')?.1.parse().ok()
}

/// What `libpython3.13.so.1.0` in `PREFIX/lib` says about itself.
fn of_library(library: &Path) -> Option<Python> {
    let name = library.file_name()?.to_str()?.strip_prefix("libpython")?;
    let mut parts = name.split('.');
    let version = format!("{}.{}", parts.next()?, parts.next()?);
    minor(&version)?;
    Some(Python {
        version,
        home: library.parent()?.parent()?.to_owned(),
        library: library.to_owned(),
    })
}

/// Interpreters by name, then those of pyenv.
fn interpreters() -> Vec<PathBuf> {
    let mut all: Vec<_> = [
        "python3.15",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
        "python3",
    ]
    .map(PathBuf::from)
    .into();
    let root = Command::new("pyenv")
        .arg("root")
        .stderr(Stdio::null())
        .output();
    let root = root
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let versions = root.map(|root| Path::new(root.trim()).join("versions"));
    if let Some(Ok(entries)) = versions.map(std::fs::read_dir) {
        let mut own: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path().join("bin/python3"))
            .collect();
        own.sort();
        all.extend(own.into_iter().rev());
    }
    all
}

const ASK: &str = "import os, sys, sysconfig as s
print('%d.%d' % sys.version_info[:2])
print(sys.base_prefix)
print(os.path.join(s.get_config_var('LIBDIR') or '', s.get_config_var('INSTSONAME') or s.get_config_var('LDLIBRARY') or ''))";

fn of_interpreter(interpreter: &Path) -> Option<Python> {
    let output = Command::new(interpreter)
        .args(["-c", ASK])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut lines = text.lines();
    let python = Python {
        version: lines.next()?.to_owned(),
        home: PathBuf::from(lines.next()?),
        library: PathBuf::from(lines.next()?),
    };
    let is_shared = python.library.file_name()?.to_str()?.contains(".so");
    (is_shared && python.library.is_file() && minor(&python.version)? >= 11).then_some(python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_librarys_name_and_place_tell_its_version_and_home() {
        let python = of_library(Path::new("/p/lib/libpython3.13.so.1.0")).unwrap();
        assert_eq!(python.version, "3.13");
        assert_eq!(python.home, Path::new("/p"));
        assert_eq!(of_library(Path::new("/p/lib/libruby.so")), None);
        assert_eq!(of_library(Path::new("/p/lib/libpython.so")), None);
    }
}
