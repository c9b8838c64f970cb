//! Breaks one structure of a heap, so that tests can see `verify` notice it.
//!
//! Compiled with the feature `testing` only. Every change is undone by the
//! value that it returns: until then the heap may be verified and nothing else.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use crate::alloc::arena::page_of;
use crate::alloc::page::{AVAILABLE, CURRENT, FreeBlock, IN_MIDDLE, IN_SUSPECT, IN_YOUNG};
use crate::alloc::page::{Page, PageKind, describe};
use crate::alloc::prefix::{IN_PAGE, Prefix};
use crate::gc::collector::visitors::each_edge;
use crate::gc::header::{CLEAN, COPY_ONE, HAS_WEAK, Header, IMMORTAL, Mark, PREFIXED, UNTRACKED};
use crate::gc::weak;
use crate::heap::Heap;
use crate::heap::builder::Mode;
use crate::heap::core::HeapCore;

/// Ways to break a heap.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    MarkLeft,
    CopyLeft,
    CountTooLow,
    ImmortalThatCounts,
    TrackedLeaf,
    WeakListEmpty,
    WeakTargetWrong,
    FreeListLoops,
    FreeListLeavesPage,
    FreeBlockLive,
    LiveBlocksMiscounted,
    PageOfAnotherHeap,
    PageWithoutType,
    CarvedHalfABlock,
    YoungPageUnaware,
    SuspectPageUnaware,
    SuspectUnlisted,
    MiddleUnlisted,
    FloorUnderYoung,
    CurrentAndAvailable,
    RegistryPlaceWrong,
    RegisteredMiscounted,
    FootprintAbovePeak,
    PagesMiscounted,
    /// Debug mode: the byte behind an object.
    GuardOverwritten,
}

impl Corruption {
    /// All of them.
    pub const ALL: [Corruption; 25] = [
        Corruption::MarkLeft,
        Corruption::CopyLeft,
        Corruption::CountTooLow,
        Corruption::ImmortalThatCounts,
        Corruption::TrackedLeaf,
        Corruption::WeakListEmpty,
        Corruption::WeakTargetWrong,
        Corruption::FreeListLoops,
        Corruption::FreeListLeavesPage,
        Corruption::FreeBlockLive,
        Corruption::LiveBlocksMiscounted,
        Corruption::PageOfAnotherHeap,
        Corruption::PageWithoutType,
        Corruption::CarvedHalfABlock,
        Corruption::YoungPageUnaware,
        Corruption::SuspectPageUnaware,
        Corruption::SuspectUnlisted,
        Corruption::MiddleUnlisted,
        Corruption::FloorUnderYoung,
        Corruption::CurrentAndAvailable,
        Corruption::RegistryPlaceWrong,
        Corruption::RegisteredMiscounted,
        Corruption::FootprintAbovePeak,
        Corruption::PagesMiscounted,
        Corruption::GuardOverwritten,
    ];
}

/// Puts a broken structure right again.
#[doc(hidden)]
#[must_use = "the heap stays broken until this is called"]
pub struct Undo(Box<dyn FnOnce()>);

impl Undo {
    /// Restores what the corruption changed.
    pub fn undo(self) {
        (self.0)();
    }
}

/// Sets a cell until the returned value is undone.
fn change<T: Copy + 'static>(cell: &Cell<T>, value: T) -> Undo {
    let old = cell.replace(value);
    let cell = ptr::from_ref(cell);
    // SAFETY: cells of a heap stay where they are while nothing but `verify`
    // runs on it, which is what the caller is told.
    Undo(Box::new(move || unsafe { (*cell).set(old) }))
}

