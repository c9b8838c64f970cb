//! Freeing a wide collection's trash by pages, in one walk.
//!
//! Where no user code has a say (no finalizer, no weak reference, no value whose
//! drop does more than to give up edges), members of the trash are not dropped
//! one by one: references among them vanish with them, those that lead out of
//! the trash are given up. A page without survivors is reset without touching
//! its blocks. Survivors are settled in the same walk.
//!
//! A dead block keeps its mark until the walk is over, so that an edge to it is
//! still seen to lead into the trash. Hence nothing is allocated and no page
//! released meanwhile: deaths of what the trash held are put off to the end.
//!
//! An edge of the trash to an object that a full collection found reachable is
//! given up without making it a suspect: it was found reachable without that
//! edge, so whatever makes it unreachable later is another decrement.

use std::ptr::{self, NonNull};

use super::super::death::{self, NESTING};
use super::super::handle::release;
use super::super::header::{FINALIZED, HAS_WEAK, Header, Mark as State};
use super::super::trace::{Edge, Visitor};
use super::settle::Settling;
use super::visitors::Traced;
use super::wide;
use super::work::{Ahead, Work};
use crate::alloc::page::{FreeBlock, Page, describe};
use crate::gc::type_info::TypeInfo;
use crate::heap::core::HeapCore;
use crate::heap::surface::DebugFlags;

const TRASH: u32 = State::Candidate as u32;
const LIVE: u32 = State::Live as u32;

/// Gives up the edges of dying objects, some edges after they are met.
pub(crate) struct Release {
    settling: Settling,
    ahead: Ahead,
    /// Members of the trash in the page at hand.
    dead: u32,
}

impl Visitor for Release {
    const THROUGH_BORROWS: bool = true;

    #[inline]
    fn edge(&mut self, Edge(target): Edge) {
        if let Some(arrived) = self.ahead.exchange(target) {
            self.give_up(arrived);
        }
    }
}

impl Release {
    #[inline]
    fn give_up(&mut self, target: NonNull<Header>) {
        // SAFETY: the target is live, or a dead block of this walk.
        let header = unsafe { target.as_ref() };
        match header.mark_bits() {
            TRASH => {}
            LIVE if self.settling.is_full() => {
                debug_assert!(header.count() > 1, "something else holds what is reachable");
                header.word.set(header.word.get() - 1);
            }
            _ => self.give_up_outside(target),
        }
    }

    /// The target may die: it is not examined, and only the trash held it. It
    /// then waits in the queue of deaths.
    #[cold]
    fn give_up_outside(&mut self, target: NonNull<Header>) {
        // SAFETY: the target is live; the dying object's count of it is given
        // up.
        unsafe { release(target.as_ptr()) };
    }
}

/// Whether user code has no say in the end of any member of the trash.
pub(super) fn may_free(core: &HeapCore, work: &Work) -> bool {
    let flags = core.debug.get();
    if flags.contains(DebugFlags::SAVEALL) || flags.contains(DebugFlags::COLLECTABLE) {
        return false; // Each member is kept, or told about.
    }
    if core.tracer.is_on() {
        return false; // Each free is recorded.
    }
    let mut quiet = true;
    let mut look = |object: NonNull<Header>| {
        // SAFETY: enumerated objects are live.
        unsafe {
            let header = object.as_ref();
            if header.is_marked(State::Candidate) && !header.is_vacant() {
                quiet &= is_quiet(header, describe(header).0);
            }
        }
    };
    wide::each_page(core, work.oldest, |page| {
        // SAFETY: the pointer is null or that of a type's table.
        let info = unsafe { page.info.get().as_ref() };
        let all_quiet =
            info.is_some_and(|info| info.trace.release.is_some() && info.finalize.is_none());
        if !all_quiet || !page.weak_lists.get().is_null() {
            page.headers().filter_map(NonNull::new).for_each(&mut look);
        }
    });
    wide::each_registered(core, work.oldest, look);
    quiet
}

fn is_quiet(header: &Header, info: &TypeInfo) -> bool {
    let finalizer = info.finalize.is_some() && !header.has(FINALIZED);
    info.trace.release.is_some() && !finalizer && !header.has(HAS_WEAK)
}

/// Frees the trash of a wide collection and settles the survivors.
#[inline(never)]
pub(super) fn delete_garbage(core: &HeapCore, work: &Work, generation: usize) {
    let waiting = core.deferred.borrow().len();
    let depth = core.depth.replace(NESTING);
    let mut release = Release {
        settling: Settling::new(core, generation),
        ahead: Ahead::default(),
        dead: 0,
    };
    let mut dead_pages: *const Page = ptr::null();
    wide::each_page(core, work.oldest, |page| {
        release.settling.begin_page(page);
        release.dead = 0;
        visit_page(page, &mut release);
        release.settling.end_page(page);
        if release.dead > 0 && take_blocks(core, page, release.dead) {
            page.next_available.set(dead_pages);
            dead_pages = page;
        }
    });
    wide::each_registered(core, work.oldest, |object| {
        // SAFETY: registered objects are live.
        unsafe { visit_one(object, &mut release) };
    });
    for arrived in release.ahead.drain() {
        release.give_up(arrived);
    }
    free_registered(core, generation);
    core.promote(generation);
    // SAFETY: dead pages are in use until they are released here.
    while let Some(page) = unsafe { dead_pages.as_ref() } {
        dead_pages = page.next_available.replace(ptr::null());
        core.release_page(page);
    }
    core.depth.set(depth);
    death::bury_deferred(core, waiting);
}

