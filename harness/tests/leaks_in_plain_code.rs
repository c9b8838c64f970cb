//! The leak detector on plain Rust code, counted by the global allocator.
//!
//! One test only: every block of the process is counted, so nothing may run beside it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use exuvia_harness::Alloc;
use exuvia_harness::leak::{LeakCheck, LeakReport, Verdict};

#[global_allocator]
static ALLOC: Alloc = Alloc::system();

fn check(body: impl FnMut()) -> LeakReport {
    LeakCheck::new()
        .budget(Duration::from_secs(20))
        .run_plain(body)
}

fn leak_rate(report: &LeakReport) -> f64 {
    match report.verdict() {
        Verdict::Leak { rate } => rate,
        _ => panic!("{report}"),
    }
}

#[test]
fn plain_code_is_judged_by_what_it_leaves_in_the_allocator() {
    // Allocates and frees: nothing is left.
    let report = check(|| drop(std::hint::black_box(vec![1_u8; 100])));
    report.assert_clean();

    // One forgotten box in ten iterations.
    let mut iterations = 0;
    let report = check(|| {
        iterations += 1;
        if iterations % 10 == 0 {
            std::mem::forget(std::hint::black_box(Box::new(iterations)));
        }
    });
    assert!((leak_rate(&report) - 0.1).abs() < 0.001, "{report}");
    assert_eq!(report.findings[0].type_name, "(objects)");
    #[cfg(feature = "dhat")]
    {
        let site = report.findings[0].site.as_deref().expect("a site");
        assert!(site.contains("leaks_in_plain_code.rs:"), "{site}");
        assert!(
            report.findings[0]
                .bytes_per_iteration
                .is_some_and(|bytes| (bytes - 0.4).abs() < 0.05),
            "{report}"
        );
    }

    // One vector that grows: no block more, but ever more bytes.
    let mut log = Vec::new();
    let report = check(|| log.push(7_u64));
    assert_eq!(report.findings[0].type_name, "(bytes)", "{report}");
    if cfg!(feature = "dhat") {
        let site = report.findings[0].site.as_deref().unwrap_or_default();
        assert!(site.contains("leaks_in_plain_code.rs:"), "{report}");
    } else {
        assert!(report.to_string().contains("feature `dhat`"), "{report}");
    }

    // Two places of one function that leak blocks of one size: two defects.
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let report = check(|| {
        left.push(Box::new(1_u64));
        right.push((0, Box::new(2_u64)));
    });
    if cfg!(feature = "dhat") {
        let prints: BTreeSet<_> = report.findings.iter().map(|f| &f.fingerprint).collect();
        assert_eq!(prints.len(), 2, "{report}");
    }

    // A bounded ring and a bounded cache.
    let mut ring = VecDeque::new();
    let report = check(|| {
        ring.push_back(Box::new(1_u8));
        if ring.len() > 3_000 {
            ring.pop_front();
        }
    });
    report.assert_clean();
    assert!(
        matches!(report.verdict(), Verdict::Clean { .. }),
        "{report}"
    );
    let mut rng = exuvia_harness::Rng::with_seed(1);
    let mut cache = HashMap::new();
    let report = check(|| {
        _ = cache
            .entry(rng.u32(0..800))
            .or_insert_with(|| Box::new(0_u8))
    });
    report.assert_clean();
}
