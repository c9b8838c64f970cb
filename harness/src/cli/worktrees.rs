//! Two checked-out revisions side by side, gone when this process ends, however it ends.
//!
//! A small shell process waits for the end of its standard input, which the kernel closes with this process, and then
//! removes the worktrees. What a machine that was switched off left behind is removed before new ones are made.

use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, bail};

use super::UsageError;
use super::place::manifest_of;
use crate::run::site::REMAPPED;

/// The folder of the worktrees, and who removes them.
pub(crate) struct Worktrees {
    repository: PathBuf,
    folder: PathBuf,
    cleaner: Child,
    /// Closed at the end of this process.
    alive: Option<ChildStdin>,
}

const NAMES: [&str; 2] = ["base", "head"];

const CLEAN: &str = r#"while read -r _; do :; done
for name in base head; do
    git -C "$1" worktree remove --force "$2/$name" >/dev/null 2>&1
    rm -rf "${2:?}/$name"
done
git -C "$1" worktree prune >/dev/null 2>&1"#;

impl Worktrees {
    /// No worktrees yet, below `folder`, of the repository around `root`.
    pub(crate) fn new(root: &Path, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let folder = folder.canonicalize().context("the folder was just made")?;
        let repository = PathBuf::from(git(root, &["rev-parse", "--show-toplevel"])?);
        for name in NAMES {
            remove(&repository, &folder.join(name));
        }
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", CLEAN, "exuvia-cleaner"])
            .arg(&repository)
            .arg(&folder);
        // not in this process's group: an interrupt on the terminal is for this process alone
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        let mut cleaner = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start a shell")?;
        let alive = cleaner.stdin.take();
        Ok(Self {
            repository,
            folder,
            cleaner,
            alive,
        })
    }

    /// Checks `commit` out as `name` (`base` or `head`).
    pub(crate) fn add(&self, name: &str, commit: &str) -> anyhow::Result<PathBuf> {
        let tree = self.folder.join(name);
        let shown = tree.display().to_string();
        git(
            &self.repository,
            &["worktree", "add", "--force", "--detach", &shown, commit],
        )?;
        Ok(tree)
    }

    /// A dependency beside the repository (`path = "../other"`) is looked for beside the worktree: puts a link to it
    /// there. `package` lies in the repository.
    pub(crate) fn link_neighbours(&self, name: &str, package: &Path) -> anyhow::Result<()> {
        let manifest = manifest_of(package)?;
        let package = package.canonicalize().context("the package is gone")?;
        let copy = self.inside(name, &package)?;
        for path in dependency_paths(&manifest) {
            let ups = Path::new(path)
                .components()
                .take_while(|part| *part == Component::ParentDir)
                .count();
            let Some(neighbour) = Path::new(path).components().nth(ups) else {
                continue; // a folder above: nothing that a link could stand for
            };
            let beside = |folder: &Path| Some(folder.ancestors().nth(ups)?.join(neighbour));
            let (Some(there), Some(link)) = (beside(&package), beside(&copy)) else {
                continue;
            };
            let leaves = !link.starts_with(self.folder.join(name));
            if leaves && there.exists() && link.symlink_metadata().is_err() {
                std::os::unix::fs::symlink(&there, &link)
                    .with_context(|| format!("cannot link {}", link.display()))?;
            }
        }
        Ok(())
    }

    /// The flags that take the folders of both worktrees out of an executable: the same for both builds, so that they
    /// share what they depend on.
    pub(crate) fn remapping(&self) -> String {
        NAMES
            .map(|name| {
                format!(
                    "--remap-path-prefix={}={REMAPPED}",
                    self.folder.join(name).display()
                )
            })
            .join(" ")
    }

    /// Where `folder`, which lies in the repository, is in the worktree `name`.
    pub(crate) fn inside(&self, name: &str, folder: &Path) -> anyhow::Result<PathBuf> {
        let folder = folder
            .canonicalize()
            .with_context(|| format!("{} is gone", folder.display()))?;
        let top = self
            .repository
            .canonicalize()
            .context("the repository is gone")?;
        Ok(self
            .folder
            .join(name)
            .join(folder.strip_prefix(&top).unwrap_or(Path::new(""))))
    }
}

/// The paths of a manifest's dependencies, wherever they stand in it.
fn dependency_paths(table: &toml::Table) -> Vec<&str> {
    let mut paths = Vec::new();
    for (key, value) in table {
        match value {
            toml::Value::String(path) if key == "path" => paths.push(path.as_str()),
            toml::Value::Table(inner) => paths.extend(dependency_paths(inner)),
            _ => {}
        }
    }
    paths
}

impl Drop for Worktrees {
    fn drop(&mut self) {
        drop(self.alive.take());
        // its work is best effort, and the next comparison removes what it left
        let _ = self.cleaner.wait();
    }
}

fn remove(repository: &Path, tree: &Path) {
    if tree.exists() {
        let shown = tree.display().to_string();
        // left over from a process that was ended: git may know it or not
        let _ = git(repository, &["worktree", "remove", "--force", &shown]);
        let _ = std::fs::remove_dir_all(tree);
    }
    let _ = git(repository, &["worktree", "prune"]);
}

