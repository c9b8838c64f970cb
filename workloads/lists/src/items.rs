//! The values in the lists, and what a run reads of them.

use exuvia_core::Heap;
use exuvia_core::object::{List, Value};

/// Added to an item's number to make an int that is an object: immediates end at 2^60.
const BEYOND_IMMEDIATES: i64 = 1 << 62;

/// A checksum reads every item at a multiple of this: enough to notice missing work, few enough to cost little.
const STRIDE: usize = 61;

/// The item of this number as an immediate.
pub(crate) fn immediate(number: u64) -> Value {
    Value::small(number.cast_signed())
}

/// The item of this number as an object.
pub(crate) fn int_object(heap: &Heap, number: u64) -> Value {
    Value::int(heap, BEYOND_IMMEDIATES + number.cast_signed())
}

/// The number of an item of either kind.
pub(crate) fn number(item: &Value) -> u64 {
    let number = item.as_int().map_or(0, |int| int & (BEYOND_IMMEDIATES - 1));
    number.cast_unsigned()
}

/// The length of a list plus the numbers of some items.
pub(crate) fn sampled(list: &List) -> u64 {
    let samples = (0..list.len()).step_by(STRIDE);
    let sum: u64 = samples
        .filter_map(|index| list.get(index))
        .map(|item| number(&item))
        .sum();
    sum + list.len() as u64
}

/// What [`sampled`] returns for a list of the numbers `0..n`.
pub(crate) fn sampled_of(n: u64) -> u64 {
    let stride = STRIDE as u64;
    let last = (n - 1) / stride;
    stride * last * (last + 1) / 2 + n
}
