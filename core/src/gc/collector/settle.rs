//! The end of a wide collection's examination: marks of survivors go, a full
//! collection makes them clean, the trash is gathered.

use std::ptr::NonNull;

use super::super::header::{CLEAN, Header, Mark};
#[cfg(feature = "parallel")]
use super::parallel;
use super::promote::untrack_survivor;
use super::wide;
use crate::alloc::page::Page;
use crate::heap::core::HeapCore;

/// A walk over the objects of the collected generations.
pub(super) struct Settling {
    core: *const HeapCore,
    generation: usize,
    /// In the page at hand: a suspect stays behind.
    suspect_left: bool,
    may_untrack: bool,
    /// Members of the trash met by [`Settling::settle`].
    pub(super) trash: Vec<NonNull<Header>>,
}

impl Settling {
    pub(super) fn new(core: &HeapCore, generation: usize) -> Settling {
        Settling {
            core,
            generation,
            suspect_left: false,
            may_untrack: true,
            trash: Vec::new(),
        }
    }

    #[cfg(feature = "parallel")]
    pub(super) fn generation(&self) -> usize {
        self.generation
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.generation == 2
    }

    /// Settles every survivor and gathers the trash, by so many threads.
    pub(super) fn settle(&mut self, threads: usize) {
        let oldest = self.generation as i32;
        // SAFETY: the core outlives its collection.
        let core = unsafe { &*self.core };
        match threads {
            #[cfg(feature = "parallel")]
            2.. => parallel::settle(core, threads, self),
            _ => wide::each_page(core, oldest, |page| {
                self.visit_page(page);
                self.end_page(page);
            }),
        }
        self.may_untrack = true;
        wide::each_registered(core, oldest, |object| {
            // SAFETY: registered headers are initialised.
            unsafe { self.settle_or_gather(object) };
        });
    }

    /// Settles the survivors of a page and gathers its trash.
    pub(super) fn visit_page(&mut self, page: &Page) {
        self.begin_page(page);
        for object in page.headers().filter_map(NonNull::new) {
            // SAFETY: headers of carved blocks are initialised.
            unsafe { self.settle_or_gather(object) };
        }
    }

    /// Takes over what another walk found in one page.
    #[cfg(feature = "parallel")]
    pub(super) fn take_over(&mut self, part: Settling) {
        self.suspect_left = part.suspect_left;
        self.trash.extend(part.trash);
    }

    /// # Safety
    /// 1. `object` has an initialised header in a page, or is registered.
    #[inline]
    unsafe fn settle_or_gather(&mut self, object: NonNull<Header>) {
        // SAFETY: duty 1; what is not vacant is live.
        unsafe {
            let header = object.as_ref();
            if header.is_vacant() {
                return;
            }
            if header.is_marked(Mark::Candidate) {
                self.trash.push(object);
            } else {
                self.settle_one(object);
            }
        }
    }

    pub(super) fn begin_page(&mut self, page: &Page) {
        self.suspect_left = false;
        self.may_untrack = wide::may_untrack(page);
    }

    /// A full collection took every page off the list of those with suspects.
    pub(super) fn end_page(&mut self, page: &Page) {
        if self.suspect_left {
            // SAFETY: the core outlives its collection.
            unsafe { &*self.core }.list_suspect(page);
        }
    }

    /// Settles an object that is no trash.
    ///
    /// # Safety
    /// 1. `object` is live.
    #[inline]
    pub(super) unsafe fn settle_one(&mut self, object: NonNull<Header>) {
        // SAFETY: duty 1.
        let header = unsafe { object.as_ref() };
        if header.is_examined() {
            // SAFETY: duty 1.
            unsafe { self.settle_examined(object) };
        } else if self.is_full() && header.is_suspect() && !header.is_immortal() {
            // SAFETY: duty 1.
            self.suspect_left |= unsafe { wide::holds(header) };
        }
    }

    /// Takes the mark of a survivor away.
    ///
    /// # Safety
    /// 1. `object` is live.
    #[inline]
    pub(super) unsafe fn settle_examined(&self, object: NonNull<Header>) {
        // SAFETY: duty 1.
        let header = unsafe { object.as_ref() };
        header.unmark();
        if self.is_full() {
            header.word.set(header.word.get() | CLEAN);
        }
        if self.may_untrack {
            // SAFETY: duty 1.
            unsafe { untrack_survivor(object, self.generation) };
        }
    }
}
