//! Which items of an export a view shows, and Python's slices.

use super::format::Format;

/// The items of a view inside of its export.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) read_only: bool,
    pub(super) format: Format,
    pub(super) offset: usize,
    pub(super) len: usize,
    /// Bytes from an item to the next one.
    pub(super) stride: isize,
}

/// First index and number of items of a Python slice.
pub(super) fn slice_of(
    len: usize,
    start: Option<isize>,
    stop: Option<isize>,
    step: isize,
) -> (usize, usize) {
    let len = len.cast_signed();
    let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let bound = |index: isize| {
        let index = if index < 0 {
            index.saturating_add(len)
        } else {
            index
        };
        index.clamp(lowest, highest)
    };
    let from_end = step < 0;
    let start = start.map_or(if from_end { highest } else { lowest }, bound);
    let stop = stop.map_or(if from_end { lowest } else { highest }, bound);
    let distance = if from_end { start - stop } else { stop - start };
    let items = if distance <= 0 {
        0
    } else {
        (distance - 1) / step.abs() + 1
    };
    (start.max(0).cast_unsigned(), items.cast_unsigned())
}
