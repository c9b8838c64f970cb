//! What each phase does with an edge.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::super::handle::GcBox;
use super::super::header::{
    COPY_MAX, COPY_ONE, GENERATION_MASK, Header, IMMORTAL, MARK_MASK, Mark as State, UNTRACKED,
};
use super::super::trace::{Edge, Trace, Visitor};
use super::super::type_info::TypeInfo;
use super::super::weak;
use super::bulk::{Release, release_page};
#[cfg(feature = "parallel")]
use super::parallel::{self, MarkShared, SubtractShared};
use super::promote::{generation_of, untracks_by_now};
use super::work::Work;
use crate::alloc::page::{Page, owner_of};
use crate::inspect::place::{Element, Place};

/// How the edges of all blocks of one kind are visited.
///
/// # Safety
/// 1. `trace` keeps the duties of [`Trace`] for everything in the block.
/// 2. `EDGES_ONLY` keeps what [`Trace::EDGES_ONLY`] says.
pub(crate) unsafe trait Traced: 'static {
    const EDGES_ONLY: bool;

    /// Visits every owned edge of a block (`bytes` from its header on) once.
    ///
    /// # Safety
    /// 1. `header` belongs to a live block of this kind.
    unsafe fn trace<V: Visitor>(header: *const Header, bytes: usize, visitor: &mut V);
}

/// [`Traced`] for objects that are nothing but a `T`.
pub(crate) struct Whole<T>(PhantomData<T>);

// SAFETY: the one value in the block is visited.
unsafe impl<T: Trace> Traced for Whole<T> {
    const EDGES_ONLY: bool = T::EDGES_ONLY;
    #[inline(always)]
    unsafe fn trace<V: Visitor>(header: *const Header, _: usize, visitor: &mut V) {
        // SAFETY: the caller passes the header of a live `GcBox<T>`.
        unsafe { GcBox::<T>::value(header) }.trace(visitor);
    }
}

