//! Measuring another revision here and now: a worktree of its own, the same toolchain, the same arguments.
//!
//! Its lock file is its own. Its folder is remapped out of the executable, so that its length moves nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use exuvia_reports::record::{Depth, Record};

use super::args::RunArgs;
use super::place::{CALLER_VARIABLE, Place};
use super::{UsageError, build};

/// Builds and measures `revision`; nothing when it has no bench target to measure.
pub(crate) fn measure(
    place: &Place,
    revision: &str,
    run: &RunArgs,
) -> anyhow::Result<Option<Record>> {
    let commit = git(
        &place.root,
        &[
            "rev-parse",
            "--verify",
            "--quiet",
            &format!("{revision}^{{commit}}"),
        ],
    )
    .map_err(|_| {
        UsageError::Other(format!(
            "`{revision}` is neither a .json record nor a git revision"
        ))
    })?;
    let home = place.out(None).join("revisions").join(&commit);
    std::fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    let tree = home.join("tree");
    let shown = tree.display().to_string();
    if !tree.is_dir() {
        git(
            &place.root,
            &["worktree", "add", "--force", "--detach", &shown, &commit],
        )?;
    }
    eprintln!("building {revision} ({})", &commit[..commit.len().min(12)]);
    let measured = measure_tree(place, &workspace_in(place, &tree)?, &home, run);
    git(&place.root, &["worktree", "remove", "--force", &shown])?;
    measured
}

/// The workspace may lie below the repository's top.
fn workspace_in(place: &Place, tree: &Path) -> anyhow::Result<PathBuf> {
    let top = git(&place.root, &["rev-parse", "--show-toplevel"])?;
    let root = place
        .root
        .canonicalize()
        .context("the workspace's folder is gone")?;
    Ok(tree.join(root.strip_prefix(&top).unwrap_or(Path::new(""))))
}

fn measure_tree(
    place: &Place,
    tree: &Path,
    home: &Path,
    run: &RunArgs,
) -> anyhow::Result<Option<Record>> {
    let package_folder = place
        .manifest_dir
        .strip_prefix(&place.root)
        .unwrap_or(Path::new(""));
    let bench = tree
        .join(package_folder)
        .join("benches")
        .join(format!("{}.rs", build::BENCH));
    if !bench.is_file() {
        return Ok(None);
    }
    let executable = build::bench(tree, &place.package, &environment(place, tree))?;
    let mut command = Command::new(executable);
    command
        .current_dir(tree.join(package_folder))
        .env(CALLER_VARIABLE, home);
    command
        .arg("run")
        .args(&run.filter.filter)
        .args(["--out", "."])
        .args(depth_flag(run.depth()));
    if !run.instruments.is_empty() {
        command.args(["--instrument", &run.instruments.join(",")]);
    }
    let status = command
        .stdin(Stdio::null())
        .status()
        .context("cannot start the built bench target")?;
    let file = home.join("run.json");
    if !file.is_file() {
        bail!("the revision's bench target wrote no record ({status})");
    }
    Ok(Some(Record::load(&file)?))
}

fn depth_flag(depth: Depth) -> Option<&'static str> {
    match depth {
        Depth::Quick => Some("--quick"),
        Depth::Default => None,
        Depth::Full => Some("--full"),
    }
}

/// One target folder for all revisions, the toolchain of the present tree, and paths without the worktree's folder.
fn environment(place: &Place, tree: &Path) -> Vec<(&'static str, String)> {
    let target = place.out(None).join("revisions").join("target");
    let mut environment = vec![
        ("CARGO_TARGET_DIR", target.display().to_string()),
        (
            "RUSTFLAGS",
            format!("--remap-path-prefix={}=exuvia-base", tree.display()),
        ),
    ];
    environment.extend(toolchain(place).map(|toolchain| ("RUSTUP_TOOLCHAIN", toolchain)));
    environment
}

fn toolchain(place: &Place) -> Option<String> {
    let text = std::fs::read_to_string(place.root.join("rust-toolchain.toml")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("channel"))?;
    Some(
        line.trim_start_matches([' ', '='])
            .trim()
            .trim_matches('"')
            .to_owned(),
    )
}

fn git(folder: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .args(args)
        .current_dir(folder)
        .output()
        .context("cannot start git")?;
    if !output.status.success() {
        bail!(
            "git {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
