use super::super::super::Phase;
use super::super::super::testing::{cycle_at, heap};
use super::{numbers, pace};

#[test]
fn a_cycle_is_due_for_expected_garbage_or_for_allocations() {
    // The first row of each pair is one short of what makes it due.
    for (old, most, promoted, allocated, per_garbage, due) in [
        (1000, 100, 39, 0, 1, false),
        (1000, 100, 40, 0, 1, true),
        (1000, 100, 79, 0, 2, false),
        (1000, 100, 80, 0, 2, true),
        (1000, 100, 0, 7999, 2, false),
        (1000, 100, 0, 8000, 2, true),
        // A small heap counts as one as large as the bound.
        (0, 1000, 79, 7999, 2, false),
        (0, 1000, 80, 0, 2, true),
        (0, 1000, 0, 8000, 2, true),
    ] {
        let pace = pace(old, promoted, allocated, per_garbage);
        let of = (old, most, promoted, allocated, per_garbage);
        assert_eq!(pace.is_due(most), due, "{of:?}");
        pace.patience.set(1);
        assert!(!pace.is_due(most), "not soon after one that was given up");
    }
}

#[test]
fn a_promoted_object_owes_what_a_cycle_costs_within_a_fortieth() {
    for (per_garbage, promoted, allocated, owed) in [
        (1, 0, 0, 2048),
        (1, 7, 0, 7 * 120 + 2048),
        (2, 7, 0, 7 * 60 + 2048),
        (2, 0, 5, 7 + 2048),
        (2, 10, 100, 600 + 150 + 2048),
    ] {
        let pace = pace(0, 0, 0, per_garbage);
        pace.owe(promoted, allocated);
        assert_eq!(pace.owed.get(), owed);
        pace.owe(promoted, allocated);
        assert_eq!(pace.owed.get(), 2 * owed);
        pace.pay(owed);
        assert_eq!(pace.owed.get(), owed);
        pace.pay(owed + 1);
        assert_eq!(pace.owed.get(), 0);
        pace.owed.set(usize::MAX - 1);
        pace.owe(promoted, allocated);
        assert_eq!(pace.owed.get(), usize::MAX);
    }
}

#[test]
fn a_beginning_remembers_what_was_promoted_until_then() {
    let pace = pace(50, 30, 20, 1);
    pace.owed.set(9);
    pace.begin();
    assert_eq!(numbers(&pace), [50, 0, 0, 9, 30, 0]);
    pace.note(5, 0);
    pace.note(2, 10);
    assert_eq!(numbers(&pace), [50, 7, 10, 9, 30, 0]);
    pace.patience.set(15);
    pace.note(0, 10);
    assert_eq!(pace.patience.get(), 5);
    pace.note(0, 10);
    assert_eq!(pace.patience.get(), 0);
}

#[test]
fn an_end_settles_the_share_of_promoted_objects_that_became_garbage() {
    let heap = heap(10);
    for (promoted, freed, share) in [
        (100, 100, 1),
        (100, 200, 1),
        (199, 100, 1),
        (200, 100, 2),
        (900, 100, 2),
        (0, 0, 1),
        (1, 0, 1),
        (2, 0, 2),
    ] {
        let mut cycle = cycle_at(&heap, Phase::Count, || 1);
        cycle.counted = 150;
        cycle.outcome.unreachable = freed;
        for (met_suspect, left_over) in [(false, false), (true, false), (false, true)] {
            (cycle.met_suspect, cycle.left_over) = (met_suspect, left_over);
            let pace = pace(1, promoted, 3, 2);
            pace.begin();
            pace.owed.set(9);
            pace.end(&cycle);
            let old = 150_usize.saturating_sub(freed);
            assert_eq!(numbers(&pace), [old, 0, 0, 0, promoted, 0]);
            assert_eq!(pace.per_garbage.get(), share, "{promoted} {freed}");
            assert_eq!(pace.unsettled.get(), met_suspect || left_over);
        }
    }
}

#[test]
fn after_one_that_was_given_up_as_much_is_allocated_as_there_is() {
    for (old, patience) in [(0, 2048), (2048, 2048), (2049, 2049)] {
        let pace = pace(old, 5, 6, 1);
        pace.owed.set(9);
        pace.fail();
        assert_eq!(numbers(&pace), [old, 5, 6, 0, 0, patience]);
        assert!(pace.unsettled.get());
        pace.settle(77);
        assert_eq!(numbers(&pace)[..4], [77, 0, 0, 0]);
        assert!(!pace.unsettled.get());
    }
}
