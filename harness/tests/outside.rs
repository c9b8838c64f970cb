//! The harness as its users see it: a package outside of the workspace, built by cargo, driven by its command line.
//!
//! `outside/benches/exuvia.rs` is the example of the documentation; `outside/benches/broken.rs` holds workloads that go
//! wrong, one way each. What happens when a run is killed is in `killed`, what may be published in `publishable`. Needs cargo, and valgrind for the counted parts (as everything here that counts instructions).

mod killed;
mod publishable;
mod support;

use std::process::Command;

use exuvia_reports::record::{LeakVerdict, Measurement, Record, Status};
use support::{call, code, executable, folder, run, text};

fn rows<'a>(record: &'a Record, variant: &'a str, instrument: &'a str) -> Vec<&'a Measurement> {
    let mine = |row: &&Measurement| row.variant == variant && row.instrument == instrument;
    let rows: Vec<_> = record.measurements.iter().filter(mine).collect();
    assert!(!rows.is_empty(), "{variant} has rows of {instrument}");
    rows
}

#[test]
fn the_documented_example_is_measured_reported_and_judged() {
    let (example, folder) = (executable("exuvia"), folder());
    let (output, record) = run(example, &folder, "base", &[]);
    assert_eq!(code(&output), 0, "{}", text(&output));
    for instrument in ["time", "instructions", "heap", "leaks"] {
        for variant in ["hash", "intern", "open_close"] {
            let measured = rows(&record, variant, instrument)
                .iter()
                .all(|row| row.status == Status::Measured);
            assert!(measured, "{variant} {instrument}");
        }
    }
    let hits = record
        .measurements
        .iter()
        .find(|row| row.metric == "heap/cache_hits")
        .and_then(|row| row.value);
    assert_eq!(hits, Some(1.0));

    let (_, again) = run(example, &folder, "head", &[]);
    for (before, after) in record
        .measurements
        .iter()
        .zip(&again.measurements)
        .filter(|(row, _)| row.exact)
    {
        assert_eq!(before, after, "an exact count repeats to the digit");
    }
    let gate = call(
        example,
        folder.path(),
        &["gate", "head/run.json", "--baseline", "base/run.json"],
    );
    assert_eq!(code(&gate), 0, "{}", text(&gate));
    let report = call(example, folder.path(), &["report", "head/run.json"]);
    assert_eq!(code(&report), 0, "{}", text(&report));
    assert!(folder.path().join("head/report.json").is_file());
}

#[test]
fn a_count_that_rose_fails_the_gate_and_is_named() {
    let (example, folder) = (executable("exuvia"), folder());
    let (_, mut base) = run(
        example,
        &folder,
        "head",
        &["open_close", "--instrument", "heap"],
    );
    for row in base
        .measurements
        .iter_mut()
        .filter(|row| row.metric == "heap/total_blocks.system")
    {
        row.value = row.value.map(|blocks| blocks - 1.0);
    }
    base.save(&folder.path().join("base.json")).expect("saved");
    let gate = call(
        example,
        folder.path(),
        &["gate", "head/run.json", "--baseline", "base.json"],
    );
    assert_eq!(code(&gate), 1, "{}", text(&gate));
    assert!(text(&gate).contains("my_crate/session"), "{}", text(&gate));
}

#[test]
fn a_wrong_checksum_fails_the_row_under_every_instrument() {
    let (broken, folder) = (executable("broken"), folder());
    let (output, record) = run(broken, &folder, "out", &["sums"]);
    assert_eq!(code(&output), 3, "{}", text(&output));
    for variant in ["wrong", "emptied"] {
        for instrument in ["time", "instructions", "heap", "leaks"] {
            for row in rows(&record, variant, instrument) {
                assert_eq!(row.status, Status::Failed, "{variant} {}", row.metric);
                assert!(
                    row.reason
                        .as_ref()
                        .is_some_and(|reason| reason.contains("wrong checksum")),
                    "{row:?}"
                );
            }
        }
    }
    assert!(
        rows(&record, "right", "instructions")
            .iter()
            .all(|row| row.status == Status::Measured)
    );
    assert!(
        rows(&record, "wrong_later", "time")
            .iter()
            .all(|row| row.status == Status::Failed)
    );
}

