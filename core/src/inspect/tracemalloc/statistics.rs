//! Traces grouped and counted, and two snapshots compared.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use super::snapshot::{AllocationTrace, Snapshot};
use super::traceback::{Frame, Traceback};

/// What traces are grouped by.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::Str;
/// use exuvia_core::tracemalloc::GroupBy;
/// let heap = Heap::new();
/// if heap.tracemalloc().start(1).is_ok() { // else built without the feature
///     let text = Str::new(&heap, "a text of thirty-one characters");
///     let snapshot = heap.tracemalloc().take_snapshot().unwrap();
///     let [file] = &snapshot.statistics(GroupBy::File, false)[..] else { panic!() };
///     assert_eq!(file.count, 1);
///     drop(text);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// The file of the newest frame.
    File,
    /// File and line of the newest frame.
    Line,
    /// The whole traceback.
    Traceback,
}

/// Blocks of one group.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::Str;
/// use exuvia_core::tracemalloc::GroupBy;
/// let heap = Heap::new();
/// if heap.tracemalloc().start(1).is_ok() { // else built without the feature
///     let text = Str::new(&heap, "a text of thirty-one characters");
///     let snapshot = heap.tracemalloc().take_snapshot().unwrap();
///     let line = &snapshot.statistics(GroupBy::Line, false)[0];
///     assert_eq!((line.count, line.size), (1, 48));
///     assert!(line.traceback.newest().line > 0);
///     drop(text);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistic {
    /// What they have in common.
    pub traceback: Traceback,
    /// Bytes.
    pub size: usize,
    /// Blocks.
    pub count: usize,
}

/// Blocks of one group in a snapshot, and the change since an older one.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::List;
/// use exuvia_core::tracemalloc::GroupBy;
/// let heap = Heap::new();
/// if heap.tracemalloc().start(1).is_ok() { // else built without the feature
///     let before = heap.tracemalloc().take_snapshot().unwrap();
///     let list = List::new(&heap);
///     let after = heap.tracemalloc().take_snapshot().unwrap();
///     let [line] = &after.compare_to(&before, GroupBy::Line, false)[..] else { panic!() };
///     assert_eq!((line.count, line.count_diff), (1, 1));
///     assert_eq!(line.size_diff, line.size as isize);
///     drop(list);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticDiff {
    /// What they have in common.
    pub traceback: Traceback,
    /// Bytes in the newer snapshot.
    pub size: usize,
    /// Bytes more than in the older one.
    pub size_diff: isize,
    /// Blocks in the newer snapshot.
    pub count: usize,
    /// Blocks more than in the older one.
    pub count_diff: isize,
}

type Groups = BTreeMap<Traceback, (usize, usize)>;

impl Snapshot {
    /// Bytes and blocks by group, largest first. `cumulative` counts a block
    /// for every frame of its traceback, not only the newest (by file or line).
    ///
    /// # Panics
    /// When whole tracebacks are to be cumulated.
    pub fn statistics(&self, group: GroupBy, cumulative: bool) -> Vec<Statistic> {
        let mut rows: Vec<Statistic> = self
            .groups(group, cumulative)
            .into_iter()
            .map(|(traceback, (size, count))| Statistic {
                traceback,
                size,
                count,
            })
            .collect();
        rows.sort_by_cached_key(|row| Reverse((row.size, row.count, row.traceback.clone())));
        rows
    }

    /// What changed since `older`, the largest change first.
    ///
    /// # Panics
    /// As [`statistics`](Self::statistics).
    pub fn compare_to(
        &self,
        older: &Snapshot,
        group: GroupBy,
        cumulative: bool,
    ) -> Vec<StatisticDiff> {
        let mut before = older.groups(group, cumulative);
        let mut rows = Vec::new();
        for (traceback, now) in self.groups(group, cumulative) {
            let old = before.remove(&traceback).unwrap_or_default();
            rows.push(difference(traceback, now, old));
        }
        let gone = before.into_iter();
        rows.extend(gone.map(|(traceback, old)| difference(traceback, (0, 0), old)));
        rows.sort_by_cached_key(|row| {
            Reverse((
                row.size_diff.unsigned_abs(),
                row.size,
                row.count_diff.unsigned_abs(),
                row.count,
                row.traceback.clone(),
            ))
        });
        rows
    }

    fn groups(&self, group: GroupBy, cumulative: bool) -> Groups {
        assert!(
            !(cumulative && group == GroupBy::Traceback),
            "cumulative statistics are by file or line"
        );
        let mut groups = Groups::new();
        for trace in self.traces() {
            if group == GroupBy::Traceback {
                add(&mut groups, trace.traceback.clone(), trace);
                continue;
            }
            let frames = trace.traceback.frames();
            let from = if cumulative { 0 } else { frames.len() - 1 };
            // A frame that recurs in one traceback counts once.
            let mut seen: Vec<Frame> = frames[from..].iter().map(|f| grouped(f, group)).collect();
            seen.sort();
            seen.dedup();
            for frame in seen {
                add(&mut groups, Traceback::new(vec![frame], 1), trace);
            }
        }
        groups
    }
}

fn grouped(frame: &Frame, group: GroupBy) -> Frame {
    Frame {
        file: frame.file.clone(),
        line: if group == GroupBy::File {
            0
        } else {
            frame.line
        },
    }
}

fn add(groups: &mut Groups, key: Traceback, trace: &AllocationTrace) {
    let (size, count) = groups.entry(key).or_default();
    *size += trace.size;
    *count += 1;
}

fn difference(traceback: Traceback, now: (usize, usize), old: (usize, usize)) -> StatisticDiff {
    StatisticDiff {
        traceback,
        size: now.0,
        size_diff: now.0.cast_signed() - old.0.cast_signed(),
        count: now.1,
        count_diff: now.1.cast_signed() - old.1.cast_signed(),
    }
}

/// Bytes with three to five digits and a unit, as CPython writes them.
pub(crate) struct Bytes {
    pub(crate) bytes: f64,
    pub(crate) sign: bool,
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut size = self.bytes;
        let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].into_iter().peekable();
        while let Some(unit) = units.next() {
            let last = units.peek().is_none();
            let digits = if size.abs() < 100.0 && unit != "B" {
                1
            } else if size.abs() < 10.0 * 1024.0 || last {
                0
            } else {
                size /= 1024.0;
                continue;
            };
            return if self.sign {
                write!(f, "{size:+.digits$} {unit}")
            } else {
                write!(f, "{size:.digits$} {unit}")
            };
        }
        Ok(())
    }
}

fn size(bytes: f64) -> Bytes {
    Bytes { bytes, sign: false }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Statistic {
            traceback, count, ..
        } = self;
        write!(
            f,
            "{traceback}: size={}, count={count}",
            size(self.size as f64)
        )?;
        if self.count > 0 {
            let average = self.size as f64 / self.count as f64;
            write!(f, ", average={}", size(average))?;
        }
        Ok(())
    }
}

impl fmt::Display for StatisticDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = Bytes {
            bytes: self.size_diff as f64,
            sign: true,
        };
        write!(
            f,
            "{}: size={} ({signed}), count={} ({:+})",
            self.traceback,
            size(self.size as f64),
            self.count,
            self.count_diff
        )?;
        if self.count > 0 {
            let average = self.size as f64 / self.count as f64;
            write!(f, ", average={}", size(average))?;
        }
        Ok(())
    }
}
