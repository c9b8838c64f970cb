//! Switches for tests of the heap and of programs on it.

use super::Heap;

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

    /// Lets a wide collection use the heap's threads from so many objects on:
    /// 0 always. `None` leaves it to the collector.
    #[cfg(feature = "parallel")]
    pub fn examine_in_parallel_above(&self, objects: Option<usize>) {
        self.core().parallel_above.set(objects);
    }
}