/// The commit of a revision.
pub(crate) fn commit_of(root: &Path, revision: &str) -> anyhow::Result<String> {
    let wanted = format!("{revision}^{{commit}}");
    git(root, &["rev-parse", "--verify", "--quiet", &wanted]).map_err(|_| {
        UsageError::Other(format!(
            "`{revision}` is neither a .json record nor a git revision"
        ))
        .into()
    })
}

/// The working tree as a commit that no branch holds: with its changes and with new files, without ignored ones.
pub(crate) fn snapshot(root: &Path) -> anyhow::Result<String> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let index = folder.path().join("index");
    let top = PathBuf::from(git(root, &["rev-parse", "--show-toplevel"])?);
    let with_index = |args: &[&str]| git_with(&top, args, &[("GIT_INDEX_FILE", index.as_os_str())]);
    with_index(&["read-tree", "HEAD"])?;
    with_index(&["add", "--all"])?;
    let tree = with_index(&["write-tree"])?;
    let message = "The working tree as it was measured";
    let name = [
        "-c",
        "user.name=exuvia",
        "-c",
        "user.email=exuvia@localhost",
    ];
    git(
        &top,
        &[
            &name[..],
            &["commit-tree", &tree, "-p", "HEAD", "-m", message],
        ]
        .concat(),
    )
}

pub(crate) fn git(folder: &Path, args: &[&str]) -> anyhow::Result<String> {
    git_with(folder, args, &[])
}

fn git_with(
    folder: &Path,
    args: &[&str],
    environment: &[(&str, &std::ffi::OsStr)],
) -> anyhow::Result<String> {
    let mut git = Command::new("git");
    git.args(args)
        .current_dir(folder)
        .envs(environment.iter().copied());
    let output = git.output().context("cannot start git")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("git {}: {}", args.join(" "), words.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        git(at, &["init", "-q"]).expect("git");
        std::fs::write(at.join("kept"), "1").expect("written");
        std::fs::write(at.join(".gitignore"), "out\n").expect("written");
        let commit = [
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@y",
            "commit",
            "-qm",
            "first",
        ];
        git(at, &["add", "-A"])
            .and_then(|_| git(at, &commit))
            .expect("committed");
        folder
    }

    #[test]
    fn worktrees_are_gone_when_they_are_dropped_and_left_overs_are_removed() {
        let repository = repository();
        let out = repository.path().join("out");
        let trees = Worktrees::new(repository.path(), &out).expect("made");
        let tree = trees.add("base", "HEAD").expect("checked out");
        assert!(tree.join("kept").is_file());
        drop(trees);
        assert!(!tree.exists());
        assert_eq!(
            git(repository.path(), &["worktree", "list"])
                .expect("git")
                .lines()
                .count(),
            1
        );

        std::fs::create_dir_all(out.join("head/half")).expect("left over");
        let trees = Worktrees::new(repository.path(), &out).expect("made");
        trees
            .add("head", "HEAD")
            .expect("in place of what was left over");
    }

    #[test]
    fn a_dependency_beside_the_repository_is_found_from_a_worktree() {
        let around = tempfile::tempdir().expect("a folder");
        let (mine, other) = (around.path().join("mine"), around.path().join("other"));
        for folder in [&mine, &other] {
            std::fs::create_dir(folder).expect("made");
        }
        std::fs::write(other.join("here"), "").expect("written");
        let manifest = "[dependencies]\nin = { path = \"in\" }\n[dev-dependencies]\nother = { path = \"../other/x\" }\n";
        std::fs::write(mine.join("Cargo.toml"), manifest).expect("written");
        git(&mine, &["init", "-q"]).expect("git");
        git(&mine, &["add", "."]).expect("git");
        let name = ["-c", "user.name=n", "-c", "user.email=e"];
        git(&mine, &[&name[..], &["commit", "-qm", "one"]].concat()).expect("git");
        let trees = Worktrees::new(&mine, &mine.join("target/trees")).expect("made");
        let tree = trees.add("base", "HEAD").expect("checked out");
        for _again in 0..2 {
            trees.link_neighbours("base", &mine).expect("linked");
        }
        assert!(tree.join("../other/here").is_file());
        assert!(!tree.join("in").exists());
    }

    #[test]
    fn a_snapshot_holds_changes_and_new_files_and_touches_nothing() {
        let repository = repository();
        let at = repository.path();
        std::fs::write(at.join("kept"), "2").expect("written");
        std::fs::write(at.join("new"), "3").expect("written");
        let before = git(at, &["status", "--porcelain"]).expect("git");
        let commit = snapshot(at).expect("made");
        assert_eq!(
            git(at, &["show", &format!("{commit}:kept")]).expect("git"),
            "2"
        );
        assert_eq!(
            git(at, &["show", &format!("{commit}:new")]).expect("git"),
            "3"
        );
        assert_eq!(git(at, &["status", "--porcelain"]).expect("git"), before);
    }
}