/// The visits of one kind of block, by phase. Those of an object take its
/// header and the bytes of its block from there on; those of a page visit the
/// objects in it that the phase is about, and must be told a page of this kind.
pub(crate) struct Visits {
    pub(crate) subtract: unsafe fn(*const Header, usize, &mut Subtract<'_>),
    pub(crate) subtract_page: unsafe fn(&Page, &mut SubtractAhead<'_>),
    pub(crate) mark: unsafe fn(*const Header, usize, &mut Mark<'_>),
    pub(crate) each: unsafe fn(*const Header, usize, &mut Each<'_>),
    #[cfg(feature = "parallel")]
    pub(crate) subtract_shared: unsafe fn(*const Header, usize, &mut SubtractShared<'_>),
    #[cfg(feature = "parallel")]
    pub(crate) subtract_page_shared: unsafe fn(&Page, &mut SubtractShared<'_>),
    #[cfg(feature = "parallel")]
    pub(crate) mark_shared: unsafe fn(*const Header, usize, &mut MarkShared<'_>),
    /// Both are `None` where a dying value does more than to give up its edges.
    pub(crate) release: Option<unsafe fn(*const Header, usize, &mut Release)>,
    pub(crate) release_page: Option<unsafe fn(&Page, &mut Release)>,
}

impl Visits {
    pub(crate) const fn of<T: Traced>() -> Visits {
        Visits {
            // SAFETY: whoever calls owes what `trace` asks for.
            subtract: |header, bytes, visitor| unsafe { T::trace(header, bytes, visitor) },
            subtract_page: subtract_page::<T>,
            // SAFETY: as above.
            mark: |header, bytes, visitor| unsafe { T::trace(header, bytes, visitor) },
            // SAFETY: as above.
            each: |header, bytes, visitor| unsafe { T::trace(header, bytes, visitor) },
            #[cfg(feature = "parallel")]
            // SAFETY: as above.
            subtract_shared: |header, bytes, visitor| unsafe { T::trace(header, bytes, visitor) },
            #[cfg(feature = "parallel")]
            subtract_page_shared: parallel::subtract_page::<T>,
            #[cfg(feature = "parallel")]
            // SAFETY: as above.
            mark_shared: |header, bytes, visitor| unsafe { T::trace(header, bytes, visitor) },
            release: if T::EDGES_ONLY { Some(T::trace) } else { None },
            release_page: if T::EDGES_ONLY {
                Some(release_page::<T>)
            } else {
                None
            },
        }
    }
}

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
                    subtract_rarely(self.work, target);
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
        let excluded = self.work.filled
            || (scratch & GENERATION_MASK).cast_signed() > self.work.oldest
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
        if unsafe { generation_of(target.as_ptr()) }.cast_signed() > self.work.oldest {
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
}

/// The copy is at 0 (a breach) or too large for the header.
#[cold]
fn subtract_rarely(work: &mut Work, target: NonNull<Header>) {
    // SAFETY: an owned edge leads to a live object.
    let header = unsafe { target.as_ref() };
    if header.copied_count() == 0 {
        work.breach = Some(target);
        return;
    }
    let key = target.addr().get();
    let left = work.large_counts.get(&key).copied().unwrap_or(COPY_MAX) - 1;
    if left >= COPY_MAX {
        work.large_counts.insert(key, left);
    } else {
        work.large_counts.remove(&key);
        header.set_copied_count(left);
    }
}

/// Trial deletion in a wide collection, where no object joins any more: ends of
/// edges are fetched some edges before they are looked at.
pub(crate) struct SubtractAhead<'a> {
    pub(crate) work: &'a mut Work,
}

impl Visitor for SubtractAhead<'_> {
    #[inline]
    fn edge(&mut self, Edge(target): Edge) {
        if let Some(arrived) = self.work.ahead.exchange(target) {
            self.subtract(arrived);
        }
    }
}

impl SubtractAhead<'_> {
    #[inline]
    fn subtract(&mut self, target: NonNull<Header>) {
        // SAFETY: an owned edge leads to a live object.
        let header = unsafe { target.as_ref() };
        let scratch = header.scratch.get();
        if matches!(scratch & MARK_MASK, PENDING | CANDIDATE) {
            let copy = scratch / COPY_ONE;
            if copy == 0 || copy == COPY_MAX {
                subtract_rarely(self.work, target);
            } else {
                header.scratch.set(scratch - COPY_ONE);
            }
        }
    }

    /// Looks at what is still on its way.
    pub(super) fn finish(mut self) {
        for arrived in self.work.ahead.drain() {
            self.subtract(arrived);
        }
    }
}

/// Subtracts the edges of a page's candidates that await it.
///
/// # Safety
/// 1. The page is typed, and its objects are of kind `T`.
unsafe fn subtract_page<T: Traced>(page: &Page, visitor: &mut SubtractAhead<'_>) {
    let bytes = page.block_bytes.get() as usize;
    for header in page.headers() {
        // SAFETY: headers of carved blocks are initialised; what is marked is
        // live, and of the page's kind by duty 1.
        unsafe {
            if (*header).is_marked(State::Pending) && !(*header).is_vacant() {
                (*header).set_mark(State::Candidate);
                T::trace(header, bytes, visitor);
            }
        }
    }
}

/// Marking: what an edge of a reachable object reaches is reachable. Its header
/// is read when it comes out of the mark stack, not here.
pub(crate) struct Mark<'a> {
    pub(crate) work: &'a mut Work,
}

impl Visitor for Mark<'_> {
    #[inline]
    fn edge(&mut self, Edge(target): Edge) {
        self.work.push_grey(target);
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

/// The same for who knows the object's type and the bytes of its block.
///
/// # Safety
/// 1. `header` belongs to a live object.
/// 2. `info` and `bytes` are what `describe` says of it.
pub(crate) unsafe fn each_edge_of(
    header: *const Header,
    info: &TypeInfo,
    bytes: usize,
    mut visit: impl FnMut(NonNull<Header>),
) {
    let mut each = Each {
        visit: &mut |target, _| visit(target),
        place: Place::default(),
        keys: false,
    };
    // SAFETY: the duties.
    unsafe { (info.trace.each)(header, bytes, &mut each) };
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
        (info.trace.each)(header, bytes, &mut each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Heap;

    /// How an edge is subtracted, until it is seen.
    type Way = fn(&mut Work, NonNull<Header>);

    const WAYS: [(&str, Way); 2] = [
        ("one by one", |work, target| {
            Subtract { work }.edge(Edge(target))
        }),
        ("some edges later", |work, target| {
            let mut ahead = SubtractAhead { work };
            ahead.edge(Edge(target));
            ahead.finish();
        }),
    ];

    #[test]
    fn a_count_too_large_for_the_header_comes_back_to_it() {
        let heap = Heap::builder().enabled(false).build();
        let object = heap.alloc(1_u64);
        let target = NonNull::from(object.header_ref());
        let header = object.header_ref();
        let word = header.word.get();
        for (name, subtract) in WAYS {
            let mut work = Work::new(heap.core(), 2);
            header.word.set(COPY_MAX + 2);
            work.mark_candidate(target);
            for left in [COPY_MAX + 1, COPY_MAX] {
                subtract(&mut work, target);
                assert_eq!(header.copied_count(), COPY_MAX, "{name}");
                assert_eq!(work.large_counts[&target.addr().get()], left, "{name}");
            }
            for left in [COPY_MAX - 1, COPY_MAX - 2] {
                subtract(&mut work, target);
                assert_eq!(header.copied_count(), left, "{name}");
                assert!(work.large_counts.is_empty(), "{name}");
            }
            assert!(work.breach.is_none(), "{name}");
            header.unmark();
        }
        header.word.set(word);
    }

    #[test]
    fn an_edge_more_than_counted_is_a_breach() {
        let heap = Heap::builder().enabled(false).build();
        let object = heap.alloc(1_u64);
        let target = NonNull::from(object.header_ref());
        for (name, subtract) in WAYS {
            let mut work = Work::new(heap.core(), 2);
            work.mark_candidate(target);
            subtract(&mut work, target);
            assert_eq!((work.breach, object.header_ref().copied_count()), (None, 0));
            subtract(&mut work, target);
            assert_eq!(work.breach, Some(target), "{name}");
            object.header_ref().unmark();
        }
    }
}
