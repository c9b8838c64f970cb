//! Our managed heap as a probe.

use std::collections::BTreeMap;

use exuvia_core::{FindingClass, GcAny, Heap};

use super::{AuditFinding, Counter, Probe};

/// Collections in a row at most, while finalizers keep making more garbage.
const COLLECTIONS: usize = 8;

/// The exact counters of one or several heaps, as if they were one.
#[derive(Clone)]
pub struct HeapProbe {
    heaps: Vec<Heap>,
}

impl HeapProbe {
    /// A probe of these heaps.
    #[must_use]
    pub fn new(heaps: Vec<Heap>) -> Self {
        Self { heaps }
    }

    fn sum(&self, count: impl Fn(&Heap) -> usize) -> u64 {
        self.heaps.iter().map(|heap| count(heap) as u64).sum()
    }
}

impl HeapProbe {
    /// Every declared root: no finding by itself, but one more in each iteration is a leak.
    fn pinned(&self) -> Vec<AuditFinding> {
        let roots = self.heaps.iter().flat_map(Heap::roots);
        let pinned = |(_, object): (String, GcAny)| AuditFinding {
            class: "native pin".to_owned(),
            type_name: object.type_name().to_owned(),
            address: object.address() as u64,
            // Without the handle that is looked through here.
            stored: object.ref_count() as u64 - 1,
            incoming: 0,
            declared: 1,
            surplus: 0,
        };
        roots.map(pinned).collect()
    }
}

impl Probe for HeapProbe {
    fn counters(&self) -> Vec<Counter> {
        let collections = |heap: &Heap| {
            heap.stats()
                .iter()
                .map(|stats| stats.collections as usize)
                .sum()
        };
        vec![
            Counter::new("live_objects", self.sum(Heap::live_objects), "objects"),
            Counter::new("live_bytes", self.sum(|heap| heap.memory().live_bytes), "B"),
            Counter::new(
                "peak_footprint_bytes",
                self.sum(|heap| heap.memory().peak_footprint_bytes),
                "B",
            ),
            Counter::new("collections", self.sum(collections), "collections"),
        ]
    }

    fn census(&self) -> Vec<(String, u64, u64)> {
        let mut types: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
        for count in self.heaps.iter().flat_map(Heap::census) {
            let sum = types.entry(count.name).or_default();
            *sum = (sum.0 + count.objects, sum.1 + count.bytes);
        }
        let mut rows: Vec<_> = types
            .into_iter()
            .map(|(name, (objects, bytes))| (name.to_owned(), objects, bytes))
            .collect();
        rows.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
        rows
    }

    fn quiesce(&self) {
        for heap in &self.heaps {
            let _ = (0..COLLECTIONS).find(|_| heap.collect_all() == 0);
        }
    }

    fn audit(&self) -> Vec<AuditFinding> {
        let findings = self.heaps.iter().flat_map(|heap| heap.audit().findings);
        let found = |finding: exuvia_core::Finding| AuditFinding {
            class: class_of(finding.class).to_owned(),
            type_name: finding.type_name.to_owned(),
            address: finding.address as u64,
            stored: finding.stored,
            incoming: finding.incoming,
            declared: finding.declared,
            surplus: finding.surplus,
        };
        findings.map(found).chain(self.pinned()).collect()
    }

    fn edges(&self) -> Vec<(String, String, u64)> {
        let mut edges: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
        for count in self.heaps.iter().flat_map(Heap::edge_census) {
            *edges.entry((count.holder, count.held)).or_default() += count.edges;
        }
        let row = |((holder, held), count): ((&str, &str), u64)| {
            (holder.to_owned(), held.to_owned(), count)
        };
        edges.into_iter().map(row).collect()
    }
}

fn class_of(class: FindingClass) -> &'static str {
    match class {
        FindingClass::CountLeak => "count leak",
        FindingClass::CountDeficit => "count underflow",
        FindingClass::UncollectedCycle => "uncollected cycle",
    }
}
