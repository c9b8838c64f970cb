//! Switches for tests of the heap and of programs on it.

#[cfg(feature = "testing")]
use std::ptr::NonNull;

use super::Heap;
#[cfg(feature = "testing")]
use super::core::HeapCore;
#[cfg(feature = "testing")]
use crate::gc::header::Header;

impl Heap {
    /// Lets `left` more allocations succeed, then makes every one fail with
    /// [`AllocError::Injected`](crate::AllocError::Injected); `None` ends it.
    /// Objects and buffers count alike.
    pub fn fail_allocations_after(&self, left: Option<usize>) {
        let core = self.core();
        core.fail_after.set(left);
        core.forget_cache();
    }

    /// Refuses the collector's lists to grow beyond `entries`, as if memory
    /// were out; `None` ends it. The collector then finishes by rescanning.
    pub fn limit_collector_lists(&self, entries: Option<usize>) {
        self.core().list_limit.set(entries.unwrap_or(usize::MAX));
    }

    /// Makes a collection wide, so that it examines all of the collected
    /// generations in the order of addresses, once it has more than so many
    /// candidates: 0 always, `usize::MAX` never. `None` leaves it to the
    /// collector.
    pub fn examine_widely_above(&self, candidates: Option<usize>) {
        self.core().wide_above.set(candidates);
    }

    /// Puts the trash of each collection in another order, drawn from `seed`:
    /// which of its finalizers runs first, and what is cleared first, is a set.
    /// `None` leaves it in the order in which it was found.
    #[cfg(feature = "testing")]
    pub fn reorder_trash(&self, seed: Option<u64>) {
        self.core()
            .trash_order
            .set(seed.map_or(0, |seed| seed | 1 << 63));
    }

    /// Lets a wide collection use the heap's threads from so many objects on:
    /// 0 always. `None` leaves it to the collector.
    #[cfg(feature = "parallel")]
    pub fn examine_in_parallel_above(&self, objects: Option<usize>) {
        self.core().parallel_above.set(objects);
    }
}

#[cfg(feature = "testing")]
impl HeapCore {
    /// See [`Heap::reorder_trash`]. Fisher and Yates' shuffle, its numbers by
    /// Marsaglia's xorshift.
    pub(crate) fn reorder(&self, trash: &mut [NonNull<Header>]) {
        let mut state = self.trash_order.get();
        if state == 0 {
            return;
        }
        for last in (1..trash.len()).rev() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            trash.swap(last, (state % (last as u64 + 1)) as usize);
        }
        self.trash_order.set(state);
    }
}
