//! Arrays with an entry for each object or edge, read at random places: in huge pages, where the system has them, such a
//! read misses the address cache less often.

use std::ptr::NonNull;
use std::sync::atomic::AtomicU8;

use crate::alloc::arena::ask_for_huge_pages_within;
use crate::gc::collector::work::prefetch;

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

/// An array of `len` zeros that several threads write to.
pub(super) fn atomic_bytes(len: usize) -> Vec<AtomicU8> {
    let mut entries = with_room(len);
    entries.resize_with(len, AtomicU8::default);
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

/// Asks for huge pages for the array's room.
fn prefer_huge<T>(entries: &Vec<T>) {
    let start = NonNull::from(entries.as_slice()).cast();
    ask_for_huge_pages_within(start, entries.capacity() * size_of::<T>());
}

/// Brings an entry of an array into the cache: it is needed soon.
#[inline]
pub(super) fn fetch<T>(entries: &[T], index: usize) {
    prefetch(NonNull::from(&entries[index]));
}
