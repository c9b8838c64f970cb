//! `init`: the four files a crate needs to be measured.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::args::InitArgs;
use super::place::{Place, manifest_of};
use super::{Status, UsageError};

const BENCH: &str = r#"//! What is measured: `cargo bench`, or `cargo exuvia run --quick`.
use exuvia_harness::{Alloc, Workload};

#[global_allocator]
static ALLOC: Alloc = Alloc::system();

fn sum(w: &mut Workload) {
    w.ask("Is a sorted copy any faster to sum?");
    w.param("n", [100, 10_000]).seed(7).ops(|p| p["n"]);
    w.expect(|p| p["n"] * (p["n"] - 1) / 2);
    w.variant("shuffled", |p, rng| { let mut v: Vec<u64> = (0..p["n"]).collect(); rng.shuffle(&mut v); v }, |v| v.iter().sum());
    w.variant("sorted", |p, _| (0..p["n"]).collect::<Vec<u64>>(), |v| v.iter().sum());
}

exuvia_harness::main!(sum);
"#;

const ALIAS: &str = "[alias]\nexuvia = \"bench --bench exuvia --\"\n";

const CONFIG: &str = "# Limits of the gate. Without any: 0.3 % of instructions, 0 bytes, blocks, objects and leaks.\n";

const WORKFLOW: &str = r"name: exuvia
on: [push, pull_request]
jobs:
  measure:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: sudo apt-get update && sudo apt-get install --yes valgrind
      - run: cargo exuvia run --quick
      - run: cargo exuvia gate --allow-no-base
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: exuvia
          path: target/exuvia/report.*
";

const MANIFEST: &str = r#"
[[bench]]
name = "exuvia"
harness = false

[profile.bench]
codegen-units = 1
debug = true
"#;

/// Writes what is not there yet; existing files are left alone and named.
pub(crate) fn init(place: &Place, args: &InitArgs) -> anyhow::Result<Status> {
    let folder = place.given(args.folder.as_deref().unwrap_or(Path::new(".")));
    if !folder.join("Cargo.toml").is_file() {
        return Err(UsageError::Other(format!(
            "{} holds no Cargo.toml; run `cargo init` first",
            folder.display()
        ))
        .into());
    }
    if !is_package(&folder)? {
        return Err(UsageError::Other(format!(
            "{} is a workspace without a package of its own: name the folder of the member to measure, \
             `exuvia init FOLDER`",
            folder.join("Cargo.toml").display()
        ))
        .into());
    }
    let files = [
        ("benches/exuvia.rs", BENCH),
        (".cargo/config.toml", ALIAS),
        ("exuvia.toml", CONFIG),
        (".github/workflows/exuvia.yml", WORKFLOW),
    ];
    for (name, text) in files {
        let written = write_new(&folder.join(name), text)?;
        println!("{} {name}", if written { "wrote" } else { "kept " });
    }
    let source = source(&folder);
    println!(
        "\nadd to Cargo.toml:\n\n[dev-dependencies]\nexuvia-harness = {{ {source}, features = [\"full\"] }}\n{MANIFEST}"
    );
    if source.starts_with("path") {
        println!(
            "(a path is good on this machine; for others and CI give `git = \"URL\"` of a repository with the harness)\n"
        );
    }
    println!("then: cargo exuvia run --quick");
    Ok(Status::Pass)
}

/// Whether the manifest has a `[package]`, which a bench target needs.
fn is_package(folder: &Path) -> anyhow::Result<bool> {
    Ok(manifest_of(folder)?.contains_key("package"))
}

/// Where cargo finds the harness: in the checkout that this program was built from, else in a registry.
fn source(folder: &Path) -> String {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checkout = harness.join("Cargo.toml").is_file();
    let path = || relative(&folder.canonicalize().ok()?, &harness.canonicalize().ok()?);
    match checkout.then(path).flatten() {
        Some(path) => format!("path = \"{path}\""),
        None => "version = \"0.1\"".to_owned(),
    }
}

/// The way from one absolute folder to another.
fn relative(from: &Path, to: &Path) -> Option<String> {
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(shared).map(|_| "..");
    let down = to.components().skip(shared);
    let down = down.map(|part| part.as_os_str().to_str());
    let way: Option<Vec<&str>> = up.map(Some).chain(down).collect();
    way.map(|way| way.join("/"))
}

/// Whether the file was written: an existing one is not touched.
fn write_new(file: &Path, text: &str) -> anyhow::Result<bool> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    match std::fs::File::create_new(file) {
        Ok(mut created) => created
            .write_all(text.as_bytes())
            .map(|()| true)
            .with_context(|| format!("cannot write {}", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_without_a_package_is_refused_and_stays_untouched() {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = folder.path().join("Cargo.toml");
        std::fs::write(&manifest, "[workspace]\nmembers = [\"a\"]\n").expect("written");
        let place = Place::new("x", env!("CARGO_MANIFEST_DIR"));
        let args = InitArgs {
            folder: Some(folder.path().to_owned()),
        };
        let error = init(&place, &args).expect_err("no package");
        assert!(error.is::<UsageError>() && error.to_string().contains("name the folder"));
        assert!(!folder.path().join("benches").exists());
    }

    #[test]
    fn the_way_to_the_harness_is_relative() {
        let way = |from, to| relative(Path::new(from), Path::new(to));
        assert_eq!(
            way("/a/my", "/a/exuvia/harness").as_deref(),
            Some("../exuvia/harness")
        );
        assert_eq!(way("/a/b/c", "/a").as_deref(), Some("../.."));
    }
}
