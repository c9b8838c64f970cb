//! What is checked: something that can be iterated and counted.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::LeakClass;
use super::growth::{Series, Snapshot};
use super::sites::{self, PlainSite};
use super::still::Still;
use crate::alloc;
use crate::probe::{AuditCount, Held, Probe, Sketch};

/// Counters with this prefix are what is alive now; others (totals, collections) may grow as they like.
const LIVE_PREFIX: &str = "live_";

/// Code under test together with the place where its objects are counted.
pub(crate) trait Subject {
    /// Runs the code once.
    fn iterate(&mut self);

    /// A moment before the next iterations are run.
    fn before_block(&mut self) {}

    /// Collects fully and counts.
    fn count(&mut self) -> Counted;

    /// The same, but what was counted last is taken for it when nothing has moved since.
    fn recount(&mut self) -> Counted {
        self.count()
    }

    /// Collects fully once more and counts if that moved anything.
    fn count_if_moved(&mut self) -> Option<Counted> {
        Some(self.count())
    }

    /// Objects alive now, where counting them takes time.
    fn live_objects(&self) -> u64 {
        0
    }

    /// Collects fully, and says what is alive if nothing has moved since the first glance, as far as can be told at little
    /// cost.
    fn glance(&mut self) -> Option<Counted> {
        None
    }

    /// Whether nothing has moved at all since the first glance.
    fn has_stood_still(&self) -> bool {
        false
    }

    /// References by holding and held type.
    fn edges(&self) -> Edges {
        Edges::new()
    }

    /// Remembers this moment, for `holders`.
    fn mark(&self) {}

    /// Who holds what is new since the mark.
    fn holders(&self, _chosen: &dyn Fn(&str, &str) -> bool) -> Vec<Held> {
        Vec::new()
    }

    /// Paths to objects whose own buffers grew since the mark, and the bytes, most first.
    fn grown_buffers(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    /// Turns the tracing of allocation sites on or off; returns whether it is on now.
    fn trace_sites(&mut self, _on: bool) -> bool {
        false
    }

    /// Bytes alive at the peak of one iteration, and blocks that it allocates, for code without a heap of its own.
    fn use_of_one(&mut self) -> Option<(u64, u64)> {
        None
    }

    /// Where what is left of some iterations was allocated, for code without holders.
    fn sites_of(&mut self, _iterations: u64) -> Vec<PlainSite> {
        Vec::new()
    }
}

/// References by held and holding type.
pub(crate) type Edges = BTreeMap<(String, String), u64>;

/// All that was counted at one quiet moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) snapshot: Snapshot,
    pub(crate) bytes_by_type: BTreeMap<String, u64>,
    pub(crate) underflows: BTreeSet<String>,
    /// The type of the objects on each path.
    pub(crate) type_of_path: BTreeMap<String, String>,
}

/// Code whose objects a probe counts.
pub(crate) struct Probed<'a, F> {
    pub(crate) probe: &'a dyn Probe,
    pub(crate) body: F,
    /// Types (and counters) whose growth is meant.
    pub(crate) expected: &'a BTreeSet<String>,
    pub(crate) watch_process: bool,
    /// What was counted last, with pulse and sketch of that moment.
    last: Option<(Pulse, Counted)>,
    still: Option<(Still, Counted)>,
}

/// Numbers that move when anything does.
type Pulse = (Vec<u64>, Option<Sketch>);

impl<'a, F: FnMut()> Probed<'a, F> {
    pub(crate) fn new(
        probe: &'a dyn Probe,
        body: F,
        expected: &'a BTreeSet<String>,
        watch_process: bool,
    ) -> Self {
        Self {
            probe,
            body,
            expected,
            watch_process,
            last: None,
            still: None,
        }
    }
}

