//! Declared roots: named handles that the audit and holder paths know of.

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;

use super::Heap;
use crate::gc::handle::{Gc, GcAny};
use crate::gc::header::Header;
use crate::gc::trace::Trace;

#[derive(Default)]
pub(crate) struct RootTable {
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
}

struct Entry {
    name: Box<str>,
    header: NonNull<Header>,
}

impl RootTable {
    fn add(&mut self, name: &str, header: NonNull<Header>) -> usize {
        let entry = Some(Entry {
            name: name.into(),
            header,
        });
        match self.free.pop() {
            Some(index) => {
                self.entries[index] = entry;
                index
            }
            None => {
                self.entries.push(entry);
                self.entries.len() - 1
            }
        }
    }

    fn remove(&mut self, index: usize) {
        self.entries[index] = None;
        self.free.push(index);
    }

    /// The objects held, one entry per root.
    pub(crate) fn headers(&self) -> impl Iterator<Item = NonNull<Header>> + '_ {
        self.entries.iter().flatten().map(|entry| entry.header)
    }

    /// Names and objects.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, NonNull<Header>)> {
        let entries = self.entries.iter().flatten();
        entries.map(|entry| (&*entry.name, entry.header))
    }
}

/// A declared root: a handle with a name, held from outside of the heap.
///
/// Declared roots are what [`Heap::audit`] accepts as holders, and the objects
/// they pin are never a reason to examine the heap.
pub struct Root<T: Trace> {
    object: Gc<T>,
    heap: Heap,
    index: usize,
}

impl Heap {
    /// Declares a root called `name`.
    pub fn root<T: Trace>(&self, name: &str, object: Gc<T>) -> Root<T> {
        let header = NonNull::from(object.header_ref());
        let index = self.core().roots.borrow_mut().add(name, header);
        Root {
            object,
            heap: self.clone(),
            index,
        }
    }

    /// The declared roots, by name and object.
    pub fn roots(&self) -> Vec<(String, GcAny)> {
        let table = self.core().roots.borrow();
        table
            .named()
            // SAFETY: a declared root holds a count of its object.
            .map(|(name, header)| (name.to_owned(), unsafe { GcAny::share(header.as_ptr()) }))
            .collect()
    }
}

impl<T: Trace> Deref for Root<T> {
    type Target = Gc<T>;
    fn deref(&self) -> &Gc<T> {
        &self.object
    }
}

impl<T: Trace> Drop for Root<T> {
    /// Releases the root; the handle is dropped after that, which makes the
    /// object a suspect unless it dies.
    fn drop(&mut self) {
        self.heap.core().roots.borrow_mut().remove(self.index);
    }
}

impl<T: Trace> fmt::Debug for Root<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({:#x})", Gc::address(&self.object))
    }
}
