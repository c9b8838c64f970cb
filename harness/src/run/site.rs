//! Which file of the workspace an allocation site is in.
//!
//! dhat keeps the last three parts of a path, which for `my-crate/src/lib.rs` begin with the package's folder and for
//! `src/deep/file.rs` with something inside of it. Code hosts want the way from the top.

use std::path::{Path, PathBuf};

use exuvia_reports::record::LeakFinding;

/// What the folder of a worktree is called in the executables of a comparison.
pub(crate) const REMAPPED: &str = "exuvia-tree";

/// Packages are looked for so many folders below the top.
const DEPTH: usize = 3;

/// Gives the leak's site the way from `root` where only one file of the packages there can be meant.
pub(super) fn place(leak: &mut LeakFinding, root: &Path, packages: &[PathBuf]) {
    let Some(site) = &leak.site else { return };
    let Some(placed) = from_top(site, root, packages).filter(|placed| placed != site) else {
        return;
    };
    leak.reason = leak
        .reason
        .take()
        .map(|reason| reason.replace(site, &placed));
    leak.site = Some(placed);
}

/// The folders with a manifest at and below `root`.
pub(super) fn packages(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut level = vec![root.to_owned()];
    for _ in 0..=DEPTH {
        let mut below = Vec::new();
        for folder in level {
            below.extend(folders_in(&folder));
            if folder.join("Cargo.toml").is_file() {
                found.push(folder);
            }
        }
        level = below;
    }
    found
}

fn folders_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| {
        let name = entry.file_name();
        let is_shown = !name.to_string_lossy().starts_with('.') && name != "target";
        is_shown && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    folders.map(|entry| entry.path())
}

fn from_top(site: &str, root: &Path, packages: &[PathBuf]) -> Option<String> {
    let (file, line) = site.split_once(':')?;
    if let Some(file) = file
        .strip_prefix(REMAPPED)
        .and_then(|file| file.strip_prefix('/'))
    {
        return root.join(file).is_file().then(|| format!("{file}:{line}"));
    }
    let parts: Vec<&str> = file.split('/').collect();
    let in_package = |package: &PathBuf| {
        (0..parts.len()).find_map(|from| {
            let (folders, rest) = parts.split_at(from);
            let found = package.join(rest.iter().collect::<PathBuf>());
            let is_meant = package.ends_with(folders.iter().collect::<PathBuf>());
            (is_meant && found.is_file()).then_some(found)
        })
    };
    let mut found: Vec<PathBuf> = packages.iter().filter_map(in_package).collect();
    found.sort_unstable();
    found.dedup();
    match &found[..] {
        [file] => Some(format!(
            "{}:{line}",
            file.strip_prefix(root).ok()?.display()
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_the_one_file_that_it_can_mean() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        let write = |file: &str| {
            let file = root.join(file);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("created");
            std::fs::write(file, "").expect("written");
        };
        for file in [
            "Cargo.toml",
            "src/lib.rs",
            "crates/one/Cargo.toml",
            "crates/one/src/lib.rs",
            "crates/one/src/deep/only.rs",
            "crates/one/src/deep/both.rs",
            "crates/two/Cargo.toml",
            "crates/two/src/deep/both.rs",
        ] {
            write(file);
        }
        let packages = packages(root);
        assert_eq!(packages.len(), 3);
        let top = root.file_name().expect("a name").to_string_lossy();
        let placed = |site: &str| from_top(site, root, &packages);
        for (site, expected) in [
            ("one/src/lib.rs:3:5", Some("crates/one/src/lib.rs:3:5")),
            (
                "src/deep/only.rs:1:1",
                Some("crates/one/src/deep/only.rs:1:1"),
            ),
            ("src/deep/both.rs:1:1", None),
            ("elsewhere/src/main.rs:1:1", None),
            (&format!("{top}/src/lib.rs:9:1"), Some("src/lib.rs:9:1")),
            ("exuvia-tree/src/lib.rs:9:1", Some("src/lib.rs:9:1")),
        ] {
            assert_eq!(placed(site).as_deref(), expected, "{site}");
        }
    }
}
