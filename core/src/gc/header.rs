//! The 8-byte header in front of every object, and who owns which bit.
//!
//! ```text
//!   word    31 CLEAN   30 IMMORTAL   29..0 reference count
//!   scratch 31..9 copied count   8..6 mark   5 PREFIXED   4 UNTRACKED
//!           3 HAS_WEAK   2 FINALIZED   1..0 generation
//! ```
//!
//! | bits | written by | when |
//! |---|---|---|
//! | count | handles | always |
//! | `CLEAN` | allocation sets it; the first fall to a non-zero count clears it; a full collection sets it again on what it examined | outside and at the end of marking |
//! | `IMMORTAL` | `make_immortal`, a saturated count | sticky |
//! | generation | allocation (0), promotion at the end of a collection, freeze | |
//! | `FINALIZED` | before the one call of a finalizer | sticky |
//! | `UNEXAMINED` | freezing and resurrection, in types that may be untracked | until a collection untracks or passes |
//! | `HAS_WEAK` | creation and clearing of weak references | |
//! | `UNTRACKED` | allocation of leaf types; untracking of tuples and dicts | |
//! | `PREFIXED` | allocation: type and heap stand in front of the header | never changes |
//! | mark, copied count | the collector only; zero whenever user code runs, save for `Trash` and, on a heap with bounded pauses, `Cycle` | |
//!
//! `word == 0` means a free block, an object under construction or one that is
//! being freed: none of them is visible to a collection or can be upgraded to.
//!
//! The sign of `word` is the *clean* state, so that one signed compare on the
//! decrement serves zero, immortal and first fall together.

use std::cell::Cell;
#[cfg(feature = "parallel")]
use std::sync::atomic::AtomicU32;

/// Set while the count has not fallen to a non-zero value since a full
/// collection last examined the object (or since its birth).
pub(crate) const CLEAN: u32 = 1 << 31;
/// Sticky: the count no longer moves.
pub(crate) const IMMORTAL: u32 = 1 << 30;
pub(crate) const COUNT_MASK: u32 = IMMORTAL - 1;
/// The word of every immortal object; far from both ends of its range.
pub(crate) const IMMORTAL_WORD: u32 = CLEAN | IMMORTAL | (1 << 29);
/// The word of an object whose clearing has begun: no decrement from inside
/// the trash can bring it to zero.
pub(crate) const DOOMED_WORD: u32 = 1 << 29;

pub(crate) const GENERATION_MASK: u32 = 0b11;
/// The generation number of frozen objects: above every collected one.
pub(crate) const FROZEN: u32 = 3;
pub(crate) const FINALIZED: u32 = 1 << 2;
/// The same bit where it has no other meaning, in objects of types that
/// collections untrack and that have no finalizer: it came to its generation by
/// freezing or by resurrection, and no collection that would have untracked it
/// has examined it since.
pub(crate) const UNEXAMINED: u32 = FINALIZED;
pub(crate) const HAS_WEAK: u32 = 1 << 3;
pub(crate) const UNTRACKED: u32 = 1 << 4;
pub(crate) const PREFIXED: u32 = 1 << 5;
/// What outlives a collection; the rest of the scratch word is the collector's.
pub(crate) const FLAGS_MASK: u32 = (1 << MARK_SHIFT) - 1;

const MARK_SHIFT: u32 = 6;
pub(crate) const MARK_MASK: u32 = 0b111 << MARK_SHIFT;
pub(crate) const COPY_SHIFT: u32 = 9;
/// One unit of the copied count.
pub(crate) const COPY_ONE: u32 = 1 << COPY_SHIFT;
/// Copied counts at or above this value stand in the collector's side table.
pub(crate) const COPY_MAX: u32 = (1 << (32 - COPY_SHIFT)) - 1;

/// Where an object stands in the running collection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Mark {
    /// Not examined by this collection.
    None = 0,
    /// Candidate whose own edges are not subtracted yet.
    Pending = 1 << MARK_SHIFT,
    /// Candidate, edges subtracted: tentatively unreachable.
    Candidate = 2 << MARK_SHIFT,
    /// Found reachable, edges not followed yet.
    Grey = 3 << MARK_SHIFT,
    /// Found reachable, edges followed.
    Live = 4 << MARK_SHIFT,
    /// Held by a declared root while seeds are gathered.
    Pinned = 5 << MARK_SHIFT,
    /// Found unreachable, not yet freed: walks of the heap do not show it. The
    /// only mark that stands while user code runs, here or on another heap,
    /// beside `Cycle`.
    Trash = 6 << MARK_SHIFT,
    /// An old object that an incremental cycle has met (heaps with bounded
    /// pauses). Stands between its slices; to other phases such an object is
    /// none of theirs. In place of a copied count it has [`LISTED`],
    /// [`REACHED`] and [`NOTE_MASK`].
    Cycle = 7 << MARK_SHIFT,
}

