//! Measuring other revisions here and now: worktrees of their own, one toolchain, one set of flags, interleaved.
//!
//! Both sides are built alike and the head's executable measures both (`run::duel`). Each has its own lock file, and
//! what differs between them is said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use exuvia_reports::record::{Depth, Record};

use super::args::RunArgs;
use super::build;
use super::claim::Claim;
use super::place::{CALLER_VARIABLE, Place};
use super::worktrees::{self, Worktrees};

/// What stands on one side.
pub(crate) enum Revision<'a> {
    /// Anything git can resolve.
    Named(&'a str),
    /// The working tree, with uncommitted changes and new files.
    WorkingTree,
}

/// Both sides measured, or the head alone.
pub(crate) struct Measured {
    pub(crate) base: Result<Record, String>,
    pub(crate) head: Option<Record>,
    /// What the reader should know of the two builds.
    pub(crate) notes: Vec<String>,
}

/// How to measure.
pub(crate) struct Task<'a> {
    pub(crate) run: &'a RunArgs,
    /// Seconds for all process pairs; nothing: no times.
    pub(crate) time_budget: Option<u64>,
    /// Folder of the records: `base.json`, `run.json` and their details.
    pub(crate) out: &'a Path,
}

/// One checked-out and built side.
struct Built {
    executable: PathBuf,
    manifest_dir: PathBuf,
    root: PathBuf,
}

/// Builds and measures both revisions; without a head, the base alone.
pub(crate) fn measure(
    place: &Place,
    base: &str,
    head: Option<&Revision<'_>>,
    task: &Task<'_>,
) -> anyhow::Result<Measured> {
    let base_commit = worktrees::commit_of(&place.root, base)?;
    let head_commit = match head {
        Some(Revision::Named(name)) => Some(worktrees::commit_of(&place.root, name)?),
        Some(Revision::WorkingTree) => Some(worktrees::snapshot(&place.root)?),
        None => None,
    };
    let home = place.out(None).join("revisions");
    let claim = Claim::new(&home)?;
    let trees = Worktrees::new(&place.root, &home.join("trees"))?;
    let toolchain_of = head_commit.as_deref().unwrap_or("HEAD");
    let toolchain = toolchain(place, toolchain_of);
    let builder = Builder {
        place,
        trees: &trees,
        home: &home,
        toolchain,
    };
    let base_built = builder
        .build("base", &base_commit)
        .map_err(|error| format!("{base}: {error:#}"));
    if let Err(why) = &base_built {
        eprintln!("{why}");
    }
    let measured = match head_commit {
        None => builder.alone(base_built, "base", task)?,
        Some(commit) => {
            let built = builder.build("head", &commit)?;
            match base_built {
                Ok(base_built) => {
                    builder.both(&base_built, &built, [&base_commit, &commit], task)?
                }
                Err(why) => Measured {
                    base: Err(why),
                    ..builder.alone(Ok(built), "head", task)?
                },
            }
        }
    };
    claim.finish()?;
    Ok(measured)
}

struct Builder<'a> {
    place: &'a Place,
    trees: &'a Worktrees,
    home: &'a Path,
    toolchain: Option<String>,
}

