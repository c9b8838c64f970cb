//! A run that is killed: what it started ends with it, and what it wrote is whole.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use exuvia_reports::record::Record;

use crate::support::{call, code, executable, folder, run, text};

/// Starts a run of everything and returns once it has begun to write into `out`.
fn begun(example: &Path, folder: &Path) -> Child {
    let mut command = Command::new(example);
    command
        .args(["run", "--quick", "--out", "out"])
        .current_dir(folder)
        .env("EXUVIA_CALLER_DIR", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut running = command.spawn().expect("starts");
    let has_begun = (0..500).any(|_| {
        sleep(Duration::from_millis(10));
        folder.join("out/.unfinished").is_file()
    });
    if !has_begun {
        let _ = running.kill();
        let _ = running.wait();
        panic!("the run did not begin");
    }
    running
}

/// Processes that were told of `folder` in their arguments or environment (what a run in it has started), with the
/// processor time that each took, in ticks.
fn processes_of(folder: &Path) -> Vec<(String, u64)> {
    let folder = folder.display().to_string();
    let told = |process: &Path| {
        let read = |file: &str| std::fs::read(process.join(file)).unwrap_or_default();
        let words = [read("cmdline"), read("environ")].concat();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks = times.filter_map(|time| time.parse::<u64>().ok()).sum();
        words.contains(&folder).then_some((words, ticks))
    };
    let processes = std::fs::read_dir("/proc").expect("Linux");
    processes
        .filter_map(|entry| told(&entry.ok()?.path()))
        .collect()
}

/// Whether what a run in `folder` started does next to nothing for a second.
fn rests(folder: &Path) -> bool {
    let ticks = || {
        processes_of(folder)
            .iter()
            .map(|process| process.1)
            .sum::<u64>()
    };
    let before = ticks();
    sleep(Duration::from_secs(1));
    ticks().saturating_sub(before) < 20
}

#[test]
fn a_killed_run_takes_what_it_started_along() {
    let soon = |what: &dyn Fn() -> bool| {
        (0..1_000).any(|_| {
            sleep(Duration::from_millis(10));
            what()
        })
    };
    for instrument in ["instructions", "leaks"] {
        let folder = folder();
        let mut command = Command::new(executable("broken"));
        command
            .args(["run", "hangs", "--quick", "--out", "out"])
            .args(["--instrument", instrument])
            .current_dir(folder.path())
            .env("EXUVIA_CALLER_DIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut running = command.spawn().expect("starts");
        // the run itself, and with callgrind: counter, runner, valgrind
        let chain = if instrument == "instructions" { 4 } else { 2 };
        let all = soon(&|| processes_of(folder.path()).len() >= chain);
        // A parent that dies before the measured code asked to end with it is not noticed: until it hangs, it computes.
        let hangs = (0..60).any(|_| rests(folder.path()));
        let started = processes_of(folder.path());
        running.kill().expect("killed");
        running.wait().expect("gone");
        assert!(all && hangs, "{instrument}: {started:#?}");
        let gone = soon(&|| processes_of(folder.path()).is_empty());
        assert!(gone, "{:#?}", processes_of(folder.path()));
    }
}

#[test]
fn a_killed_run_leaves_nothing_half_written_and_the_next_one_says_so_and_goes_on() {
    let (example, folder) = (executable("exuvia"), folder());
    let heap = ["open_close", "--instrument", "heap"];
    let (_, before) = run(example, &folder, "out", &heap);

    let mut killed = begun(example, folder.path());
    let second = call(
        example,
        folder.path(),
        &["run", "--quick", "--out", "out", "open_close"],
    );
    killed.kill().expect("killed");
    killed.wait().expect("gone");
    assert_eq!(code(&second), 3, "two runs do not mix: {}", text(&second));
    assert!(
        text(&second).contains("another run is writing"),
        "{}",
        text(&second)
    );

    let left = Record::load(&folder.path().join("out/run.json")).expect("the earlier record");
    assert_eq!(left.measurements, before.measurements);
    for command in ["gate", "report"] {
        let output = call(example, folder.path(), &[command, "out/run.json"]);
        assert_eq!(code(&output), 3, "{command}: {}", text(&output));
        assert!(text(&output).contains("has not finished"), "{command}");
    }

    let (output, again) = run(example, &folder, "out", &heap);
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert!(
        text(&output).contains("ended before it had finished"),
        "{}",
        text(&output)
    );
    let rows = |record: &Record| record.measurements.len();
    assert_eq!(rows(&again), rows(&before));
    let gate = call(
        example,
        folder.path(),
        &["gate", "out/run.json", "--baseline", "out/run.json"],
    );
    assert_eq!(code(&gate), 0, "{}", text(&gate));
}
