//! Building the bench target, always in the same way: one canonical build is what is measured.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

/// The bench target every measured package has.
pub(crate) const BENCH: &str = "exuvia";

/// Builds `package`'s bench target in `folder` and gives its executable; nothing when the package has no such target.
///
/// cargo's own messages go to standard error, as in any build.
pub(crate) fn bench(
    folder: &Path,
    package: &str,
    environment: &[(&str, String)],
) -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "bench",
        "--no-run",
        "--message-format=json-render-diagnostics",
        "-p",
        package,
        "--bench",
        BENCH,
    ]);
    cargo
        .current_dir(folder)
        .envs(environment.iter().map(|(key, value)| (key, value)));
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "the bench target `{BENCH}` of `{package}` in {} does not build",
            folder.display()
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let executable = text.lines().filter_map(executable_of).next_back();
    executable.with_context(|| format!("cargo built no bench target `{BENCH}` of `{package}`"))
}

fn executable_of(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_bench = message.pointer("/target/kind/0").and_then(Value::as_str) == Some("bench");
    let is_ours = message.pointer("/target/name").and_then(Value::as_str) == Some(BENCH);
    (is_bench && is_ours)
        .then(|| message.get("executable")?.as_str().map(PathBuf::from))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_read_from_cargos_messages() {
        let line = r#"{"reason":"compiler-artifact","target":{"kind":["bench"],"name":"exuvia"},"executable":"/x/y"}"#;
        assert_eq!(executable_of(line), Some(PathBuf::from("/x/y")));
        assert_eq!(executable_of(&line.replace("bench", "bin")), None);
        assert_eq!(executable_of("not json"), None);
    }
}
