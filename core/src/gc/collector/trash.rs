//! From tentatively unreachable to freed: PEP 442's order.
//!
//! Weak references cleared and called back, finalizers on an intact graph,
//! reachability again, weak references cleared once more, values dropped,
//! blocks freed. When user code runs, every member of the trash is held by one
//! guard count, so that none of them dies under the collector's feet.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use super::super::death::{self, call_finalizer};
use super::super::handle::{GcAny, release, retain};
use super::super::header::{CLEAN, DOOMED_WORD, FINALIZED, HAS_WEAK, Header, Mark};
use super::super::weak::{self, Cleared};
use super::promote::{note_unexamined, older_than, untracks_by_now};
use super::visitors::each_edge;
use super::work::Work;
use super::{Outcome, keep_suspect, phases};
use crate::alloc::page::describe;
use crate::heap::core::HeapCore;
use crate::heap::surface::DebugFlags;

type Trash = Vec<NonNull<Header>>;

/// Some members of the trash, found by address.
///
/// Sorted and not hashed: with a hash of addresses (or a seed of its own for
/// each process) the instructions of a collection would differ from run to run.
#[derive(Default)]
pub(super) struct Members(Vec<NonNull<Header>>);

impl FromIterator<NonNull<Header>> for Members {
    fn from_iter<I: IntoIterator<Item = NonNull<Header>>>(objects: I) -> Members {
        let mut sorted: Vec<_> = objects.into_iter().collect();
        sorted.sort_unstable();
        Members(sorted)
    }
}

impl Members {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, object: &NonNull<Header>) -> Option<usize> {
        self.0.binary_search(object).ok()
    }

    fn contains(&self, object: &NonNull<Header>) -> bool {
        self.place(object).is_some()
    }
}

impl HeapCore {
    /// Deals with the tentatively unreachable set.
    /// `untracked` are those that [`untracked_before`] named, `generation` is the
    /// collected one.
    pub(super) fn dispose(
        &self,
        trash: Trash,
        untracked: &Members,
        generation: usize,
        outcome: &mut Outcome,
    ) {
        let told = self.names_of_collectable(&trash, |object| !untracked.contains(object));
        let cleared = handle_weakrefs(&trash);
        let runs_user_code =
            !cleared.is_empty() || !told.is_empty() || trash.iter().any(|&t| wants_finalizer(t));
        let mut freed_references = 0;
        let (trash, guarded) = if runs_user_code {
            guard(&trash);
            self.tell_all(told);
            freed_references = weak::call_back(self, cleared.callers, older_than(generation));
            let had_values = !cleared.values.is_empty();
            drop(cleared.values);
            // What only an ephemeron held is garbage of this collection.
            let kept = if had_values {
                trash.iter().copied().filter(is_loose).collect()
            } else {
                Members::default()
            };
            outcome.finalized = finalize_garbage(self, &trash);
            let trash = release_loose(trash, &kept);
            let found = trash.len();
            let trash = handle_resurrected(self, trash, untracked);
            outcome.resurrected = found - trash.len();
            (trash, true)
        } else {
            (trash, false)
        };
        // CPython does not see what it untracked before.
        let unseen = match untracked.is_empty() {
            true => 0,
            false => trash.iter().filter(|o| untracked.contains(o)).count(),
        };
        outcome.unreachable = trash.len() - unseen + freed_references;
        if self.debug.get().contains(DebugFlags::SAVEALL) {
            self.save(&trash, untracked, guarded);
        } else {
            delete_garbage(self, &trash);
        }
    }

    /// Keeps the trash in the garbage list instead of freeing it. CPython untracks
    /// survivors of the examination only, so it stays tracked for now.
    fn save(&self, trash: &Trash, untracked: &Members, guarded: bool) {
        for &object in trash {
            // SAFETY: members of the trash are live; a guard becomes the
            // list's own count.
            let handle = unsafe {
                keep_suspect(object);
                if !untracked.contains(&object) {
                    note_unexamined(object.as_ref());
                }
                if guarded {
                    GcAny::from_header(object.as_ptr())
                } else {
                    GcAny::share(object.as_ptr())
                }
            };
            self.garbage.borrow_mut().push(handle);
        }
    }
}

