//! Declared roots and native handles: named references from outside of the heap that the audit and holder paths know of.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::Location;
use std::ptr::NonNull;

use super::Heap;
use super::core::HeapCore;
use crate::gc::handle::{Gc, GcAny};
use crate::gc::header::Header;
use crate::gc::trace::Trace;

#[derive(Default)]
pub(crate) struct RootTable {
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    /// Entries added so far.
    generation: u32,
}

struct Entry {
    name: Box<str>,
    header: NonNull<Header>,
    /// Where a native handle was declared; `None` for a root.
    native: Option<&'static Location<'static>>,
    /// Native code has the handle as a token: the entry itself owns the count.
    is_token: bool,
    /// Tells this entry's token from those of earlier entries at its place.
    generation: u32,
}

impl RootTable {
    fn add(
        &mut self,
        name: &str,
        header: NonNull<Header>,
        native: Option<&'static Location<'static>>,
    ) -> usize {
        self.generation = self.generation.wrapping_add(1);
        let entry = Some(Entry {
            name: name.into(),
            header,
            native,
            is_token: false,
            generation: self.generation,
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

    /// Makes a handle's entry a token, which owns the handle's count.
    fn give_out(&mut self, index: usize) -> usize {
        let entry = self.entries[index].as_mut();
        let entry = entry.expect("a handle's entry is there as long as the handle");
        entry.is_token = true;
        (entry.generation as usize) << PLACE_BITS | index
    }

    fn remove(&mut self, index: usize) {
        self.entries[index] = None;
        self.free.push(index);
    }

    /// The objects held, one entry per root.
    pub(crate) fn headers(&self) -> impl Iterator<Item = NonNull<Header>> + '_ {
        self.entries.iter().flatten().map(|entry| entry.header)
    }

    /// Names and objects of the roots.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, NonNull<Header>)> {
        let entries = self.entries.iter().flatten();
        let roots = entries.filter(|entry| entry.native.is_none());
        roots.map(|entry| (&*entry.name, entry.header))
    }

    /// Owners and objects of the native handles, and where they were declared.
    pub(crate) fn natives(
        &self,
    ) -> impl Iterator<Item = (&str, NonNull<Header>, &'static Location<'static>)> {
        let entries = self.entries.iter().flatten();
        entries.filter_map(|entry| Some((&*entry.name, entry.header, entry.native?)))
    }
}

/// A declared root: a handle with a name, held from outside of the heap.
///
/// Declared roots are what [`Heap::audit`] accepts as holders, and the objects
/// they pin are never a reason to examine the heap.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let root = heap.root("config", heap.alloc(1));
/// assert_eq!(heap.roots()[0].0, "config");
/// assert!(heap.audit().findings.is_empty(), "every count is explained");
/// drop(root);
/// assert_eq!(heap.live_objects(), 0);
/// ```
pub struct Root<T: Trace> {
    object: Gc<T>,
    heap: Heap,
    index: usize,
}

impl Heap {
    /// Declares a root called `name`.
    pub fn root<T: Trace>(&self, name: &str, object: Gc<T>) -> Root<T> {
        let header = NonNull::from(object.header_ref());
        let index = self.core().roots.borrow_mut().add(name, header, None);
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

/// A handle that code outside of Rust's sight holds: a callback's user data in a C library, an object in a foreign queue.
///
/// An undeclared one is a count that nothing explains, which an audit must take for a lost decrement. Declared, it is listed
/// with its owner and the line that declared it ([`Audit::pins`](crate::Audit::pins)), and one more in each iteration is a
/// *native pin*: what has to let go is the native code.
///
/// ```
/// # use exuvia_core::Heap;
/// let heap = Heap::new();
/// let token = heap.native("sqlite hook", heap.alloc(7_u64)).into_token();
/// // `token` goes to C as its user data. Nothing is wrong meanwhile, and the audit knows who has the object:
/// let audit = heap.audit();
/// assert!(audit.findings.is_empty());
/// assert_eq!(audit.pins[0].owner, "sqlite hook");
/// // The C library gives it back:
/// let handle = heap.native_from_token::<u64>(token).unwrap();
/// assert_eq!(**handle, 7);
/// drop(handle);
/// assert_eq!(heap.live_objects(), 0);
/// ```
pub struct NativeHandle<T: Trace> {
    root: Root<T>,
}

/// Bits of a token that hold the entry's place; those above hold its generation.
const PLACE_BITS: u32 = 32;

impl Heap {
    /// Declares that `owner`, code outside of the heap, holds the object.
    #[track_caller]
    pub fn native<T: Trace>(&self, owner: &str, object: Gc<T>) -> NativeHandle<T> {
        let header = NonNull::from(object.header_ref());
        let declared = Some(Location::caller());
        let index = self.core().roots.borrow_mut().add(owner, header, declared);
        NativeHandle {
            root: Root {
                object,
                heap: self.clone(),
                index,
            },
        }
    }

    /// Takes a handle back from native code; `None` when the token is not one of this heap that is out, or its object not a `T`.
    pub fn native_from_token<T: Trace>(&self, token: usize) -> Option<NativeHandle<T>> {
        let mut table = self.core().roots.borrow_mut();
        let index = token & ((1 << PLACE_BITS) - 1);
        let entry = table.entries.get_mut(index)?.as_mut()?;
        if !entry.is_token || token >> PLACE_BITS != entry.generation as usize {
            return None;
        }
        // SAFETY: an entry that is a token owns a count of its object.
        let object = ManuallyDrop::new(unsafe { GcAny::from_header(entry.header.as_ptr()) });
        if !object.is::<T>() {
            return None;
        }
        entry.is_token = false;
        let object = ManuallyDrop::into_inner(object).downcast::<T>().ok()?;
        Some(NativeHandle {
            root: Root {
                object,
                heap: self.clone(),
                index,
            },
        })
    }
}

impl<T: Trace> NativeHandle<T> {
    /// Gives the handle to native code as a number, for a `void *` or the like. It stays declared, and the object alive,
    /// until [`Heap::native_from_token`] takes it back; a token that is lost is a native pin.
    #[must_use = "the object stays alive until the token is given back"]
    pub fn into_token(self) -> usize {
        let root = ManuallyDrop::new(self.root);
        let token = root.heap.core().roots.borrow_mut().give_out(root.index);
        // The entry owns the object's count from now on; it does not keep the heap open.
        HeapCore::release_handle(root.heap.core);
        token
    }
}

impl<T: Trace> Deref for NativeHandle<T> {
    type Target = Gc<T>;
    fn deref(&self) -> &Gc<T> {
        &self.root.object
    }
}

impl<T: Trace + fmt::Debug> fmt::Debug for NativeHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.object.fmt(f)
    }
}
