//! What each phase does with an edge.

use std::ptr::NonNull;

use super::super::header::{
    COPY_MAX, COPY_ONE, GENERATION_MASK, Header, IMMORTAL, MARK_MASK, Mark as State, UNTRACKED,
};
use super::super::trace::{Edge, Trace, Visitor};
use super::super::weak;
use super::promote::untracks_by_now;
use super::work::Work;
use crate::alloc::page::owner_of;
use crate::inspect::place::{Element, Place};

/// Trial deletion: takes one off the copied count of each candidate that an
/// edge reaches, and makes candidates of what the closure reaches first.
pub(crate) struct Subtract<'a> {
    pub(crate) work: &'a mut Work,
}

impl Visitor for Subtract<'_> {
    #[inline]
    fn edge(&mut self, Edge(target): Edge) {
        // SAFETY: an owned edge leads to a live object.
        let header = unsafe { target.as_ref() };
        let scratch = header.scratch.get();
        match scratch & MARK_MASK {
            NONE => self.meet(target),
            PENDING | CANDIDATE => {
                let copy = scratch / COPY_ONE;
                if copy == 0 || copy == COPY_MAX {
                    self.subtract_rarely(target);
                } else {
                    header.scratch.set(scratch - COPY_ONE);
                }
            }
            _ => {}
        }
    }
}

const NONE: u32 = State::None as u32;
const PENDING: u32 = State::Pending as u32;
const CANDIDATE: u32 = State::Candidate as u32;

impl Subtract<'_> {
    /// A key is a candidate: its ephemerons join, for what they hold may be
    /// reachable through it alone. No edge is subtracted.
    ///
    /// # Safety
    /// 1. `key` is a live object with weak references.
    pub(crate) unsafe fn meet_ephemerons(&mut self, key: NonNull<Header>) {
        // SAFETY: duty 1.
        unsafe {
            weak::each_ephemeron(key.as_ptr(), |ephemeron| {
                if ephemeron.as_ref().is_marked(State::None) {
                    self.join(ephemeron);
                }
            });
        }
    }

    /// First edge to an object: it joins the candidates, if it may.
    #[inline]
    fn meet(&mut self, target: NonNull<Header>) {
        if self.join(target) {
            self.edge(Edge(target));
        }
    }

    /// Makes an object a candidate, if it may be one.
    #[inline(always)]
    fn join(&mut self, target: NonNull<Header>) -> bool {
        // SAFETY: an owned edge leads to a live object.
        let header = unsafe { target.as_ref() };
        let scratch = header.scratch.get();
        let excluded = (scratch & GENERATION_MASK).cast_signed() > self.work.oldest
            || scratch & UNTRACKED != 0
            || header.word.get() & IMMORTAL != 0;
        if excluded {
            return false;
        }
        // SAFETY: as above.
        let (core, info) = unsafe { owner_of(target.as_ptr()) };
        if core.cast_const() != self.work.core {
            return false;
        }
        // SAFETY: as above.
        if info.untracks_in.is_some() && unsafe { untracks_by_now(target.as_ptr()) } {
            header.set(UNTRACKED);
            return false;
        }
        self.work.add_candidate(target);
        true
    }

    /// The copy is at 0 (a breach) or too large for the header.
    #[cold]
    fn subtract_rarely(&mut self, target: NonNull<Header>) {
        // SAFETY: as above.
        let header = unsafe { target.as_ref() };
        if header.copied_count() == 0 {
            self.work.breach = Some(target);
            return;
        }
        let key = target.addr().get();
        let left = self
            .work
            .large_counts
            .get(&key)
            .copied()
            .unwrap_or(COPY_MAX)
            - 1;
        if left >= COPY_MAX {
            self.work.large_counts.insert(key, left);
        } else {
            self.work.large_counts.remove(&key);
            header.set_copied_count(left);
        }
    }
}

/// Marking: a tentatively unreachable object that an edge reaches is reachable.
pub(crate) struct Mark<'a> {
    pub(crate) work: &'a mut Work,
}

impl Visitor for Mark<'_> {
    #[inline]
    fn edge(&mut self, Edge(target): Edge) {
        // SAFETY: an owned edge leads to a live object.
        let header = unsafe { target.as_ref() };
        if header.is_marked(State::Candidate) {
            self.work.make_grey(target);
        }
    }

    /// A key that is still a candidate comes back to its ephemerons when it is
    /// found reachable: see [`Mark::follow_key`].
    fn edge_with_key(&mut self, Edge(key): Edge, value: Edge) {
        // SAFETY: the key of an ephemeron is valid until it is cleared.
        if !unsafe { key.as_ref() }.is_marked(State::Candidate) {
            self.edge(value);
        }
    }
}

impl Mark<'_> {
    /// A key is reachable: so are the values of the ephemerons that are.
    ///
    /// # Safety
    /// 1. `key` is a live object with weak references.
    pub(crate) unsafe fn follow_key(&mut self, key: NonNull<Header>) {
        // SAFETY: duty 1; ephemerons and values are live.
        unsafe {
            weak::each_ephemeron(key.as_ptr(), |ephemeron| {
                if !ephemeron.as_ref().is_marked(State::Candidate) {
                    weak::box_of(ephemeron.as_ptr()).trace(self);
                }
            });
        }
    }
}

/// Inspection: hands each edge to a function, with the place where it stands.
pub(crate) struct Each<'a> {
    pub(crate) visit: &'a mut dyn FnMut(NonNull<Header>, &Place),
    pub(crate) place: Place,
    /// Whether the text of keys is wanted: it costs an allocation each.
    pub(crate) keys: bool,
}

impl Visitor for Each<'_> {
    #[inline]
    fn edge(&mut self, Edge(target): Edge) {
        (self.visit)(target, &self.place);
    }

    #[inline]
    fn at_field(&mut self, name: &'static str) {
        self.place.field = name;
        self.place.element = Element::None;
    }

    #[inline]
    fn at_index(&mut self, index: usize) {
        self.place.element = Element::Index(index);
    }

    #[inline]
    fn at_key<K: Trace>(&mut self, key: &K) {
        let text = if self.keys { key.__key_text() } else { None };
        self.place.element = Element::Key(text);
    }
}

/// Hands each edge of an object to a function.
///
/// # Safety
/// 1. `header` belongs to a live object.
pub(crate) unsafe fn each_edge(header: *const Header, mut visit: impl FnMut(NonNull<Header>)) {
    // SAFETY: duty 1.
    unsafe { each_place(header, false, |target, _| visit(target)) };
}

/// Hands each edge of an object to a function, with the place where it stands;
/// the text of keys only with `keys`.
///
/// # Safety
/// 1. `header` belongs to a live object.
pub(crate) unsafe fn each_place(
    header: *const Header,
    keys: bool,
    mut visit: impl FnMut(NonNull<Header>, &Place),
) {
    let mut each = Each {
        visit: &mut visit,
        place: Place::default(),
        keys,
    };
    // SAFETY: duty 1.
    unsafe {
        let (info, bytes) = crate::alloc::page::describe(header);
        (info.each)(header, bytes, &mut each);
    }
}