impl Heap {
    /// Breaks one structure. `None` when the heap has nothing of the kind.
    #[doc(hidden)]
    pub fn corrupt(&self, how: Corruption) -> Option<Undo> {
        let core = self.core();
        match how {
            Corruption::FootprintAbovePeak => {
                let now = core.footprint_bytes.get();
                Some(change(&core.peak_footprint_bytes, now.checked_sub(1)?))
            }
            Corruption::PagesMiscounted => plus_one(&core.pages_in_use),
            Corruption::RegisteredMiscounted => plus_one(&core.source_objects),
            Corruption::RegistryPlaceWrong => {
                let object = first_object(core, registered)?;
                // SAFETY: registered objects have a prefix.
                plus_one(unsafe { &(*Prefix::of(object.as_ptr())).index })
            }
            Corruption::GuardOverwritten => overwrite_guard(core),
            Corruption::FreeListLoops
            | Corruption::FreeListLeavesPage
            | Corruption::FreeBlockLive
            | Corruption::LiveBlocksMiscounted
            | Corruption::PageOfAnotherHeap
            | Corruption::PageWithoutType
            | Corruption::CarvedHalfABlock
            | Corruption::YoungPageUnaware
            | Corruption::FloorUnderYoung
            | Corruption::SuspectPageUnaware
            | Corruption::CurrentAndAvailable => corrupt_page(core, how),
            _ => corrupt_object(core, how),
        }
    }
}

fn plus_one(cell: &Cell<usize>) -> Option<Undo> {
    Some(change(cell, cell.get() + 1))
}

fn overwrite_guard(core: &HeapCore) -> Option<Undo> {
    if core.mode != Mode::Debug {
        return None;
    }
    let object = first_object(core, registered)?;
    // SAFETY: in debug mode guard bytes follow each registered object.
    let guard: &'static Cell<u8> = unsafe {
        let bytes = (*Prefix::of(object.as_ptr())).object_bytes;
        &*object.as_ptr().wrapping_byte_add(bytes).cast::<Cell<u8>>()
    };
    Some(change(guard, !guard.get()))
}

/// The first page in use that fits.
fn first_page(core: &HeapCore, fits: impl Fn(&Page) -> bool) -> Option<&'static Page> {
    let mut found = None;
    core.each_page(|page| {
        if found.is_none() && fits(page) {
            // SAFETY: metadata of a page in use stays until the page is
            // released, which nothing does before the corruption is undone.
            found = Some(unsafe { &*ptr::from_ref(page) });
        }
    });
    found
}

fn corrupt_page(core: &HeapCore, how: Corruption) -> Option<Undo> {
    let typed = |page: &Page| page.kind.get() == PageKind::Typed;
    let any = first_page(core, |page| typed(page) && !page.free.get().is_null())?;
    let block = any.free.get();
    match how {
        Corruption::FreeListLoops => change_next(block, block),
        Corruption::FreeListLeavesPage => change_next(block, block.wrapping_byte_add(1 << 20)),
        Corruption::FreeBlockLive => {
            // SAFETY: a member of a free list is a block with a header.
            Some(change(unsafe { &(*block).header.word }, CLEAN | 1))
        }
        Corruption::LiveBlocksMiscounted => Some(change(&any.used, any.used.get() + 1)),
        Corruption::PageOfAnotherHeap => Some(change(&any.core, ptr::null_mut())),
        Corruption::PageWithoutType => Some(change(&any.info, ptr::null())),
        Corruption::CarvedHalfABlock => Some(change(&any.carved_bytes, any.carved_bytes.get() + 8)),
        Corruption::YoungPageUnaware => forget_flag(core, IN_YOUNG),
        Corruption::FloorUnderYoung => {
            let page = first_page(core, |page| page.has(IN_YOUNG))?;
            Some(change(&page.floor, 1))
        }
        Corruption::SuspectPageUnaware => forget_flag(core, IN_SUSPECT),
        _ => {
            let page = first_page(core, |page| page.has(CURRENT) && !page.has(AVAILABLE))?;
            page.set(AVAILABLE);
            Some(Undo(Box::new(|| page.clear(AVAILABLE))))
        }
    }
}