/// Members of the trash, not yet promoted, that CPython would not have found:
/// tuples that an earlier collection untracked. (Not dicts: one may have been
/// tracked as an ephemeron's key.)
pub(super) fn untracked_before(trash: &Trash) -> Members {
    let is_untracked = |object: &&NonNull<Header>| {
        // SAFETY: members of the trash are live.
        unsafe {
            describe(object.as_ptr()).0.untracks_in == Some(0) && untracks_by_now(object.as_ptr())
        }
    };
    trash.iter().filter(is_untracked).copied().collect()
}

fn wants_finalizer(object: NonNull<Header>) -> bool {
    // SAFETY: members of the trash are live.
    unsafe {
        let (info, _) = describe(object.as_ptr());
        info.finalize.is_some() && !object.as_ref().has(FINALIZED)
    }
}

/// Clears every weak reference to the trash and returns those to be called:
/// with a callback, and neither dying nor in the trash themselves. Leaves no
/// mark on the trash but the one that hides it. References inside the trash to
/// what is outside die too, as in CPython: see [`weak::detach`]. The values of
/// cleared ephemerons are to be dropped when the trash is guarded.
#[inline(never)]
fn handle_weakrefs(trash: &Trash) -> Cleared {
    let mut cleared = Cleared::default();
    for object in trash {
        // SAFETY: members of the trash are live, and so are references to them.
        unsafe {
            if object.as_ref().has(HAS_WEAK) {
                weak::clear(object.as_ptr(), &mut cleared, |reference| {
                    !(*reference).is_marked(Mark::Candidate) && !(*reference).is_vacant()
                });
            }
        }
    }
    for object in trash {
        // SAFETY: as above. All of the trash is taken off the lists first, so
        // what is still set here is a referent outside of it.
        unsafe {
            if describe(object.as_ptr()).0.weak {
                cleared.values.extend(weak::detach(object.as_ptr()));
            }
        }
    }
    hide(trash);
    cleared
}

fn hide(trash: &Trash) {
    for object in trash {
        // SAFETY: members of the trash are live.
        let header = unsafe { object.as_ref() };
        header.unmark();
        header.set_mark(Mark::Trash);
    }
}

fn guard(trash: &Trash) {
    for object in trash {
        // SAFETY: members of the trash are live.
        unsafe { retain(object.as_ptr()) };
    }
}

/// Calls each finalizer that never ran, on an intact graph.
#[inline(never)]
fn finalize_garbage(core: &HeapCore, trash: &Trash) -> usize {
    let mut called = 0;
    for &object in trash {
        if wants_finalizer(object) {
            // SAFETY: guarded, hence live and counted.
            unsafe {
                let (info, _) = describe(object.as_ptr());
                call_finalizer(core, object.as_ptr(), info);
            }
            called += 1;
        }
    }
    called
}

/// Whether only its guard holds a member of the trash.
fn is_loose(object: &NonNull<Header>) -> bool {
    // SAFETY: guarded, hence live.
    let header = unsafe { object.as_ref() };
    !header.is_immortal() && header.count() == 1
}

/// Lets those go that only their guard holds: finalizers cut the last reference
/// to them. In CPython, which guards no more than the object whose finalizer
/// runs, they died right then, and do not count as found by the collection.
fn release_loose(trash: Trash, kept: &Members) -> Trash {
    let falls = |object: &NonNull<Header>| is_loose(object) && !kept.contains(object);
    let mut trash = trash;
    loop {
        let mut loose: Trash = trash.iter().copied().filter(falls).collect();
        if loose.is_empty() {
            return trash;
        }
        let members: Members = trash.iter().copied().collect();
        let mut gone = vec![false; trash.len()];
        while let Some(object) = loose.pop() {
            match members.place(&object) {
                Some(place) if !gone[place] => gone[place] = true,
                _ => continue,
            }
            let mut next = Vec::new();
            // SAFETY: guarded, hence live until its guard is given up here.
            unsafe {
                each_edge(object.as_ptr(), |target| next.push(target));
                object.as_ref().unmark();
                release(object.as_ptr());
            }
            loose.extend(next.into_iter().filter(|target| {
                members.place(target).is_some_and(|place| !gone[place]) && falls(target)
            }));
        }
        trash.retain(|object| members.place(object).is_some_and(|place| !gone[place]));
    }
}

