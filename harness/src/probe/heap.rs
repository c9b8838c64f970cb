//! Our managed heap as a probe.

use std::cell::RefCell;
use std::collections::BTreeMap;

use exuvia_core::{FindingClass, Heap, HeapMark, HolderOrigin, Pin, Survey};

use super::{AuditCount, AuditFinding, Counter, Held, HeldFrom, Probe, Sketch, Tally};

/// Collections in a row at most, while finalizers keep making more garbage.
const COLLECTIONS: usize = 8;

/// The exact counters of one or several heaps, as if they were one.
#[derive(Clone)]
pub struct HeapProbe {
    heaps: Vec<Heap>,
    /// One for each heap, once there is a mark.
    marks: RefCell<Vec<HeapMark>>,
}

impl HeapProbe {
    /// A probe of these heaps.
    #[must_use]
    pub fn new(heaps: Vec<Heap>) -> Self {
        Self {
            heaps,
            marks: RefCell::default(),
        }
    }

    fn sum(&self, count: impl Fn(&Heap) -> usize) -> u64 {
        self.heaps.iter().map(|heap| count(heap) as u64).sum()
    }
}

impl HeapProbe {
    /// Every declared root and native handle: no finding by itself, but one more in each iteration is a leak.
    fn pinned(&self, pins: Vec<Pin>) -> Vec<AuditFinding> {
        let pinned = |type_name: &str, address: usize| AuditFinding {
            class: "native pin".to_owned(),
            type_name: type_name.to_owned(),
            address: address as u64,
            stored: 1,
            incoming: 0,
            declared: 1,
            surplus: 0,
        };
        let roots = self.heaps.iter().flat_map(Heap::roots);
        roots
            .map(|(_, object)| pinned(object.type_name(), object.address()))
            .chain(pins.iter().map(|pin| pinned(pin.type_name, pin.address)))
            .collect()
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

    fn pulse(&self) -> Vec<u64> {
        let memories = self.heaps.iter().map(Heap::memory);
        memories
            .flat_map(|memory| [memory.live_blocks, memory.live_bytes, memory.buffer_bytes])
            .map(|count| count as u64)
            .collect()
    }

    fn sketch(&self) -> Option<Sketch> {
        let mut sketches: Vec<_> = self.heaps.iter().map(Heap::sketch).collect();
        let accounts = sketches
            .iter()
            .flat_map(|s| [s.imbalance, s.pins])
            .collect();
        let census = sketches
            .iter_mut()
            .flat_map(|s| std::mem::take(&mut s.types));
        Some(Sketch {
            census: added_up(census),
            accounts,
        })
    }

    fn audit(&self) -> Vec<AuditFinding> {
        let (mut findings, mut pins) = (Vec::new(), Vec::new());
        for mut audit in self.heaps.iter().map(Heap::audit) {
            findings.append(&mut audit.findings);
            pins.append(&mut audit.pins);
        }
        let found = |finding: exuvia_core::Finding| AuditFinding {
            class: class_of(finding.class).to_owned(),
            type_name: finding.type_name.to_owned(),
            address: finding.address as u64,
            stored: finding.stored,
            incoming: finding.incoming,
            declared: finding.declared,
            surplus: finding.surplus,
        };
        findings
            .into_iter()
            .map(found)
            .chain(self.pinned(pins))
            .collect()
    }

    fn tally(&self) -> Tally {
        let mut sum = Sum::default();
        for heap in &self.heaps {
            sum.add(heap.survey());
        }
        sum.into_tally()
    }

    fn mark(&self) {
        *self.marks.borrow_mut() = self.heaps.iter().map(Heap::mark).collect();
    }

    fn holders(&self, chosen: &dyn Fn(&str, &str) -> bool) -> Vec<Held> {
        let marks = self.marks.borrow();
        let pairs = self.heaps.iter().zip(marks.iter());
        pairs
            .flat_map(|(heap, mark)| heap.holders_since(mark, chosen))
            .map(held)
            .collect()
    }

    fn grown_buffers(&self) -> Vec<(String, u64)> {
        let marks = self.marks.borrow();
        let pairs = self.heaps.iter().zip(marks.iter());
        let grown = pairs.flat_map(|(heap, mark)| heap.buffers_since(mark));
        let mut rows: Vec<_> = grown.map(|buffer| (buffer.path, buffer.gained)).collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        rows
    }

    fn pauses(&self) -> Vec<u64> {
        let collections = self.heaps.iter().flat_map(Heap::collections);
        collections
            .map(|collection| collection.duration_ns)
            .collect()
    }

    fn trace_sites(&self, on: bool) -> bool {
        let switch = |heap: &Heap| {
            let trace = heap.tracemalloc();
            if on {
                trace.start(1).is_ok()
            } else {
                trace.stop();
                false
            }
        };
        // Every heap, whatever the one before said.
        self.heaps
            .iter()
            .map(switch)
            .fold(false, |any, now| any | now)
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

/// Rows of several heaps, one for each name.
fn added_up(rows: impl Iterator<Item = (String, u64, u64)>) -> Vec<(String, u64, u64)> {
    let mut types: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (name, objects, bytes) in rows {
        let sum = types.entry(name).or_default();
        *sum = (sum.0 + objects, sum.1 + bytes);
    }
    let row = |(name, (objects, bytes))| (name, objects, bytes);
    types.into_iter().map(row).collect()
}

/// Surveys of several heaps, added up by name.
#[derive(Default)]
struct Sum {
    types: BTreeMap<String, (u64, u64)>,
    audit: BTreeMap<(&'static str, String), u64>,
    paths: BTreeMap<(String, String), u64>,
    sites: BTreeMap<(String, String), u64>,
}

impl Sum {
    fn add(&mut self, survey: Survey) {
        for row in survey.types {
            for (class, count) in [
                (FindingClass::CountLeak, row.surplus),
                (FindingClass::CountDeficit, row.deficit),
                (FindingClass::UncollectedCycle, row.unreachable),
            ] {
                if count > 0 {
                    let key = (class_of(class), row.name.clone());
                    *self.audit.entry(key).or_default() += count;
                }
            }
            let sum = self.types.entry(row.name).or_default();
            *sum = (sum.0 + row.objects, sum.1 + row.bytes);
        }
        for row in survey.roots.into_iter().chain(survey.natives) {
            *self.audit.entry(("native pin", row.type_name)).or_default() += row.roots;
        }
        for row in survey.paths {
            *self.paths.entry((row.path, row.type_name)).or_default() += row.objects;
        }
        for row in survey.sites {
            let key = (row.site.to_string(), row.type_name);
            *self.sites.entry(key).or_default() += row.objects;
        }
    }

    fn into_tally(self) -> Tally {
        let audited = |((class, type_name), count): ((&str, String), u64)| AuditCount {
            class: class.to_owned(),
            type_name,
            count,
        };
        let named = |((name, type_name), objects)| (name, type_name, objects);
        Tally {
            census: self
                .types
                .into_iter()
                .map(|(name, (objects, bytes))| (name, objects, bytes))
                .collect(),
            audit: self.audit.into_iter().map(audited).collect(),
            paths: self.paths.into_iter().map(named).collect(),
            sites: self.sites.into_iter().map(named).collect(),
        }
    }
}

fn held(holder: exuvia_core::Holder) -> Held {
    Held {
        type_name: holder.type_name,
        types: holder.types,
        path: holder.path,
        stable_path: holder.stable_path,
        general_paths: holder.general_paths,
        alike: holder.alike,
        from: match holder.origin {
            HolderOrigin::Root | HolderOrigin::Immortal => HeldFrom::Root,
            HolderOrigin::NewRoot => HeldFrom::NewRoot,
            HolderOrigin::Lost => HeldFrom::Unknown,
            HolderOrigin::Unreachable => HeldFrom::Unreachable,
        },
        gained: holder.gained,
        retained_bytes: holder.retained_bytes,
        site: holder.site.map(|site| site.to_string()),
    }
}
