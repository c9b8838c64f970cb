//! Checks of pretended heaps.

use std::collections::BTreeMap;

use super::*;
use crate::leak::{LeakClass, Series, Undecided, Verdict};
use crate::probe::{AuditFinding, Counter, Sketch, Tally};
use std::cell::{Cell, RefCell};

/// A pretend heap: counts by type, and an audit.
#[derive(Default)]
struct Pretend {
    types: RefCell<BTreeMap<String, u64>>,
    forgotten: Cell<u64>,
    /// Freed at the next collection.
    pending: Cell<u64>,
}

impl Pretend {
    fn add(&self, name: &str, count: u64) {
        *self.types.borrow_mut().entry(name.to_owned()).or_default() += count;
    }
}

impl Probe for Pretend {
    fn counters(&self) -> Vec<Counter> {
        let objects = self.types.borrow().values().sum::<u64>() + self.pending.get();
        vec![
            Counter::new("live_objects", objects, "objects"),
            Counter::new("live_bytes", objects * 32, "B"),
            Counter::new("allocated_objects", 1_000 * objects, "objects"),
        ]
    }
    fn census(&self) -> Vec<(String, u64, u64)> {
        let types = self.types.borrow();
        types
            .iter()
            .map(|(name, &count)| (name.clone(), count, count * 32))
            .collect()
    }
    fn quiesce(&self) {
        self.pending.set(0);
    }
    fn audit(&self) -> Vec<AuditFinding> {
        let surplus = self.forgotten.get();
        let found = AuditFinding {
            class: "count leak".to_owned(),
            type_name: "Counted".to_owned(),
            address: 8,
            stored: surplus + 1,
            incoming: 1,
            declared: 0,
            surplus: surplus.cast_signed(),
        };
        if surplus == 0 {
            Vec::new()
        } else {
            vec![found]
        }
    }
    fn edges(&self) -> Vec<(String, String, u64)> {
        let nodes = self.types.borrow().get("Node").copied().unwrap_or(0);
        let edge = |holder: &str, count| (holder.to_owned(), "Node".to_owned(), count);
        // Most nodes are held by the archive, but the new ones by the registry.
        vec![edge("Archive", 1_000_000), edge("Registry", nodes)]
    }
}

#[test]
fn garbage_that_a_collection_frees_is_clean() {
    let heap = Pretend::default();
    let report = LeakCheck::new().run_probed(&heap, || heap.pending.set(heap.pending.get() + 3));
    report.assert_clean();
    assert_eq!(
        report.verdict(),
        Verdict::Clean {
            bound: 3.0 / 16_384.0
        }
    );
}

#[test]
fn a_growing_type_is_reported_with_rate_bytes_and_holder() {
    let heap = Pretend::default();
    let report = LeakCheck::new().run_probed(&heap, || heap.add("Node", 2));
    let [finding] = &report.findings[..] else {
        panic!("{report}")
    };
    assert_eq!(
        (finding.class, finding.type_name.as_str()),
        (LeakClass::ReachableGrowth, "Node")
    );
    assert!(
        (finding.rate - 2.0).abs() < 1e-9 && finding.bytes_per_iteration == Some(64.0),
        "{finding}"
    );
    let text = std::panic::catch_unwind(|| report.assert_clean()).expect_err("a leak fails");
    let text = text.downcast_ref::<String>().expect("a message");
    assert!(
        text.contains("reachable growth: 2.0000 Node per iteration (64.0 B), held by Registry"),
        "{text}"
    );
    assert!(text.lines().count() <= 4, "short: {text}");
}

#[test]
fn a_lost_decrement_on_one_object_is_a_count_leak_although_no_object_is_added() {
    let heap = Pretend::default();
    let report =
        LeakCheck::new().run_probed(&heap, || heap.forgotten.set(heap.forgotten.get() + 1));
    let [finding] = &report.findings[..] else {
        panic!("{report}")
    };
    assert_eq!(
        (finding.class, finding.type_name.as_str()),
        (LeakClass::CountLeak, "Counted")
    );
    assert!(matches!(report.verdict(), Verdict::Leak { .. }));
}

#[test]
fn a_handle_that_native_code_keeps_throughout_is_no_leak() {
    let heap = Pretend::default();
    heap.forgotten.set(3);
    LeakCheck::new().run_probed(&heap, || {}).assert_clean();
}

/// A pretend heap that says what its counts add up to, and how often it was counted.
struct Summed<'a> {
    heap: &'a Pretend,
    tallies: Cell<u32>,
}

