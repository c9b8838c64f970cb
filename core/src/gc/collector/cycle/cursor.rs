//! A walk over the old generation that stops and goes on, whatever happens to
//! pages and arenas meanwhile.
//!
//! Every page that is in use from its beginning to its end is met exactly once,
//! in address order; pages that come or go meanwhile once or not at all.
//! Registered objects come last, from the end of their list: one that dies puts
//! the list's last one, which is known already, into its place, so that none is
//! missed.

use std::ptr::NonNull;

use super::super::wide;
use crate::alloc::arena::PAGES;
use crate::alloc::page::Page;
use crate::gc::header::Header;
use crate::heap::core::HeapCore;

/// Where the walk goes on.
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor {
    /// Address of the arena at hand.
    arena: usize,
    /// Its place in the core's list when it was looked up last.
    place: usize,
    /// The next page in it.
    page: usize,
    /// Registered objects not yet met; `None` while there are pages.
    registered: Option<usize>,
}

/// What the walk meets.
pub(super) enum Met<'a> {
    Page(&'a Page),
    Registered(NonNull<Header>),
}

impl Cursor {
    /// The next page that may hold a candidate, or registered old object.
    pub(super) fn next(&mut self, core: &HeapCore) -> Option<Met<'static>> {
        while self.registered.is_none() {
            match self.next_page(core) {
                Some(page) if wide::holds_candidates(page) => return Some(Met::Page(page)),
                Some(_) => {}
                None => self.registered = Some(usize::MAX),
            }
        }
        let list = &core.registry.borrow()[2];
        let index = self.registered?.min(list.len()).checked_sub(1)?;
        self.registered = Some(index);
        NonNull::new(list[index]).map(Met::Registered)
    }

    fn next_page(&mut self, core: &HeapCore) -> Option<&'static Page> {
        loop {
            self.find_arena(core)?;
            let arena = core.arenas.borrow()[self.place];
            // SAFETY: listed arenas are mapped.
            if let Some((index, page)) = unsafe { arena.as_ref() }.page_from(self.page) {
                self.page = index + 1;
                // SAFETY: a page in use; the caller lets go of it before the slice ends.
                return Some(unsafe { page.as_ref() });
            }
            self.page = PAGES;
        }
    }

    /// Goes to the arena of the lowest address, from the one at hand on, that
    /// has pages left to meet.
    fn find_arena(&mut self, core: &HeapCore) -> Option<()> {
        let arenas = core.arenas.borrow();
        // SAFETY: listed arenas are mapped.
        let at = |place: usize| Some(unsafe { arenas.get(place)?.as_ref() }.base());
        let left = self.page < PAGES;
        if left && at(self.place) == Some(self.arena) {
            return Some(());
        }
        let from = self.arena + usize::from(!left);
        let later = (0..arenas.len()).filter(|&place| at(place) >= Some(from));
        let place = later.min_by_key(|&place| at(place))?;
        if at(place) != Some(self.arena) {
            self.page = 0;
        }
        self.arena = at(place)?;
        self.place = place;
        Some(())
    }
}

#[cfg(test)]
mod tests;