impl<F: FnMut()> Subject for Probed<'_, F> {
    fn iterate(&mut self) {
        (self.body)();
    }

    fn count(&mut self) -> Counted {
        self.probe.quiesce();
        self.count_now()
    }

    fn recount(&mut self) -> Counted {
        let now = (self.settle(), self.probe.sketch());
        let counted = match &self.last {
            Some((last, counted)) if *last == now && now.1.is_some() => {
                self.with_process(counted.clone())
            }
            _ => self.count_now(),
        };
        self.last = Some((now, counted.clone()));
        counted
    }

    fn count_if_moved(&mut self) -> Option<Counted> {
        let before = self.probe.pulse();
        let after = self.settle();
        if before.is_empty() || after != before {
            return Some(self.count_now());
        }
        self.watch_process
            .then(|| self.with_process(Counted::default()))
    }

    fn live_objects(&self) -> u64 {
        let counters = self.probe.counters();
        let objects = counters.iter().find(|c| c.name == "live_objects");
        objects.map_or(0, |objects| objects.value)
    }

    fn glance(&mut self) -> Option<Counted> {
        let pulse = self.settle();
        let counted = match &mut self.still {
            Some((still, counted)) => still
                .seems_so(&pulse, self.probe)
                .then(|| counted.clone())?,
            None => {
                let still = Still::begin(pulse, self.probe)?;
                let counted = self.count_alive(still.census());
                self.still.insert((still, counted)).1.clone()
            }
        };
        Some(self.with_process(counted))
    }

    fn has_stood_still(&self) -> bool {
        let still = self.still.as_ref();
        still.is_some_and(|(still, _)| still.is_so(self.probe))
    }

    fn mark(&self) {
        self.probe.mark();
    }

    fn holders(&self, chosen: &dyn Fn(&str, &str) -> bool) -> Vec<Held> {
        self.probe
            .holders(&|path, name| !self.is_expected(name) && chosen(path, name))
    }

    fn grown_buffers(&self) -> Vec<(String, u64)> {
        self.probe.grown_buffers()
    }

    fn trace_sites(&mut self, on: bool) -> bool {
        self.probe.trace_sites(on)
    }

    fn edges(&self) -> Edges {
        let edge = |(holder, held, count)| ((held, holder), count);
        self.probe.edges().into_iter().map(edge).collect()
    }
}

impl<F: FnMut()> Probed<'_, F> {
    /// Collects fully; the pulse then.
    fn settle(&self) -> Vec<u64> {
        self.probe.quiesce();
        self.probe.pulse()
    }

    fn count_now(&self) -> Counted {
        let tally = self.probe.tally();
        let mut counted = self.count_alive(tally.census);
        self.count_audit(&mut counted, tally.audit);
        self.count_places(&mut counted, tally.paths, tally.sites);
        self.with_process(counted)
    }

    /// The counts without an audit and without places.
    fn count_alive(&self, census: Vec<(String, u64, u64)>) -> Counted {
        let mut counted = Counted::default();
        self.count_live(&mut counted);
        self.count_types(&mut counted, census);
        counted
    }

    fn with_process(&self, mut counted: Counted) -> Counted {
        if self.watch_process {
            count_process(&mut counted.snapshot);
        }
        counted
    }

    /// Whether growth under this name is meant: named in full, or by the last part of its path.
    fn is_expected(&self, name: &str) -> bool {
        let last = name.rsplit("::").next().unwrap_or(name);
        self.expected.contains(name) || self.expected.contains(last)
    }

    /// The counters of what is alive. Objects are counted rather than blocks where both are known.
    fn count_live(&self, counted: &mut Counted) {
        let counters = self.probe.counters();
        let objects_known = counters
            .iter()
            .any(|counter| counter.name == "live_objects");
        for counter in counters {
            let series = match counter.name.as_str() {
                "live_objects" => Series::Objects,
                "live_blocks" if objects_known => continue,
                "live_blocks" => Series::Objects,
                "live_bytes" => Series::Bytes,
                name if name.starts_with(LIVE_PREFIX) => Series::Type(name.to_owned()),
                _ => continue,
            };
            if !self.is_expected(&counter.name) {
                counted.snapshot.insert(series, counter.value);
            }
        }
    }

    /// The census; a type that may grow is taken out of the totals as well.
    fn count_types(&self, counted: &mut Counted, census: Vec<(String, u64, u64)>) {
        for (name, objects, bytes) in census {
            if self.is_expected(&name) {
                take_out(&mut counted.snapshot, &Series::Objects, objects);
                take_out(&mut counted.snapshot, &Series::Bytes, bytes);
            } else {
                *counted
                    .snapshot
                    .entry(Series::Type(name.clone()))
                    .or_default() += objects;
                *counted.bytes_by_type.entry(name).or_default() += bytes;
            }
        }
    }

    fn count_audit(&self, counted: &mut Counted, audit: Vec<AuditCount>) {
        for found in audit {
            if self.is_expected(&found.type_name) {
                continue;
            }
            match LeakClass::series_of(&found) {
                Some(series) => *counted.snapshot.entry(series).or_default() += found.count,
                None => _ = counted.underflows.insert(found.type_name),
            }
        }
    }

    fn count_places(
        &self,
        counted: &mut Counted,
        paths: Vec<(String, String, u64)>,
        sites: Vec<(String, String, u64)>,
    ) {
        for (path, type_name, objects) in paths {
            if !self.is_expected(&type_name) {
                let series = Series::Path(path.clone());
                *counted.snapshot.entry(series).or_default() += objects;
                counted.type_of_path.insert(path, type_name);
            }
        }
        for (site, type_name, objects) in sites {
            if !self.is_expected(&type_name) {
                *counted.snapshot.entry(Series::Site(site)).or_default() += objects;
            }
        }
    }
}