#[test]
fn a_crash_is_a_failed_row_and_the_others_are_still_measured() {
    let (broken, folder) = (executable("broken"), folder());
    let (output, record) = run(broken, &folder, "out", &["ends"]);
    assert_eq!(code(&output), 3);
    let reason = |variant, instrument| {
        rows(&record, variant, instrument)[0]
            .reason
            .clone()
            .unwrap_or_default()
    };
    assert!(
        reason("abort", "heap").contains("signal 6"),
        "{}",
        reason("abort", "heap")
    );
    assert!(
        reason("abort", "instructions").contains("signal '6'"),
        "{}",
        reason("abort", "instructions")
    );
    assert!(
        reason("panic", "leaks").contains("this workload panics"),
        "{}",
        reason("panic", "leaks")
    );
    assert!(
        rows(&record, "fine", "instructions")
            .iter()
            .all(|row| row.status == Status::Measured)
    );
}

#[test]
fn a_process_that_hangs_is_stopped_and_said_to_have_hung() {
    let (broken, folder) = (executable("broken"), folder());
    let (output, record) = run(broken, &folder, "out", &["hangs", "--timeout", "1"]);
    assert_eq!(code(&output), 3);
    for instrument in ["time", "instructions", "heap", "leaks"] {
        let reason = rows(&record, "forever", instrument)[0]
            .reason
            .clone()
            .unwrap_or_default();
        assert!(reason.contains("time limit"), "{instrument}: {reason}");
    }
}

#[test]
fn a_leak_is_found_and_clean_code_is_not_accused() {
    let (broken, folder) = (executable("broken"), folder());
    let leaks = call(
        broken,
        folder.path(),
        &["leaks", "broken/leaks", "--quick", "--json", "--out", "."],
    );
    assert_eq!(code(&leaks), 1, "{}", text(&leaks));
    let found: serde_json::Value =
        serde_json::from_slice(&leaks.stdout).expect("JSON alone on standard output");
    let verdict = |variant| {
        let all = found.as_array().expect("a list");
        all.iter()
            .find(|leak| leak["variant"] == variant)
            .map(|leak| leak["verdict"].clone())
            .expect("a verdict")
    };
    assert_eq!(
        (verdict("clean"), verdict("grows")),
        ("clean".into(), "leak".into())
    );
    let record = Record::load(&folder.path().join("run.json")).expect("a record");
    assert!(
        record
            .leaks
            .iter()
            .any(|leak| leak.verdict == LeakVerdict::Leak)
    );
}

#[test]
fn a_leak_becomes_an_alert_at_its_line_and_a_failed_test() {
    let (broken, folder) = (executable("broken"), folder());
    let run = |out: &str| {
        let formats = ["--format", "sarif", "--format", "junit"];
        let args = ["leaks", "broken/leaks", "--quick", "--out", out];
        let leaks = call(broken, folder.path(), &[&args[..], &formats].concat());
        assert_eq!(code(&leaks), 1, "{}", text(&leaks));
        let read = |name: &str| std::fs::read_to_string(folder.path().join(out).join(name));
        let sarif = read("report.sarif").expect("a SARIF file");
        let sarif = serde_json::from_str(&sarif).expect("JSON");
        (sarif, read("report.junit.xml").expect("a JUnit file"))
    };
    let (sarif, junit) = run("first");
    let fingerprint = one_alert(&sarif);
    assert_eq!(
        one_alert(&run("second").0),
        fingerprint,
        "one alert across runs"
    );
    let tests = outcomes(&junit);
    let of = |variant: &str| tests.iter().find(|(name, _)| name.contains(variant));
    assert_eq!(of("grows").map(|test| test.1), Some("failure"), "{junit}");
    assert_eq!(of("clean").map(|test| test.1), Some("passed"), "{junit}");
}

