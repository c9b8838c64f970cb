//! The measuring executables, built by cargo where this crate lies.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

/// The two executables, and the target folder they lie in.
pub(super) struct Executables {
    pub(super) system: PathBuf,
    pub(super) mimalloc: PathBuf,
    pub(super) target: PathBuf,
}

/// Builds them, if they are not up to date; cargo's own messages go to standard error.
pub(super) fn build() -> anyhow::Result<Executables> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--package", "exuvia-peers", "--bins"]);
    cargo.args([
        "--features",
        "measured",
        "--message-format",
        "json-render-diagnostics",
    ]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo, which builds the peers")?;
    if !output.status.success() {
        bail!("the peers do not build");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let find = |name: &str| {
        let found = messages.lines().find_map(|line| executable(line, name));
        found.with_context(|| format!("cargo built no executable `{name}`"))
    };
    let system = find("exuvia-peers")?;
    let folder = |path: &Path| Some(path.parent()?.parent()?.to_owned());
    Ok(Executables {
        target: folder(&system).context("the executable lies in no target folder")?,
        mimalloc: find("exuvia-peers-mimalloc")?,
        system,
    })
}

fn executable(line: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message.pointer("/target/name")?.as_str()? != name {
        return None;
    }
    message.get("executable")?.as_str().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_is_found_by_the_whole_of_its_name() {
        let line = r#"{"target":{"name":"exuvia-peers"},"executable":"/x/y"}"#;
        assert_eq!(
            executable(line, "exuvia-peers"),
            Some(PathBuf::from("/x/y"))
        );
        assert_eq!(executable(line, "exuvia"), None);
        assert_eq!(
            executable(
                r#"{"target":{"name":"exuvia-peers"},"executable":null}"#,
                "exuvia-peers"
            ),
            None
        );
    }
}