/// Reachability again, among the trash alone: what user code made reachable
/// survives, with all it refers to. Returns the rest. CPython untracks survivors
/// of the examination only, so what is resurrected stays tracked for now.
#[inline(never)]
fn handle_resurrected(core: &HeapCore, trash: Trash, untracked: &Members) -> Trash {
    let mut work = Work::over(core, trash);
    work.guards = 1;
    for index in 0..work.candidates.len() {
        work.mark_candidate(work.candidates[index]);
    }
    let run = catch_unwind(AssertUnwindSafe(|| {
        phases::subtract_refs(&mut work);
        if work.breach.is_none() {
            phases::move_unreachable(&mut work);
        }
    }));
    let sound = core.was_sound(run, &work);
    let (trash, survivors): (Trash, Trash) = work.candidates.iter().partition(|object| {
        // SAFETY: guarded, hence live.
        sound && unsafe { object.as_ref() }.is_marked(Mark::Candidate)
    });
    hide(&trash);
    for &object in &survivors {
        // SAFETY: guarded, hence live.
        unsafe {
            keep_suspect(object);
            if !untracked.contains(&object) {
                note_unexamined(object.as_ref());
            }
        }
    }
    for object in survivors {
        // SAFETY: the guard is given up. Where nothing else holds the object
        // (the pass was given up), it dies here by its count.
        unsafe { release(object.as_ptr()) };
    }
    trash
}

/// Clears weak references that finalizers made, drops every value, then frees
/// every block. No user code can reach a member any more.
#[inline(never)]
fn delete_garbage(core: &HeapCore, trash: &Trash) {
    let mut cleared = Cleared::default();
    for object in trash {
        // SAFETY: members of the trash are live until freed below. A doomed
        // count cannot be brought to zero by the edges inside the trash.
        unsafe {
            if object.as_ref().has(HAS_WEAK) {
                weak::clear(object.as_ptr(), &mut cleared, |_| false);
            }
            object.as_ref().word.set(DOOMED_WORD & !CLEAN);
        }
    }
    for object in trash {
        // SAFETY: the value is dropped once; what it refers to inside the
        // trash is still allocated.
        unsafe {
            let (info, bytes) = describe(object.as_ptr());
            death::drop_value(core, object.as_ptr(), info, bytes);
        }
    }
    for object in trash {
        // SAFETY: all values of the trash are dropped, so nobody refers to it.
        unsafe {
            let (info, _) = describe(object.as_ptr());
            death::free(core, object.as_ptr(), info.holds);
        }
    }
    // Values that finalizers gave to keys in the trash: they are outside of it.
    drop(cleared);
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use crate::{Finalize, Gc, GcAny, Heap, Trace};

    #[derive(Trace)]
    struct Node(RefCell<Vec<GcAny>>);

    #[derive(Trace)]
    #[trace(finalize)]
    struct Cuts {
        itself: RefCell<Option<Gc<Cuts>>>,
        other: RefCell<Option<Gc<Node>>>,
    }

    impl Finalize for Cuts {
        fn finalize(this: &Gc<Self>) {
            this.other.take();
        }
    }

    fn node(heap: &Heap, refers: &[&Gc<Node>]) -> Gc<Node> {
        let refers = refers.iter().map(|&to| Gc::erase(to.clone()));
        heap.alloc(Node(RefCell::new(refers.collect())))
    }

    #[test]
    fn what_a_finalizer_lets_go_dies_alone_and_what_it_held_is_found() {
        let heap = Heap::builder().enabled(false).build();
        // A finalizer lets go of the first of a chain of two; the chain refers
        // to a ring, which is garbage of its own.
        let ring = node(&heap, &[]);
        ring.0.borrow_mut().push(Gc::erase(ring.clone()));
        let second = node(&heap, &[&ring]);
        let first = node(&heap, &[&second, &ring]);
        let cuts = heap.alloc(Cuts {
            itself: RefCell::default(),
            other: RefCell::new(Some(first)),
        });
        *cuts.itself.borrow_mut() = Some(cuts.clone());
        drop((ring, second, cuts));
        assert_eq!(heap.live_objects(), 4);
        // The chain died by its counts, and is not counted.
        assert_eq!(heap.collect_all(), 2);
        assert_eq!(heap.live_objects(), 0);
        heap.verify().unwrap();
    }
}
