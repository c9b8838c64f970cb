//! Baselines: saved small, listed, accepted with what that changes.

use exuvia_reports::baseline::{BaselineError, Baselines};
use exuvia_reports::compare::{RowVerdict, compare};
use exuvia_reports::config::Config;
use exuvia_reports::fixture;
use exuvia_reports::gate::GateOptions;

#[test]
fn a_saved_baseline_judges_the_run_it_came_from_as_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let baselines = Baselines::new(folder.path().join("reports/baselines"));
    assert_eq!(baselines.list().unwrap(), []);
    let record = fixture::record();
    let saved = baselines.save("quick", &record).unwrap();
    assert_eq!(saved.gaps, Vec::<String>::new());
    let base = baselines.load("quick").unwrap();
    assert!(base.series.is_empty() && base.census.is_empty());
    let comparison = compare(
        Some(&base),
        &record,
        &Config::default(),
        &GateOptions::default(),
    );
    assert_eq!(comparison.exit_code(), 0);
    let list = baselines.list().unwrap();
    assert_eq!(
        (list.len(), list[0].name.as_str(), list[0].cases),
        (1, "quick", 8)
    );
    assert_eq!(
        list[0].instruments,
        ["heap", "instructions", "leaks", "rss", "time"]
    );
}

#[test]
fn the_order_of_a_run_does_not_change_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let baselines = Baselines::new(folder.path());
    let mut shuffled = fixture::record();
    shuffled.measurements.reverse();
    shuffled.planned.reverse();
    shuffled.leaks.reverse();
    shuffled.workloads.reverse();
    let one = baselines.save("one", &fixture::record()).unwrap().path;
    let two = baselines.save("two", &shuffled).unwrap().path;
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(two).unwrap());
    let text = std::fs::read_to_string(one).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.contains("\"metric\":"))
        .count();
    assert_eq!(
        rows,
        fixture::record().measurements.len(),
        "one measurement per line"
    );
}

#[test]
fn accepting_shows_what_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let baselines = Baselines::new(folder.path());
    baselines.save("quick", &fixture::record()).unwrap();
    let mut head = fixture::record();
    let row = head
        .measurements
        .iter_mut()
        .find(|m| m.metric == "heap/total_bytes.system")
        .unwrap();
    row.value = row.value.map(|v| v * 2.0);
    let accepted = baselines
        .accept("quick", &head, &Config::default())
        .unwrap();
    let worst = accepted.comparison.worst_row().unwrap();
    assert_eq!(
        (worst.verdict, worst.change),
        (RowVerdict::Regressed, Some(1.0))
    );
    let again = baselines
        .accept("quick", &head, &Config::default())
        .unwrap();
    assert_eq!(again.comparison.exit_code(), 0);
}

#[test]
fn a_baseline_with_gaps_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut record = fixture::record();
    record
        .measurements
        .retain(|m| m.instrument != "instructions");
    let saved = Baselines::new(folder.path())
        .save("quick", &record)
        .unwrap();
    assert_eq!(saved.gaps.len(), 8);
    assert!(
        saved.gaps[0].contains("instructions/ir: planned"),
        "{}",
        saved.gaps[0]
    );
}

#[test]
fn partial_runs_empty_runs_and_names_with_paths_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let baselines = Baselines::new(folder.path().join("baselines"));
    let mut partial = fixture::record();
    partial.selection = Some("lists".to_owned());
    let empty = fixture::Fixture::new().build();
    assert!(matches!(
        baselines.save("a", &partial),
        Err(BaselineError::Selection { .. })
    ));
    assert!(matches!(
        baselines.save("a", &empty),
        Err(BaselineError::Empty)
    ));
    for name in ["../a", "a/b", "", ".hidden", "a b", "é"] {
        let refused = baselines.save(name, &fixture::record());
        assert!(matches!(refused, Err(BaselineError::Name { .. })), "{name}");
    }
    assert!(
        baselines
            .accept("none", &fixture::record(), &Config::default())
            .is_err()
    );
    assert!(!folder.path().join("baselines").exists());
}
