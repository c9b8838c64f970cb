//! Does the gate name the function that made a program slower? An evaluation, not a test: `scripts/gate-evaluation`.
//!
//! For each seed a program of twenty functions is generated, built and counted; then one function is made slower, in its
//! own loop or by calling another one more often, and the program is built and counted again. The gate has to be red,
//! and the first function that it names has to be that one. Needs cargo and valgrind.

mod program;
#[expect(dead_code, reason = "what drives the package of the other tests")]
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use fastrand::Rng;
use program::Program;
use serde_json::Value;
use support::{bench_targets, call, code, text};
use tempfile::TempDir;

const BENCH: &str = r#"use exuvia_harness::{Alloc, Workload};

#[global_allocator]
static ALLOC: Alloc = Alloc::system();

fn seeded(w: &mut Workload) {
    w.variant("all", |_, _| 7_u64, |x| my_crate::all(std::hint::black_box(*x)));
}
exuvia_harness::main!(seeded);
"#;

/// A package beside the one of the other tests: the same manifest, so that its dependencies are built already.
fn package() -> TempDir {
    let folder = support::folder();
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = harness.join("tests/outside");
    let manifest = std::fs::read_to_string(model.join("Cargo.toml")).expect("a manifest");
    let absolute = |relative: &str| {
        harness
            .join("tests/outside")
            .join(relative)
            .display()
            .to_string()
    };
    let (head, profiles) = manifest
        .split_once("# Workloads that go wrong")
        .expect("more targets");
    let profiles = &profiles[profiles.find("[profile.release]").expect("profiles")..];
    let manifest = format!("{head}{profiles}")
        .replace(
            "\"../../../core\"",
            &format!("{:?}", absolute("../../../core")),
        )
        .replace("\"../..\"", &format!("{:?}", absolute("../..")));
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("created");
        std::fs::write(file, text).expect("written");
    };
    write("Cargo.toml", &manifest);
    write(
        "Cargo.lock",
        &std::fs::read_to_string(model.join("Cargo.lock")).expect("a lock file"),
    );
    write("benches/exuvia.rs", BENCH);
    folder
}

/// Builds the program into the package and counts it into `out`.
fn count(package: &Path, program: &Program, out: &str) -> PathBuf {
    let library = package.join("src/lib.rs");
    std::fs::create_dir_all(package.join("src")).expect("created");
    std::fs::write(&library, program.source()).expect("written");
    let executable = bench_targets(package)
        .remove("exuvia")
        .expect("a bench target");
    let args = [
        "run",
        "--quick",
        "--instrument",
        "instructions",
        "--out",
        out,
    ];
    let ran = call(&executable, package, &args);
    assert_eq!(code(&ran), 0, "{}", text(&ran));
    executable
}

/// Change of the whole and the functions that the gate names, first the one that did most of it.
fn named(report: &Value) -> Option<(f64, Vec<String>)> {
    let is_total = |metric: &Value| metric == "instructions/ir";
    let rows = report["rows"].as_array()?;
    let change = rows.iter().find(|row| is_total(&row["metric"]))?["change"].as_f64()?;
    let causes = report["causes"].as_array()?;
    let cause = causes.iter().find(|cause| is_total(&cause["metric"]))?;
    let parts = cause["parts"].as_array()?.iter();
    let names = parts.filter_map(|part| Some(part["name"].as_str()?.to_owned()));
    Some((change, names.collect()))
}

#[test]
#[ignore = "builds two programs for each seed: scripts/gate-evaluation"]
fn the_culprit_is_named_first() {
    let number = |name: &str, default: u64| {
        let given = std::env::var(name).ok();
        given.map_or(default, |given| given.parse().expect("a number"))
    };
    let (seeds, from) = (
        number("EXUVIA_CULPRITS", 20),
        number("EXUVIA_CULPRITS_FROM", 1_000_000),
    );
    let package = package();
    let mut first = 0;
    for seed in from..from + seeds {
        let mut rng = Rng::with_seed(seed);
        let program = Program::new(&mut rng);
        let culprit = program.any_called(&mut rng);
        let share = 0.01 + 0.07 * rng.f64();
        let (slower, words) = program.slower(culprit, share, &mut rng);
        count(package.path(), &program, "base");
        let executable = count(package.path(), &slower, "head");
        let gate = [
            "gate",
            "head/run.json",
            "--baseline",
            "base/run.json",
            "--json",
        ];
        let gate = call(&executable, package.path(), &gate);
        assert_eq!(code(&gate), 1, "seed {seed}, {words}: {}", text(&gate));
        let report: Value = serde_json::from_slice(&gate.stdout).expect("JSON");
        let (change, names) = named(&report).unwrap_or_default();
        let right = names
            .first()
            .is_some_and(|name| *name == format!("my_crate::f{culprit}"));
        first += u64::from(right);
        println!(
            "culprit seed {seed}: f{culprit}, {words}: {:+.2} %, {} {}",
            change * 100.0,
            if right {
                "named first of"
            } else {
                "NOT FIRST IN"
            },
            names.join(", ")
        );
    }
    println!("culprits: {first} of {seeds} named first");
    assert!(first * 20 >= seeds * 19, "{first} of {seeds}");
}