/// What the process as a whole holds besides memory: open files and threads. Nothing where the system does not tell.
fn count_process(snapshot: &mut Snapshot) {
    for (name, folder) in [
        ("(open files)", "/proc/self/fd"),
        ("(threads)", "/proc/self/task"),
    ] {
        if let Ok(entries) = std::fs::read_dir(folder) {
            snapshot.insert(Series::Type(name.to_owned()), entries.count() as u64);
        }
    }
}

fn take_out(snapshot: &mut Snapshot, series: &Series, count: u64) {
    if let Some(total) = snapshot.get_mut(series) {
        *total = total.saturating_sub(count);
    }
}

/// Plain Rust code, counted by the global allocator.
///
/// The detector's own bookkeeping lives in the same allocator, so only what the iterations themselves leave behind is
/// added up: from just before a block of them to just after.
pub(crate) struct Plain<F> {
    body: F,
    watch_process: bool,
    start: alloc::AllocCounts,
    left_blocks: i64,
    left_bytes: i64,
}

impl<F: FnMut()> Plain<F> {
    pub(crate) fn new(body: F, watch_process: bool) -> Self {
        Self {
            body,
            watch_process,
            start: alloc::counts(),
            left_blocks: 0,
            left_bytes: 0,
        }
    }
}

/// Keeps counts of what iterations left behind above zero, also when they free more than they allocate.
pub(crate) const PLAIN_OFFSET: i64 = 1 << 40;

impl<F: FnMut()> Subject for Plain<F> {
    fn iterate(&mut self) {
        (self.body)();
    }

    fn before_block(&mut self) {
        self.start = alloc::counts();
    }

    fn count(&mut self) -> Counted {
        let now = alloc::counts();
        self.left_blocks += now.live_blocks - self.start.live_blocks;
        self.left_bytes += now.live_bytes - self.start.live_bytes;
        self.start = now;
        let above_zero = |left: i64| (left + PLAIN_OFFSET).cast_unsigned();
        let mut snapshot = Snapshot::from([
            (Series::Objects, above_zero(self.left_blocks)),
            (Series::Bytes, above_zero(self.left_bytes)),
        ]);
        if self.watch_process {
            count_process(&mut snapshot);
        }
        Counted {
            snapshot,
            ..Counted::default()
        }
    }

    fn use_of_one(&mut self) -> Option<(u64, u64)> {
        sites::use_of(&mut self.body)
    }

    fn sites_of(&mut self, iterations: u64) -> Vec<PlainSite> {
        sites::of(iterations, &mut self.body)
    }
}
