//! `rules`: what is owed and when a cycle begins; `younger`: what is young, and
//! when it is collected; `pauses`: which pause comes when.

mod pauses;
mod rules;
mod younger;

use super::Pace;

fn pace(old: usize, promoted: usize, allocated: usize, per_garbage: usize) -> Pace {
    let pace = Pace::default();
    pace.old.set(old);
    pace.promoted.set(promoted);
    pace.allocated.set(allocated);
    pace.per_garbage.set(per_garbage);
    pace
}

/// What a pace reckons with, but for shares.
fn numbers(pace: &Pace) -> [usize; 6] {
    [
        pace.old.get(),
        pace.promoted.get(),
        pace.allocated.get(),
        pace.owed.get(),
        pace.promoted_before.get(),
        pace.patience.get(),
    ]
}