fn change_next(block: *mut FreeBlock, next: *mut FreeBlock) -> Option<Undo> {
    // SAFETY: a member of a free list has a next pointer behind its header.
    Some(change(unsafe { &(*block).next }, next))
}

/// A page that stands in a list no longer says so.
fn forget_flag(core: &HeapCore, flag: u8) -> Option<Undo> {
    let page = first_page(core, |page| page.has(flag))?;
    page.clear(flag);
    Some(Undo(Box::new(move || page.set(flag))))
}

/// The first object that fits.
fn first_object(core: &HeapCore, fits: impl Fn(&Header) -> bool) -> Option<NonNull<Header>> {
    let mut found = None;
    core.each_object(|object| {
        // SAFETY: enumerated objects are live.
        if found.is_none() && fits(unsafe { object.as_ref() }) {
            found = Some(object);
        }
    });
    found
}

fn registered(header: &Header) -> bool {
    // SAFETY: a prefixed object has a prefix.
    header.has(PREFIXED) && unsafe { (*Prefix::of(header)).index.get() } != IN_PAGE
}

fn holds(header: &Header) -> bool {
    // SAFETY: only live objects are asked.
    unsafe { describe(header) }.0.holds
}

/// Whether an object stands in a page of its type without a list flag.
fn in_page_without(header: &Header, flag: u8) -> bool {
    // SAFETY: an object without a prefix stands in a page.
    holds(header) && !header.has(PREFIXED) && !unsafe { &*page_of(header) }.has(flag)
}

fn corrupt_object(core: &HeapCore, how: Corruption) -> Option<Undo> {
    let object = first_object(core, |header| match how {
        Corruption::TrackedLeaf => !holds(header),
        Corruption::WeakListEmpty => !header.has(HAS_WEAK),
        Corruption::WeakTargetWrong => header.has(HAS_WEAK),
        Corruption::SuspectUnlisted => in_page_without(header, IN_SUSPECT),
        Corruption::MiddleUnlisted => {
            // SAFETY: as in `in_page_without`, which is asked first.
            in_page_without(header, IN_MIDDLE) && unsafe { &*page_of(header) }.floor.get() == 0
        }
        _ => holds(header),
    })?;
    // SAFETY: a live object; its cells stay where they are.
    let header: &'static Header = unsafe { &*object.as_ptr() };
    let (word, scratch) = (header.word.get(), header.scratch.get());
    match how {
        Corruption::MarkLeft => Some(change(&header.scratch, scratch | Mark::Live as u32)),
        Corruption::CopyLeft => Some(change(&header.scratch, scratch + COPY_ONE)),
        Corruption::CountTooLow => lower_count(core),
        Corruption::ImmortalThatCounts => Some(change(&header.word, word | IMMORTAL)),
        Corruption::TrackedLeaf => Some(change(&header.scratch, scratch & !UNTRACKED)),
        Corruption::WeakListEmpty => {
            // SAFETY: live; makes the page's table if there is none.
            unsafe { *crate::alloc::blocks::weak_list(core, header) = ptr::null() };
            Some(change(&header.scratch, scratch | HAS_WEAK))
        }
        Corruption::WeakTargetWrong => {
            // SAFETY: live, and it has weak references.
            let first = unsafe { weak::box_of(weak::first_of(header)) };
            Some(change(first.target_cell(), ptr::null()))
        }
        Corruption::SuspectUnlisted => Some(change(&header.word, word & !CLEAN)),
        _ => Some(change(&header.scratch, scratch & !0b11 | 1)),
    }
}

/// An object with an edge to it loses the count of that edge.
fn lower_count(core: &HeapCore) -> Option<Undo> {
    let mut target = None;
    core.each_object(|object| {
        // SAFETY: enumerated objects are live, and so are their edges.
        unsafe { each_edge(object.as_ptr(), |edge| target = Some(edge)) };
    });
    // SAFETY: as above.
    let header: &'static Header = unsafe { &*target?.as_ptr() };
    Some(change(&header.word, CLEAN))
}
