//! How long collections took: a histogram per generation that never grows.

use super::Heap;
use super::core::HeapCore;

/// Buckets per doubling: a quantile is exact to one sixteenth.
const STEPS: usize = 16;
const STEPS_LOG2: u32 = STEPS.ilog2();
const BUCKETS: usize = (64 - STEPS_LOG2 as usize + 1) * STEPS;

/// The collections of one generation since the heap was made.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// heap.collect_all();
/// let [young, _, full] = heap.pauses();
/// assert_eq!((young.collections, full.collections), (0, 1));
/// assert!(full.p50_ns <= full.p99_ns && full.p99_ns <= full.max_ns);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pauses {
    /// Collections.
    pub collections: u64,
    /// Wall time that half of them stayed below, in nanoseconds, rounded up by
    /// at most a sixteenth.
    pub p50_ns: u64,
    /// The same for 99 of 100.
    pub p99_ns: u64,
    /// The longest one, exact.
    pub max_ns: u64,
    /// All of them together, exact.
    pub total_ns: u64,
    /// Objects examined by all of them.
    pub examined: u64,
}

/// Durations by bucket, and sums.
pub(crate) struct Histogram {
    buckets: Box<[u32; BUCKETS]>,
    sums: Pauses,
}

impl Histogram {
    pub(crate) fn new() -> Histogram {
        Histogram {
            buckets: Box::new([0; BUCKETS]),
            sums: Pauses::default(),
        }
    }

    pub(crate) fn add(&mut self, ns: u64, examined: usize) {
        let bucket = &mut self.buckets[bucket(ns)];
        *bucket = bucket.saturating_add(1);
        self.sums.collections += 1;
        self.sums.max_ns = self.sums.max_ns.max(ns);
        self.sums.total_ns += ns;
        self.sums.examined += examined as u64;
    }

    pub(crate) fn pauses(&self) -> Pauses {
        Pauses {
            p50_ns: self.quantile(50),
            p99_ns: self.quantile(99),
            ..self.sums
        }
    }

    /// The upper end of the bucket that holds the quantile.
    fn quantile(&self, percent: u64) -> u64 {
        let rank = (self.sums.collections * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (index, &count) in self.buckets.iter().enumerate() {
            seen += u64::from(count);
            if seen >= rank {
                return last_of(index).min(self.sums.max_ns);
            }
        }
        self.sums.max_ns
    }
}

/// Values below [`STEPS`] have a bucket each, then each doubling has `STEPS`.
fn bucket(ns: u64) -> usize {
    if ns < STEPS as u64 {
        return ns as usize;
    }
    let shift = ns.ilog2() - STEPS_LOG2;
    (shift as usize) * STEPS + (ns >> shift) as usize
}

/// The largest value of a bucket.
fn last_of(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let shift = (bucket / STEPS - 1) as u32;
    let step = (bucket % STEPS + STEPS) as u64;
    (step << shift) + ((1 << shift) - 1)
}

impl Heap {
    /// How long the collections of each generation took, user code inside them
    /// included: quantiles from a histogram of fixed size. The latest ones
    /// stand one by one in [`Heap::collections`].
    pub fn pauses(&self) -> [Pauses; 3] {
        let histograms = self.core().pauses.borrow();
        std::array::from_fn(|generation| histograms[generation].pauses())
    }
}

impl HeapCore {
    pub(crate) fn record_pause(&self, generation: usize, ns: u64, examined: usize) {
        self.pauses.borrow_mut()[generation].add(ns, examined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_lies_in_its_bucket_and_buckets_are_narrow() {
        let mut value = 1_u64;
        while value < u64::MAX / 3 {
            for ns in [value - 1, value, value + 1] {
                let bucket = bucket(ns);
                let last = last_of(bucket);
                assert!(ns <= last && last - ns <= ns / STEPS as u64, "{ns}: {last}");
                assert!(bucket == 0 || last_of(bucket - 1) < ns, "{ns}");
            }
            value = value * 3 / 2 + 1;
        }
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn quantiles_are_those_of_the_values_to_a_sixteenth() {
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|n| histogram.add(n * 1000, 3));
        let pauses = histogram.pauses();
        assert!((500_000..=532_000).contains(&pauses.p50_ns), "{pauses:?}");
        assert!((990_000..=1_000_000).contains(&pauses.p99_ns), "{pauses:?}");
        assert_eq!((pauses.max_ns, pauses.collections), (1_000_000, 1000));
        assert_eq!((pauses.total_ns, pauses.examined), (500_500_000, 3000));
        assert_eq!(Histogram::new().pauses(), Pauses::default());
    }

    #[test]
    fn a_heap_records_each_collection_under_its_generation() {
        let heap = Heap::new();
        (0..3).for_each(|_| assert_eq!(heap.collect(0), Ok(0)));
        heap.collect_all();
        let [young, middle, full] = heap.pauses();
        assert_eq!(
            (young.collections, middle.collections, full.collections),
            (3, 0, 1)
        );
        assert!(young.p50_ns <= young.p99_ns && young.p99_ns <= young.max_ns);
    }
}