fn visit_page(page: &Page, release: &mut Release) {
    // SAFETY: a typed page's objects are of its type. Others are asked one by
    // one; their headers are initialised.
    unsafe {
        match page.info.get().as_ref() {
            Some(info) => match info.trace.release_page {
                Some(release_page) => release_page(page, release),
                None => page.headers().for_each(|header| {
                    settle_in_page(release, header);
                }),
            },
            None => {
                for object in page.headers().filter_map(NonNull::new) {
                    visit_one(object, release);
                }
            }
        }
    }
}

/// Gives up the edges of a page's trash and settles its survivors.
///
/// # Safety
/// 1. The page is typed, and its objects are of kind `T`.
pub(super) unsafe fn release_page<T: Traced>(page: &Page, release: &mut Release) {
    let bytes = page.block_bytes.get() as usize;
    for header in page.headers() {
        // SAFETY: headers of carved blocks are initialised; what is marked is
        // of the page's kind by duty 1.
        unsafe {
            if (*header).is_marked(State::Candidate) && !(*header).is_vacant() {
                release.dead += 1;
                T::trace(header, bytes, release);
            } else {
                settle_in_page(release, header);
            }
        }
    }
}

#[inline]
unsafe fn settle_in_page(release: &mut Release, header: *mut Header) {
    // SAFETY: the caller's header is initialised.
    unsafe {
        if let Some(object) = NonNull::new(header)
            && !(*header).is_vacant()
        {
            release.settling.settle_one(object);
        }
    }
}

/// # Safety
/// 1. `object` has an initialised header in a page, or is registered.
unsafe fn visit_one(object: NonNull<Header>, release: &mut Release) {
    // SAFETY: duty 1; what is not vacant is live.
    unsafe {
        let header = object.as_ref();
        if header.is_vacant() {
            return;
        }
        if !header.is_marked(State::Candidate) {
            release.settling.settle_one(object);
            return;
        }
        release.dead += 1;
        let (info, bytes) = describe(header);
        if let Some(trace) = info.trace.release {
            trace(header, bytes, release);
        }
    }
}

/// Frees the dead blocks of a page. True when nothing else is in it and it is
/// to be released.
fn take_blocks(core: &HeapCore, page: &Page, dead: u32) -> bool {
    if page.live() == dead {
        return core.empty_page(page);
    }
    let lead = page.header_offset();
    let mut free = page.free.get();
    for header in page.headers() {
        // SAFETY: headers of carved blocks are initialised. The dead ones are
        // ours: the mark stays in the scratch word, the rest is overwritten.
        unsafe {
            if (*header).is_marked(State::Candidate) && !(*header).is_vacant() {
                (*header).word.set(0);
                let block = header.byte_sub(lead).cast::<FreeBlock>();
                if lead != 0 {
                    block.cast::<u64>().write(0);
                }
                (&raw mut (*block).next).write(std::cell::Cell::new(free));
                free = block;
            }
        }
    }
    page.free.set(free);
    core.give_many(page, dead);
    false
}

/// Frees the dead among the registered objects: the walk is over, nobody looks
/// at their marks any more.
fn free_registered(core: &HeapCore, generation: usize) {
    for slot in 0..=generation {
        let mut index = core.registry.borrow()[slot].len();
        while index > 0 {
            index -= 1;
            let header = core.registry.borrow()[slot][index];
            // SAFETY: registered objects are live; the last one of the list
            // takes the place of the one that is freed.
            unsafe {
                if (*header).is_marked(State::Candidate) {
                    core.give_object(header);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use crate::{Finalize, Gc, Heap, Trace};

    /// Nobody has a say in its end.
    #[derive(Trace)]
    struct Quiet(RefCell<Option<Gc<Quiet>>>);

    /// Its value's drop does more than to give up edges.
    #[derive(Trace)]
    struct Drops(
        RefCell<Option<Gc<Drops>>>,
        #[trace(leaf)]
        #[expect(dead_code)]
        Told,
    );

    struct Told(Rc<Cell<usize>>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    thread_local! {
        static FINALIZED: Cell<usize> = const { Cell::new(0) };
    }

    #[derive(Trace)]
    #[trace(finalize)]
    struct Ends(RefCell<Option<Gc<Ends>>>);

    impl Finalize for Ends {
        fn finalize(_: &Gc<Self>) {
            FINALIZED.with(|count| count.set(count.get() + 1));
        }
    }

    /// Enough for pages of their own.
    const COUNT: usize = 3000;

    #[test]
    fn drops_finalizers_and_weak_references_see_what_wide_collections_free() {
        for (drops, ends, weak) in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0), (1, 1, 1)] {
            let heap = Heap::builder().enabled(false).build();
            heap.examine_widely_above(Some(0));
            FINALIZED.set(0);
            let told = Rc::new(Cell::new(0));
            let mut watch = Vec::new();
            for index in 0..COUNT {
                let it = heap.alloc(Quiet(RefCell::default()));
                *it.0.borrow_mut() = Some(it.clone());
                if index == COUNT - 1 && weak == 1 {
                    watch.push(Gc::downgrade(&it));
                }
            }
            for _ in 0..COUNT * drops {
                let it = heap.alloc(Drops(RefCell::default(), Told(told.clone())));
                *it.0.borrow_mut() = Some(it.clone());
            }
            for _ in 0..COUNT * ends {
                let it = heap.alloc(Ends(RefCell::default()));
                *it.0.borrow_mut() = Some(it.clone());
            }
            assert_eq!(heap.collect_all(), COUNT * (1 + drops + ends));
            assert_eq!((told.get(), FINALIZED.get()), (COUNT * drops, COUNT * ends));
            assert!(
                watch
                    .iter()
                    .all(|weak| weak.is_dead() && weak.upgrade().is_none())
            );
            heap.verify().unwrap();
            watch.clear();
            assert_eq!(heap.memory().live_blocks, 0);
        }
    }
}
