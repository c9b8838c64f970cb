//! Arrays with an entry for each object or edge, read at random places: in huge pages, where the system has them, such a
//! read misses the address cache less often.

use std::ptr::NonNull;

use crate::alloc::arena::ask_for_huge_pages;
use crate::gc::collector::work::prefetch;

const HUGE_PAGE_BYTES: usize = 2 << 20;

/// An empty array with room for `len` entries.
pub(super) fn with_room<T>(len: usize) -> Vec<T> {
    let entries = Vec::with_capacity(len);
    prefer_huge(&entries);
    entries
}

/// An array of `len` equal entries.
pub(super) fn filled<T: Copy>(len: usize, entry: T) -> Vec<T> {
    let mut entries = with_room(len);
    entries.resize(len, entry);
    entries
}

/// Makes room for `more` entries, doubling the array if it has none.
#[inline]
pub(super) fn reserve<T>(entries: &mut Vec<T>, more: usize) {
    if entries.capacity() - entries.len() < more {
        entries.reserve(more);
        prefer_huge(entries);
    }
}

/// Says so of the huge pages that the array's room covers as a whole.
fn prefer_huge<T>(entries: &Vec<T>) {
    let start = entries.as_ptr().cast::<u8>();
    let head = start.align_offset(HUGE_PAGE_BYTES);
    let bytes = (entries.capacity() * size_of::<T>()).saturating_sub(head) / HUGE_PAGE_BYTES
        * HUGE_PAGE_BYTES;
    if bytes > 0
        && let Some(first) = NonNull::new(start.wrapping_add(head).cast_mut())
    {
        ask_for_huge_pages(first, bytes);
    }
}

/// Brings an entry of an array into the cache: it is needed soon.
#[inline]
pub(super) fn fetch<T>(entries: &[T], index: usize) {
    prefetch(NonNull::from(&entries[index]));
}