impl Probe for Summed<'_> {
    fn counters(&self) -> Vec<Counter> {
        self.heap.counters()
    }
    fn pulse(&self) -> Vec<u64> {
        vec![self.heap.types.borrow().values().sum()]
    }
    fn sketch(&self) -> Option<Sketch> {
        Some(Sketch {
            census: self.heap.census(),
            accounts: vec![self.heap.forgotten.get()],
        })
    }
    fn tally(&self) -> Tally {
        self.tallies.set(self.tallies.get() + 1);
        Tally {
            census: self.heap.census(),
            audit: self
                .heap
                .audit()
                .iter()
                .map(AuditFinding::counted)
                .collect(),
            ..Default::default()
        }
    }
}

#[test]
fn what_stands_still_is_counted_once() {
    let heap = Pretend::default();
    let summed = |tallies| Summed {
        heap: &heap,
        tallies: Cell::new(tallies),
    };
    let still = summed(0);
    LeakCheck::new().run_probed(&still, || {}).assert_clean();
    assert_eq!(still.tallies.get(), 1);
    let growing = summed(0);
    let report = LeakCheck::new().run_probed(&growing, || heap.add("Node", 1));
    assert!(matches!(report.verdict(), Verdict::Leak { .. }));
    assert_eq!(growing.tallies.get(), 7, "after the warm-up and six blocks");
    let counts = summed(0);
    let report = LeakCheck::new().run_probed(&counts, || {
        heap.forgotten.set(heap.forgotten.get() + 1);
    });
    assert_eq!(report.findings[0].class, LeakClass::CountLeak);
}

#[test]
fn a_large_heap_that_stands_still_is_not_counted_and_one_that_moves_is() {
    let heap = Pretend::default();
    heap.add("Row", 100_000_000);
    let summed = Summed {
        heap: &heap,
        tallies: Cell::new(0),
    };
    let report = LeakCheck::new().run_probed(&summed, || {});
    report.assert_clean();
    assert_eq!(summed.tallies.get(), 0);
    let series = report.series.iter().map(|s| s.series.clone());
    let expected = [
        Series::Objects,
        Series::Bytes,
        Series::Type("Row".to_owned()),
    ];
    assert_eq!(series.collect::<Vec<_>>(), expected);
    // Seen at once, in the pulse; and late, in the sketch alone.
    let found = |report: &LeakReport| (report.findings[0].class, report.findings[0].rate);
    let report = LeakCheck::new().run_probed(&summed, || heap.add("Node", 1));
    assert_eq!(found(&report), (LeakClass::ReachableGrowth, 1.0));
    let report = LeakCheck::new().run_probed(&summed, || {
        heap.forgotten.set(heap.forgotten.get() + 2);
    });
    assert_eq!(found(&report), (LeakClass::CountLeak, 2.0));
    assert!(summed.tallies.get() > 7);
}

#[test]
fn growth_that_is_expected_does_not_count_in_the_totals_either() {
    let heap = Pretend::default();
    let check = LeakCheck::new().expect_growth("Log");
    check
        .run_probed(&heap, || heap.add("Log", 1))
        .assert_clean();
}

#[test]
fn slow_code_is_undecided_unless_fewer_iterations_are_allowed() {
    let heap = Pretend::default();
    let slow = || {
        std::thread::sleep(Duration::from_micros(100));
        heap.add("Node", 1);
    };
    let check = LeakCheck::new().budget(Duration::from_millis(200));
    let report = check.run_probed(&heap, slow);
    let Verdict::Undecided { rate, reason, .. } = report.verdict() else {
        panic!("{report}")
    };
    assert_eq!(reason, Undecided::PlanIncomplete);
    assert!((rate - 1.0).abs() < 0.01, "{rate}");
    assert!(
        report.elapsed < Duration::from_secs(2),
        "{:?}",
        report.elapsed
    );
    let check = check.at_least(64).budget(Duration::from_secs(5));
    let report = check.run_probed(&heap, slow);
    assert!(matches!(report.verdict(), Verdict::Leak { .. }), "{report}");
}

#[test]
fn an_underflow_fails_at_once_whatever_grows() {
    struct Underflow;
    impl Probe for Underflow {
        fn counters(&self) -> Vec<Counter> {
            vec![Counter::new("live_objects", 1, "objects")]
        }
        fn audit(&self) -> Vec<AuditFinding> {
            vec![AuditFinding {
                class: "count underflow".to_owned(),
                type_name: "Freed".to_owned(),
                address: 8,
                stored: 1,
                incoming: 2,
                declared: 0,
                surplus: -1,
            }]
        }
    }
    let report = LeakCheck::new().run_probed(&Underflow, || {});
    assert_eq!(report.findings[0].class, LeakClass::CountUnderflow);
    assert!(matches!(report.verdict(), Verdict::Leak { .. }));
}
