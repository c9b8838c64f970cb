//! Inspections by several threads: the heap's own waits for the others.

use crate::heap::core::HeapCore;

#[cfg(feature = "parallel")]
use crate::gc::collector::parallel;

/// Threads that are worth it for so many objects, of those that the heap may use.
#[cfg(feature = "parallel")]
pub(super) fn threads_for(core: &HeapCore, objects: usize) -> usize {
    parallel::threads_for(core, objects)
}

/// Threads that are worth it: without the feature `parallel`, one.
#[cfg(not(feature = "parallel"))]
pub(super) fn threads_for(_: &HeapCore, _: usize) -> usize {
    1
}

/// What `map` makes of each part, in the order of the parts.
///
/// # Safety
/// 1. `map` may run on several threads at once while this one waits: it changes nothing but through atomics and locks,
///    and visits no value from two threads.
pub(super) unsafe fn map_parts<T, R>(threads: usize, parts: &[T], map: impl Fn(&T) -> R) -> Vec<R> {
    #[cfg(feature = "parallel")]
    if threads > 1 && parts.len() > 1 {
        // SAFETY: duty 1.
        return unsafe { parallel::map_parts(threads, parts, map) };
    }
    let _ = threads;
    parts.iter().map(map).collect()
}