/// Checks what SARIF 2.1.0 and code scanning require of a file with the leak of `broken/leaks`; its fingerprint.
fn one_alert(sarif: &serde_json::Value) -> String {
    let at = |path: &str| {
        let found = sarif.pointer(path);
        found.unwrap_or_else(|| panic!("{path} in {sarif:#}"))
    };
    assert_eq!(at("/version"), "2.1.0");
    assert_eq!(at("/runs/0/tool/driver/name"), "exuvia");
    let results = at("/runs/0/results").as_array().expect("a list");
    assert_eq!(results.len(), 1, "{sarif:#}");
    let rules = at("/runs/0/tool/driver/rules").as_array().expect("a list");
    let rule = at("/runs/0/results/0/ruleId");
    assert!(rules.iter().any(|known| known["id"] == *rule), "{rule}");
    let message = at("/runs/0/results/0/message/text").as_str();
    assert!(
        message.is_some_and(|text| text.contains("grows")),
        "{sarif:#}"
    );
    assert_eq!(at("/runs/0/results/0/level"), "error");
    let place = "/runs/0/results/0/locations/0/physicalLocation";
    let file = at(&format!("{place}/artifactLocation/uri")).as_str();
    assert!(
        file.is_some_and(|file| file.ends_with("benches/broken.rs") && !file.starts_with('/')),
        "{sarif:#}"
    );
    let source = include_str!("outside/benches/broken.rs");
    let leaking = source.lines().position(|line| line.contains("kept.push("));
    assert_eq!(
        at(&format!("{place}/region/startLine")).as_u64(),
        leaking.map(|line| line as u64 + 1)
    );
    let prints = at("/runs/0/results/0/partialFingerprints").as_object();
    let print = prints.and_then(|prints| prints.values().next()?.as_str());
    print.expect("a fingerprint").to_owned()
}

