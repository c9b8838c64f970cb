//! Builds the package outside of the workspace and drives its executables as a shell would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use exuvia_reports::record::Record;
use tempfile::TempDir;

fn package() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join("outside")
}

/// Every bench target of the package by name, built once per test process.
fn built() -> &'static BTreeMap<String, PathBuf> {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| bench_targets(&package()))
}

/// Builds a package and gives its bench targets by name.
pub(crate) fn bench_targets(package: &Path) -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([
            "bench",
            "--no-run",
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(package)
        .stderr(Stdio::inherit());
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        cargo.env("CARGO_TARGET_DIR", target);
    }
    let output = cargo.output().expect("cargo starts");
    assert!(
        output.status.success(),
        "the package outside of the workspace builds"
    );
    let messages = String::from_utf8_lossy(&output.stdout);
    messages.lines().filter_map(bench_target).collect()
}

/// Name and executable of a bench target that cargo tells of.
fn bench_target(line: &str) -> Option<(String, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let is_bench = message
        .pointer("/target/kind/0")
        .is_some_and(|kind| kind == "bench");
    let name = message.pointer("/target/name")?.as_str()?.to_owned();
    let path = message.get("executable")?.as_str()?.into();
    is_bench.then_some((name, path))
}

/// The executable of a bench target.
pub(crate) fn executable(name: &str) -> &'static Path {
    let path = built().get(name);
    path.unwrap_or_else(|| panic!("cargo built the bench target {name}"))
}

/// Calls an executable as a shell in `folder` would.
pub(crate) fn call(executable: &Path, folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(executable);
    command
        .args(args)
        .current_dir(folder)
        .env("EXUVIA_CALLER_DIR", folder);
    command.output().expect("the executable starts")
}

pub(crate) fn code(output: &Output) -> i32 {
    output
        .status
        .code()
        .unwrap_or_else(|| panic!("killed: {}", text(output)))
}

pub(crate) fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs with these arguments and reads the record back.
pub(crate) fn run(
    executable: &Path,
    folder: &TempDir,
    out: &str,
    args: &[&str],
) -> (Output, Record) {
    let args = [&["run", "--quick", "--out", out], args].concat();
    let output = call(executable, folder.path(), &args);
    let record = Record::load(&folder.path().join(out).join("run.json"));
    let record = record.unwrap_or_else(|error| panic!("{error}\n{}", text(&output)));
    (output, record)
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
