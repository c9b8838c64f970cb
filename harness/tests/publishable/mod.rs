//! Whatever is meant to be shown to others says nothing about who measured where: no absolute path, user or host.
//!
//! Tried on a run with one of everything: measured, wrong, crashed, leaking and timed-out cases, in every format.

use std::path::Path;
use std::process::Command;

use crate::support::{call, code, executable, folder, run, text};

/// What would give this machine away.
fn secrets(folder: &Path) -> Vec<String> {
    let variable = |name: &str| std::env::var(name).ok();
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut secrets = vec![
        folder.display().to_string(),
        package.display().to_string(),
        hostname.trim().to_owned(),
    ];
    secrets.extend(
        ["HOME", "CARGO_HOME", "CARGO_TARGET_DIR", "RUSTUP_HOME"]
            .map(|name| variable(name).unwrap_or_default()),
    );
    // a user who is called like one of the report's own words cannot be told from it
    let user = Command::new("id")
        .arg("-un")
        .output()
        .map(|output| text(&output));
    let user = user.unwrap_or_default().trim().to_owned();
    secrets.extend([user].into_iter().filter(|user| user != "root"));
    secrets.retain(|secret| secret.len() > 3);
    secrets
}

/// Beginnings of absolute paths; none of them is part of a relative one.
const ABSOLUTE: [&str; 7] = [
    "/home/", "/root/", "/tmp/", "/usr/", "/var/", "/Users/", "/builds/",
];

fn assert_tells_nothing(what: &str, shown: &str, secrets: &[String]) {
    let beginnings = ABSOLUTE.iter().map(|beginning| (*beginning).to_owned());
    for secret in secrets.iter().cloned().chain(beginnings) {
        let line = shown.lines().find(|line| line.contains(&secret));
        let at = line.and_then(|line| line.find(&secret).map(|at| (line, at)));
        let around = at.map(|(line, at)| {
            let from = line.floor_char_boundary(at.saturating_sub(80));
            let to = line.floor_char_boundary(line.len().min(at + 120));
            line[from..to].to_owned()
        });
        assert_eq!(around, None, "{what} shows `{secret}`");
    }
}

#[test]
fn no_output_names_a_path_a_user_or_this_machine() {
    let folder = folder();
    let secrets = secrets(folder.path());
    let formats = ["--format", "junit,sarif,bencher,github-benchmark"];
    for (target, filters) in [
        ("exuvia", &["lookup", "session"][..]),
        (
            "broken",
            &["sums", "ends", "hangs", "leaks", "--timeout", "1"],
        ),
    ] {
        let (ran, _) = run(executable(target), &folder, target, filters);
        let record = format!("{target}/run.json");
        let gate = ["gate", &record, "--baseline", &record];
        let gate = call(
            executable(target),
            folder.path(),
            &[&gate[..], &formats].concat(),
        );
        assert!([0, 1, 3].contains(&code(&gate)), "{}", text(&gate));
        // where the files are is said in the words of whoever called
        assert_tells_nothing("run", &text(&ran), &secrets);
        assert_tells_nothing("gate", &text(&gate), &secrets);
        let mut seen = Vec::new();
        for entry in std::fs::read_dir(folder.path().join(target)).expect("written") {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a name").display().to_string();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if let Some("json" | "html" | "md" | "xml" | "sarif") = extension {
                let shown = std::fs::read_to_string(&path).expect("text");
                assert_tells_nothing(&format!("{target}/{name}"), &shown, &secrets);
                seen.push(name);
            }
        }
        for wanted in [
            "run.json",
            "details.json",
            "report.html",
            "report.json",
            "report.md",
            "report.junit.xml",
            "report.sarif",
            "report.bencher.json",
            "report.benchmark.json",
        ] {
            assert!(seen.iter().any(|name| name == wanted), "{wanted}: {seen:?}");
        }
    }
}