/// Name and outcome of each test of a JUnit file that is well-formed XML.
fn outcomes(junit: &str) -> Vec<(String, &'static str)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(junit);
    let (mut tests, mut open) = (Vec::new(), Vec::new());
    loop {
        let event = reader.read_event().expect("well-formed");
        let (element, ends) = match &event {
            Event::Start(element) => (element, false),
            Event::Empty(element) => (element, true),
            Event::End(_) => {
                open.pop().expect("an open element");
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
        let attributes: Vec<(String, String)> = element
            .attributes()
            .map(|attribute| attribute.expect("well-formed"))
            .map(|attribute| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                (text(attribute.key.as_ref()), text(&attribute.value))
            })
            .collect();
        match name.as_str() {
            "testcase" => {
                let test = attributes.iter().find(|(key, _)| key == "name");
                tests.push((test.expect("a name").1.clone(), "passed"));
            }
            "failure" | "error" => tests.last_mut().expect("inside a test").1 = "failure",
            "skipped" => tests.last_mut().expect("inside a test").1 = "skipped",
            _ => {}
        }
        if !ends {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} never end");
    tests
}

#[test]
fn resident_memory_is_watched_and_what_a_workload_prints_disturbs_nothing() {
    let (broken, folder) = (executable("broken"), folder());
    let (output, record) = run(broken, &folder, "out", &["chatter"]);
    assert_eq!(code(&output), 0, "{}", text(&output));
    let bytes = |metric: &str| {
        rows(&record, "prints", "rss")
            .iter()
            .find(|row| row.metric == metric)
            .and_then(|row| row.value)
    };
    assert!(bytes("rss/peak_bytes") >= bytes("rss/before_bytes"));
    assert!(bytes("rss/before_bytes") > Some((1 << 20) as f64));
}

#[test]
fn a_filter_that_matches_nothing_is_a_usage_error() {
    for args in [
        &["run", "nothing_of_this_name"][..],
        &["list", "nothing_of_this_name"],
        &["nothing_of_this_name", "--bench"],
    ] {
        let output = call(executable("exuvia"), folder().path(), args);
        assert_eq!(code(&output), 2, "{}", text(&output));
        assert!(
            text(&output).contains("no case matches"),
            "{}",
            text(&output)
        );
    }
}

#[test]
fn an_empty_baseline_or_a_renamed_workload_does_not_pass() {
    let (example, folder) = (executable("exuvia"), folder());
    let heap = ["open_close", "--instrument", "heap"];
    let (_, record) = run(example, &folder, "out", &heap);
    let judge = |base: &Record| {
        base.save(&folder.path().join("base.json")).expect("saved");
        call(
            example,
            folder.path(),
            &["gate", "out/run.json", "--baseline", "base.json"],
        )
    };
    let empty = Record {
        depth: record.depth,
        environment: record.environment.clone(),
        ..Record::default()
    };
    assert_eq!(code(&judge(&empty)), 3);

    let mut renamed = record.clone();
    let old = "my_crate/old_name".to_owned();
    renamed.selection = None;
    renamed.workloads.clear();
    for row in &mut renamed.measurements {
        row.workload.clone_from(&old);
    }
    for case in &mut renamed.planned {
        case.workload.clone_from(&old);
    }
    let gate = judge(&renamed);
    assert_eq!(code(&gate), 3, "{}", text(&gate));

    std::fs::write(folder.path().join("base.json"), "").expect("written");
    let gate = call(
        example,
        folder.path(),
        &["gate", "out/run.json", "--baseline", "base.json"],
    );
    assert_eq!(code(&gate), 2, "{}", text(&gate));
}

#[test]
fn a_stale_summary_is_not_read() {
    let (example, folder) = (executable("exuvia"), folder());
    let stale = folder.path().join("out/callgrind/group0/iai/old");
    std::fs::create_dir_all(&stale).expect("created");
    let ir = serde_json::json!({"metrics": {"Left": {"Int": 42}}});
    let summary = serde_json::json!({
        "id": "c0", "profiles": [{"out_paths": [], "summaries": {"total": {"summary": {"Callgrind": {"Ir": ir}}}}}]
    });
    std::fs::write(stale.join("summary.json"), summary.to_string()).expect("written");
    let (_, record) = run(
        example,
        &folder,
        "out",
        &["open_close", "--instrument", "instructions"],
    );
    let ir = rows(&record, "open_close", "instructions")[0].value;
    assert!(ir.is_some() && ir != Some(42.0), "{ir:?}");
}

#[test]
fn without_valgrind_the_rows_are_missing_with_the_command_that_installs_it() {
    let folder = folder();
    let mut command = Command::new(executable("exuvia"));
    command
        .args(["run", "--quick", "--out", ".", "open_close"])
        .current_dir(folder.path());
    command
        .env("EXUVIA_CALLER_DIR", folder.path())
        .env("PATH", folder.path());
    let output = command.output().expect("starts");
    assert_eq!(code(&output), 0, "{}", text(&output));
    let record = Record::load(&folder.path().join("run.json")).expect("a record");
    for row in rows(&record, "open_close", "instructions") {
        assert_eq!(row.status, Status::Missing);
        assert!(
            row.reason
                .as_ref()
                .is_some_and(|reason| reason.contains("install")),
            "{row:?}"
        );
    }
    let gate = call(
        executable("exuvia"),
        folder.path(),
        &["gate", "run.json", "--baseline", "run.json"],
    );
    assert_eq!(code(&gate), 3, "{}", text(&gate));
    let allowed = [
        "gate",
        "run.json",
        "--baseline",
        "run.json",
        "--allow-missing",
        "instructions",
    ];
    let gate = call(executable("exuvia"), folder.path(), &allowed);
    assert_eq!(code(&gate), 0, "{}", text(&gate));
}

#[test]
fn test_runners_see_each_case_as_a_test() {
    let example = executable("exuvia");
    let list = call(example, folder().path(), &["--list", "--format", "terse"]);
    let lines: Vec<_> = text(&list).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines.iter().all(|line| line.ends_with(": test")),
        "{lines:?}"
    );
    let one = call(
        example,
        folder().path(),
        &["my_crate/session[open_close]", "--exact", "--nocapture"],
    );
    assert_eq!(code(&one), 0, "{}", text(&one));
    let sums = call(
        executable("broken"),
        folder().path(),
        &["broken/sums[wrong]{n=1000}", "--exact"],
    );
    assert_eq!(code(&sums), 1, "{}", text(&sums));
}
