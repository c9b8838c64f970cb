//! When a collection runs by itself, and which generation it takes.

use crate::heap::core::HeapCore;

impl HeapCore {
    /// Recomputes the young count above which an allocation collects.
    pub(crate) fn update_trigger(&self) {
        let (young, _, _) = self.thresholds.get();
        let on = self.enabled.get() && young > 0 && !self.closed.get();
        let young = self
            .bounded
            .as_ref()
            .map_or(young, |b| b.young_limit(young));
        self.trigger.set(if on { young } else { usize::MAX });
    }

    /// The young count passed its threshold at an allocation.
    #[cold]
    #[inline(never)]
    pub(crate) fn collect_if_due(&self) {
        if self.collect_on_allocation {
            self.collect_at_safepoint();
        }
    }

    /// Collects the oldest generation that is due; never inside a drop or
    /// another collection.
    pub(crate) fn collect_at_safepoint(&self) {
        let due = self.young_count.get() > self.trigger.get();
        if due && !self.collecting.get() && self.depth.get() == 0 {
            match &self.bounded {
                None => {
                    self.collect_quietly(self.choose_generation());
                }
                Some(bounded) => self.pause_within_bounds(bounded),
            }
        }
    }

    /// The oldest generation over its threshold. A full collection waits until
    /// a quarter of what survived the last one is new.
    fn choose_generation(&self) -> usize {
        let (_, middle, old) = self.thresholds.get();
        let [middle_count, old_count] = self.older_counts.get();
        let enough_new = self.long_lived_pending.get() >= self.long_lived_total.get() / 4;
        if old_count > old && enough_new {
            2
        } else if middle_count > middle {
            1
        } else {
            0
        }
    }

    /// The counts of the collected generations start over, the next one's
    /// rises by one.
    pub(super) fn reset_counts(&self, generation: usize) {
        self.young_count.set(0);
        let [middle, old] = self.older_counts.get();
        self.older_counts.set(match generation {
            0 => [middle + 1, old],
            1 => [0, old + 1],
            _ => [0, 0],
        });
    }
}
