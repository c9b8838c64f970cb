//! What holds for the gate whatever changes: no silence, no dependence on order, no false red.

use exuvia_reports::compare::{Comparison, RowVerdict, compare};
use exuvia_reports::config::Config;
use exuvia_reports::fixture;
use exuvia_reports::gate::GateOptions;
use exuvia_reports::record::{Measurement, Record, Status};
use proptest::prelude::*;

fn gate(head: &Record) -> Comparison {
    compare(
        Some(&fixture::record()),
        head,
        &Config::default(),
        &GateOptions::default(),
    )
}

/// Whether the built-in rules let this metric vote; written out again, on purpose.
fn votes(m: &Measurement) -> bool {
    m.exact
        && (m.instrument == "heap"
            || m.metric == "instructions/ir"
            || m.metric.starts_with("instructions/ir.")
            || m.metric == "leaks/audit_findings")
}

fn voting_indexes() -> Vec<usize> {
    let record = fixture::record();
    (0..record.measurements.len())
        .filter(|i| votes(&record.measurements[*i]))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_lost_the_gate_does_not_pass(
        lost in proptest::sample::subsequence(voting_indexes(), 1..40),
        tell in any::<bool>(),
    ) {
        let mut head = fixture::record();
        for index in lost.iter().rev() {
            if tell {
                let m = &mut head.measurements[*index];
                m.status = Status::Missing;
                m.value = None;
                m.exact = false;
                m.reason = Some("lost".to_owned());
            } else {
                head.measurements.remove(*index);
            }
        }
        let comparison = gate(&head);
        prop_assert_eq!(comparison.exit_code(), 3);
        let missing = comparison.rows.iter().filter(|r| r.votes && r.verdict == RowVerdict::Missing);
        prop_assert_eq!(missing.count(), lost.len());
    }

    #[test]
    fn the_order_of_the_records_decides_nothing(seed in any::<[u8; 16]>()) {
        let mut head = fixture::record();
        for (index, byte) in seed.iter().enumerate() {
            let m = &mut head.measurements[index * 7 % 80];
            m.value = m.value.map(|v| v + f64::from(*byte % 3));
            m.low = m.low.and(m.value);
            m.high = m.high.and(m.value);
        }
        let mut turned = head.clone();
        let len = turned.measurements.len();
        turned.measurements.rotate_left(usize::from(seed[0]) % len);
        turned.planned.reverse();
        turned.leaks.reverse();
        prop_assert_eq!(gate(&head), gate(&turned));
    }

    #[test]
    fn the_verdict_is_the_worst_of_the_voting_rows(changes in proptest::collection::vec((0_usize..88, -2_i8..3), 0..12)) {
        let mut head = fixture::record();
        for (index, change) in changes {
            let m = &mut head.measurements[index % 80];
            if !votes(m) || m.instrument == "leaks" {
                continue;
            }
            let base = fixture::record().measurements[index % 80].value.unwrap();
            let new = (base * (1.0 + f64::from(change) / 10.0)).round().max(0.0);
            m.value = Some(new);
        }
        let mut worse = false;
        for (m, b) in head.measurements.iter().zip(&fixture::record().measurements) {
            let (Some(h), Some(b)) = (m.value, b.value) else { continue };
            let limit = if m.instrument == "heap" { 0.0 } else { 0.003 * b };
            worse |= votes(m) && h - b > limit;
        }
        let comparison = gate(&head);
        prop_assert_eq!(comparison.exit_code(), u8::from(worse));
        prop_assert_eq!(comparison.worst.is_some(), worse);
        prop_assert_eq!(comparison.sentence().starts_with("Gate failed"), worse);
    }

    #[test]
    fn every_benchmark_is_counted_once(keep in proptest::sample::subsequence((0..88_usize).collect::<Vec<_>>(), 1..88)) {
        let mut head = fixture::record();
        let mut index = 0;
        head.measurements.retain(|_| { index += 1; keep.contains(&(index - 1)) });
        let counts = gate(&head).counts;
        let by = counts.by_benchmark;
        let sum = by.regressed + by.improved + by.unchanged + by.unclear + by.missing + by.new;
        prop_assert_eq!((sum, counts.benchmarks), (8, 8));
    }
}
