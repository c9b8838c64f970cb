//! A place for an optional reference inside a node, whatever cell it is made of.

use std::cell::{Cell, RefCell};

/// Takes, lends and replaces what a cell holds.
pub(super) trait Place<H> {
    fn holding(reference: Option<H>) -> Self;
    fn put(&self, reference: Option<H>);
    fn lend<R>(&self, work: impl FnOnce(Option<&H>) -> R) -> R;
}

impl<H> Place<H> for Cell<Option<H>> {
    #[inline]
    fn holding(reference: Option<H>) -> Self {
        Cell::new(reference)
    }

    #[inline]
    fn put(&self, reference: Option<H>) {
        drop(self.replace(reference));
    }

    #[inline]
    fn lend<R>(&self, work: impl FnOnce(Option<&H>) -> R) -> R {
        let held = self.take();
        let result = work(held.as_ref());
        self.set(held);
        result
    }
}

impl<H> Place<H> for RefCell<Option<H>> {
    #[inline]
    fn holding(reference: Option<H>) -> Self {
        RefCell::new(reference)
    }

    #[inline]
    fn put(&self, reference: Option<H>) {
        // The old one dies after the borrow has ended.
        let old = self.replace(reference);
        drop(old);
    }

    #[inline]
    fn lend<R>(&self, work: impl FnOnce(Option<&H>) -> R) -> R {
        work(self.borrow().as_ref())
    }
}

impl<H: gc::Trace> Place<H> for gc::GcCell<Option<H>> {
    #[inline]
    fn holding(reference: Option<H>) -> Self {
        gc::GcCell::new(reference)
    }

    #[inline]
    fn put(&self, reference: Option<H>) {
        let old = std::mem::replace(&mut *self.borrow_mut(), reference);
        drop(old);
    }

    #[inline]
    fn lend<R>(&self, work: impl FnOnce(Option<&H>) -> R) -> R {
        work(self.borrow().as_ref())
    }
}