impl Builder<'_> {
    /// Checks out, builds, and keeps the executable: both sides are built into one target folder, so that they share
    /// their dependencies, and there the second would replace the first.
    fn build(&self, name: &str, commit: &str) -> anyhow::Result<Built> {
        eprintln!("building {name} ({})", &commit[..commit.len().min(12)]);
        self.trees.add(name, commit)?;
        let root = self.trees.inside(name, &self.place.root)?;
        let package = self
            .place
            .manifest_dir
            .strip_prefix(&self.place.root)
            .unwrap_or(Path::new(""));
        let manifest_dir = root.join(package);
        if !manifest_dir
            .join("benches")
            .join(format!("{}.rs", build::BENCH))
            .is_file()
        {
            bail!("it has no bench target `{}` to measure", build::BENCH);
        }
        self.lend_lock_file(&root)?;
        for folder in [&self.place.root, &self.place.manifest_dir] {
            self.trees.link_neighbours(name, folder)?;
        }
        let built = build::bench(&root, &self.place.package, &self.environment())?;
        let executable = self.home.join(format!("exuvia-{name}"));
        std::fs::copy(&built, &executable)
            .with_context(|| format!("cannot keep {}", built.display()))?;
        Ok(Built {
            executable,
            manifest_dir,
            root,
        })
    }

    /// A library may not track its lock file: then both sides use the present one.
    fn lend_lock_file(&self, root: &Path) -> anyhow::Result<()> {
        let (own, present) = (root.join("Cargo.lock"), self.place.root.join("Cargo.lock"));
        if !own.is_file() && present.is_file() {
            eprintln!("its lock file is not tracked: the present one is used");
            std::fs::copy(present, own).context("cannot copy the lock file")?;
        }
        Ok(())
    }

    /// One target folder, one toolchain, the same flags.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let given = std::env::var("RUSTFLAGS").unwrap_or_default();
        let mut environment = vec![
            (
                "CARGO_TARGET_DIR",
                self.home.join("target").display().to_string(),
            ),
            (
                "RUSTFLAGS",
                format!("{given} {}", self.trees.remapping())
                    .trim()
                    .to_owned(),
            ),
        ];
        environment.extend(
            self.toolchain
                .clone()
                .map(|name| ("RUSTUP_TOOLCHAIN", name)),
        );
        environment
    }

    fn both(
        &self,
        base: &Built,
        head: &Built,
        commits: [&str; 2],
        task: &Task<'_>,
    ) -> anyhow::Result<Measured> {
        let mut command = self.command(head, task);
        command.arg("duel").arg("--base").arg(&base.executable);
        command.arg("--base-dir").arg(&base.manifest_dir);
        command.args(["--base-commit", commits[0], "--head-commit", commits[1]]);
        if let Some(seconds) = task.time_budget {
            command.args(["--time-budget", &seconds.to_string()]);
        }
        run_args(&mut command, task);
        self.run(&mut command)?;
        Ok(Measured {
            base: Ok(Record::load(&task.out.join("base.json"))?),
            head: Some(Record::load(&task.out.join("run.json"))?),
            notes: lock_differences(&base.root, &head.root)
                .into_iter()
                .collect(),
        })
    }

    /// One side by the ordinary `run`.
    fn alone(
        &self,
        built: Result<Built, String>,
        name: &str,
        task: &Task<'_>,
    ) -> anyhow::Result<Measured> {
        let built = match built {
            Ok(built) => built,
            Err(why) => {
                return Ok(Measured {
                    base: Err(why),
                    head: None,
                    notes: Vec::new(),
                });
            }
        };
        let folder = if name == "base" {
            self.home.join("base")
        } else {
            task.out.to_owned()
        };
        let task = Task {
            out: &folder,
            ..*task
        };
        let mut command = self.command(&built, &task);
        command.arg("run");
        run_args(&mut command, &task);
        self.run(&mut command)?;
        let record = Record::load(&folder.join("run.json"))?;
        Ok(match name {
            "base" => Measured {
                base: Ok(record),
                head: None,
                notes: Vec::new(),
            },
            _ => Measured {
                base: Err(String::new()),
                head: Some(record),
                notes: Vec::new(),
            },
        })
    }

    fn command(&self, built: &Built, task: &Task<'_>) -> Command {
        let mut command = Command::new(&built.executable);
        command
            .current_dir(&built.manifest_dir)
            .env(CALLER_VARIABLE, task.out)
            .stdin(Stdio::null());
        if let Some(toolchain) = &self.toolchain {
            command.env("RUSTUP_TOOLCHAIN", toolchain);
        }
        command
    }

    /// Failed rows are in the record; only a run without one is an error.
    fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        let status = command
            .status()
            .context("cannot start the built bench target")?;
        match status.code() {
            Some(0 | 3) => Ok(()),
            _ => bail!(
                "measuring ended without a record ({status}); is its exuvia too old to be compared?"
            ),
        }
    }
}

fn run_args(command: &mut Command, task: &Task<'_>) {
    std::fs::create_dir_all(task.out).ok();
    command
        .args(&task.run.filter.filter)
        .arg("--out")
        .arg(task.out);
    command.args(match task.run.depth() {
        Depth::Quick => Some("--quick"),
        Depth::Default => None,
        Depth::Full => Some("--full"),
    });
    if !task.run.depth.instruments.is_empty() {
        command.args(["--instrument", &task.run.depth.instruments.join(",")]);
    }
    if let Some(seconds) = task.run.timeout {
        command.args(["--timeout", &seconds.to_string()]);
    }
}

/// The toolchain that the head asks for; both sides are built with it.
fn toolchain(place: &Place, commit: &str) -> Option<String> {
    let shown =
        |name: &str| worktrees::git(&place.root, &["show", &format!("{commit}:./{name}")]).ok();
    let text = shown("rust-toolchain.toml")?;
    let table: toml::Table = text.parse().ok()?;
    Some(table.get("toolchain")?.get("channel")?.as_str()?.to_owned())
}

/// Packages whose versions differ between the lock files of the two sides, in a sentence.
fn lock_differences(base: &Path, head: &Path) -> Option<String> {
    let [base, head] =
        [base, head].map(|root| packages(&root.join("Cargo.lock")).unwrap_or_default());
    let (gone, come): (Vec<_>, Vec<_>) = (
        base.difference(&head).collect(),
        head.difference(&base).collect(),
    );
    if gone.is_empty() && come.is_empty() {
        return None;
    }
    let some = |packages: &[&String]| match packages.len() {
        0 => "nothing".to_owned(),
        n if n > 10 => format!("{} packages", n),
        _ => packages
            .iter()
            .map(|p| p.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    };
    Some(format!(
        "the lock files differ: {} only in the base, {} only in the head",
        some(&gone),
        some(&come)
    ))
}

fn packages(lock: &Path) -> Option<BTreeSet<String>> {
    let table: toml::Table = std::fs::read_to_string(lock).ok()?.parse().ok()?;
    let packages = table.get("package")?.as_array()?.iter();
    let named = packages.map(|p| {
        Some(format!(
            "{} {}",
            p.get("name")?.as_str()?,
            p.get("version")?.as_str()?
        ))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_files_that_differ_are_told_apart_by_package() {
        let folder = tempfile::tempdir().expect("a folder");
        let side = |name: &str, version: &str| {
            let root = folder.path().join(name);
            std::fs::create_dir(&root).expect("created");
            let text = format!("[[package]]\nname = \"clap\"\nversion = \"{version}\"\n");
            std::fs::write(root.join("Cargo.lock"), text).expect("written");
            root
        };
        let (base, head) = (side("base", "1.0.0"), side("head", "2.0.0"));
        let told = lock_differences(&base, &head).expect("they differ");
        assert!(
            told.contains("clap 1.0.0 only in the base, clap 2.0.0 only in the head"),
            "{told}"
        );
        assert_eq!(lock_differences(&base, &base), None);
    }
}