/// With `Cycle`: one of the cycle's lists has the object's address between two
/// slices. The block of a listed object that dies stays taken until it is off
/// the list: `death::die` and `give_object` take the slow way for this bit.
/// Never set while objects die otherwise, since no copied count stands then.
pub(crate) const LISTED: u32 = 1 << 31;
/// With `Cycle`: found reachable.
pub(crate) const REACHED: u32 = 1 << 30;
/// With `Cycle`: edges met that lead to the object, later its rank among the
/// suspected objects of its page.
pub(crate) const NOTE_MASK: u32 = (1 << 30) - COPY_ONE;
pub(crate) const NOTE_MAX: u32 = NOTE_MASK >> COPY_SHIFT;

#[repr(C)]
pub(crate) struct Header {
    pub(crate) word: Cell<u32>,
    pub(crate) scratch: Cell<u32>,
}

const _: () = assert!(size_of::<Header>() == 8);

impl Header {
    /// The header of a newborn that can hold references: clean, young, tracked.
    pub(crate) const fn container() -> Header {
        Header {
            word: Cell::new(CLEAN | 1),
            scratch: Cell::new(0),
        }
    }

    /// The header of a newborn leaf: it can never be part of a cycle, so it
    /// needs no first-fall bookkeeping and is never examined.
    pub(crate) const fn leaf() -> Header {
        Header {
            word: Cell::new(1),
            scratch: Cell::new(UNTRACKED),
        }
    }

    /// The scratch word while several threads look at headers.
    #[cfg(feature = "parallel")]
    #[inline]
    pub(crate) fn shared_scratch(&self) -> &AtomicU32 {
        // SAFETY: size and alignment of the cell are those of the atomic. In
        // phases that use this, nobody reaches the word in any other way.
        unsafe { AtomicU32::from_ptr(self.scratch.as_ptr()) }
    }

    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.word.get() & COUNT_MASK
    }

    #[inline]
    pub(crate) fn is_immortal(&self) -> bool {
        self.word.get() & IMMORTAL != 0
    }

    /// Free, under construction or being freed.
    #[inline]
    pub(crate) fn is_vacant(&self) -> bool {
        self.word.get() == 0
    }

    /// Its count fell to a non-zero value since a full collection examined it.
    #[inline]
    pub(crate) fn is_suspect(&self) -> bool {
        self.word.get() & CLEAN == 0
    }

    /// A suspect that is neither vacant nor immortal, in one compare: only its
    /// count is set.
    #[inline]
    pub(crate) fn is_live_suspect(&self) -> bool {
        self.word.get().wrapping_sub(1) < COUNT_MASK
    }

    #[inline]
    pub(crate) fn has(&self, flag: u32) -> bool {
        self.scratch.get() & flag != 0
    }

    #[inline]
    pub(crate) fn set(&self, flag: u32) {
        self.scratch.set(self.scratch.get() | flag);
    }

    #[inline]
    pub(crate) fn clear(&self, flag: u32) {
        self.scratch.set(self.scratch.get() & !flag);
    }

    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.scratch.get() & GENERATION_MASK
    }

    #[inline]
    pub(crate) fn set_generation(&self, generation: u32) {
        let rest = self.scratch.get() & !GENERATION_MASK;
        self.scratch.set(rest | generation);
    }

    #[inline]
    pub(crate) fn mark_bits(&self) -> u32 {
        self.scratch.get() & MARK_MASK
    }

    #[inline]
    pub(crate) fn is_marked(&self, mark: Mark) -> bool {
        self.mark_bits() == mark as u32
    }

    #[inline]
    pub(crate) fn set_mark(&self, mark: Mark) {
        let rest = self.scratch.get() & !MARK_MASK;
        self.scratch.set(rest | mark as u32);
    }

    /// An object that leaves the old generation is none of the incremental
    /// cycle's any more, once no list of it has it.
    #[inline]
    pub(crate) fn leave_cycle(&self) {
        if self.is_marked(Mark::Cycle) && !self.has(LISTED) {
            self.unmark();
        }
    }

    /// Marked by a collection that runs from its beginning to its end, not by an
    /// incremental cycle.
    #[inline]
    pub(crate) fn is_examined(&self) -> bool {
        let marks = self.mark_bits().wrapping_sub(Mark::Pending as u32);
        marks < Mark::Cycle as u32 - Mark::Pending as u32
    }

    #[inline]
    pub(crate) fn copied_count(&self) -> u32 {
        self.scratch.get() >> COPY_SHIFT
    }

    #[inline]
    pub(crate) fn set_copied_count(&self, count: u32) {
        let rest = self.scratch.get() & (COPY_ONE - 1);
        self.scratch.set(rest | (count << COPY_SHIFT));
    }

    /// Marks a candidate whose edges are still to be subtracted, with its count
    /// copied.
    #[inline]
    pub(crate) fn begin_candidate(&self, count: u32) {
        let flags = self.scratch.get() & FLAGS_MASK;
        let mark = Mark::Pending as u32;
        self.scratch.set(flags | mark | (count << COPY_SHIFT));
    }

    /// Takes the collector's mark and copied count away.
    #[inline]
    pub(crate) fn unmark(&self) {
        self.scratch.set(self.scratch.get() & FLAGS_MASK);
    }
}

#[cfg(test)]
mod tests;
