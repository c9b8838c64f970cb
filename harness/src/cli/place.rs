//! Folders and files a command works with.
//!
//! cargo runs a bench target in its package's folder, so a relative path on the command line is resolved against the
//! folder the user typed it in.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::UsageError;

/// Set by the front end for the bench target it starts.
pub(crate) const CALLER_VARIABLE: &str = "EXUVIA_CALLER_DIR";

/// Where the measured package, its workspace and the caller are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Name of the measured package.
    pub(crate) package: String,
    /// Its folder.
    pub(crate) manifest_dir: PathBuf,
    /// The folder that holds the lock file.
    pub(crate) root: PathBuf,
    caller: PathBuf,
}

impl Place {
    /// The place of `package` at `manifest_dir`.
    pub(crate) fn new(package: &str, manifest_dir: &str) -> Self {
        let manifest_dir = PathBuf::from(manifest_dir);
        let root = manifest_dir
            .ancestors()
            .find(|folder| folder.join("Cargo.lock").is_file());
        let root = root.unwrap_or(&manifest_dir).to_owned();
        Self {
            package: package.to_owned(),
            manifest_dir,
            root,
            caller: caller(),
        }
    }

    /// A path the user gave.
    pub(crate) fn given(&self, path: &Path) -> PathBuf {
        self.caller.join(path)
    }

    /// The folder of results, unless the user gave another.
    pub(crate) fn out(&self, given: Option<&Path>) -> PathBuf {
        given.map_or_else(
            || self.root.join("target").join("exuvia"),
            |path| self.given(path),
        )
    }

    /// The record of the last run, unless the user gave another.
    pub(crate) fn run(&self, given: Option<&Path>) -> PathBuf {
        given.map_or_else(|| self.out(None).join("run.json"), |path| self.given(path))
    }

    /// The limits.
    pub(crate) fn config(&self) -> PathBuf {
        self.root.join("exuvia.toml")
    }

    /// The folder of saved baselines: beside the reports' code where there is one, else a folder of its own.
    pub(crate) fn baselines(&self) -> PathBuf {
        let reports = self.root.join("reports");
        let folder = if reports.join("Cargo.toml").is_file() {
            reports
        } else {
            self.root.join("exuvia")
        };
        folder.join("baselines")
    }

    /// A path as the caller would write it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.caller)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

/// The manifest of the package or workspace in `folder`.
pub(crate) fn manifest_of(folder: &Path) -> anyhow::Result<toml::Table> {
    let file = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let manifest = text
        .parse()
        .map_err(|error| UsageError::Other(format!("{}: {error}", file.display())))?;
    Ok(manifest)
}

/// The folder in which the user typed the command.
fn caller() -> PathBuf {
    let under_cargo = std::env::var_os("CARGO_PKG_NAME").is_some();
    let typed_in = std::env::var_os(CALLER_VARIABLE)
        .or_else(|| std::env::var_os("PWD").filter(|_| under_cargo));
    let typed_in = typed_in
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute() && folder.is_dir());
    typed_in
        .or_else(|| std::env::current_dir().ok())
        .unwrap_or_default()
}
