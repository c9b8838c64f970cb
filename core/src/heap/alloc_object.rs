//! Making objects.

use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::Heap;
use super::core::HeapCore;
use super::errors::AllocError;
use crate::alloc::arena::page_of;
use crate::alloc::blocks::Room;
use crate::alloc::page::describe;
use crate::alloc::prefix::{IN_PAGE, Prefix};
use crate::gc::handle::{Gc, GcBox};
use crate::gc::header::{Header, PREFIXED};
use crate::gc::tail::{self, Tailed};
use crate::gc::trace::Trace;
use crate::gc::type_info::TypeInfo;
use crate::gc::weak::{self, Cleared, Weak};

impl Heap {
    /// Puts a value on the heap. A collection that is due runs first.
    ///
    /// # Panics
    /// When memory is out, the heap's limit is reached or the heap is closed;
    /// see [`Heap::try_alloc`].
    #[inline(always)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn alloc<T: Trace>(&self, value: T) -> Gc<T> {
        let core = self.core();
        // Stays in registers: were a panic to drop it, it would have to lie in memory.
        let value = ManuallyDrop::new(value);
        if T::HOLDS {
            core.count_allocation();
        }
        let info = TypeInfo::of::<T>();
        match core.take_cached(info, const { Layout::new::<GcBox<T>>() }) {
            // SAFETY: the block is ours and fits; the value is not used again.
            Some(header) => unsafe { core.settle(Room { header, flags: 0 }, &value) },
            None => core.alloc_slow(info, ManuallyDrop::into_inner(value)),
        }
    }

    /// Fallible [`Heap::alloc`].
    ///
    /// # Errors
    /// When memory is out, the limit is reached or the heap is closed. The
    /// value is dropped.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_alloc<T: Trace>(&self, value: T) -> Result<Gc<T>, AllocError> {
        if T::HOLDS {
            self.core().count_allocation();
        }
        self.core().alloc_uncounted(value)
    }

    /// Puts a head and a row of items into one block. The places that the
    /// block has beyond the items are filled with `E::default()`.
    ///
    /// # Panics
    /// As [`Heap::alloc`].
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn alloc_with_tail<H, E>(
        &self,
        head: H,
        items: impl ExactSizeIterator<Item = E>,
    ) -> Gc<Tailed<H, E>>
    where
        H: Trace,
        E: Trace + Default,
    {
        match self.try_alloc_with_tail(head, items) {
            Ok(object) => object,
            Err(error) => no_room(&error),
        }
    }

    /// Fallible [`Heap::alloc_with_tail`].
    ///
    /// # Errors
    /// As [`Heap::try_alloc`].
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_alloc_with_tail<H, E>(
        &self,
        head: H,
        items: impl ExactSizeIterator<Item = E>,
    ) -> Result<Gc<Tailed<H, E>>, AllocError>
    where
        H: Trace,
        E: Trace + Default,
    {
        let core = self.core();
        let info = tail::info::<H, E>();
        let too_large = AllocError::OutOfMemory { bytes: usize::MAX };
        let layout = tail::layout::<H, E>(items.len()).ok_or(too_large)?;
        let Room { header, flags } = core.take_counted(info, layout)?;
        let block = Unborn { core, header, info };
        let raw = header.as_ptr();
        // SAFETY: the block is ours and has room for the head and `places`
        // items. `items` is user code: until the header's word is written the
        // block is vacant, and `block` gives it back if that code panics.
        unsafe {
            (*raw).scratch.set(flags);
            let bytes = describe_unborn(raw, layout, flags);
            let places = tail::room::<H, E>(bytes);
            let first = tail::first::<H, E>(raw);
            let mut filled = Filled { first, len: 0 };
            for item in items.take(places) {
                first.add(filled.len).write(item);
                filled.len += 1;
            }
            while filled.len < places {
                first.add(filled.len).write(E::default());
                filled.len += 1;
            }
            std::mem::forget(filled);
            std::mem::forget(block);
            GcBox::<H>::value_ptr(raw).write(head);
            core.bear_late(raw, info);
            Ok(Gc::from_header(raw))
        }
    }

    /// Makes an object that knows a weak reference to itself.
    ///
    /// The reference upgrades only once the object exists.
    ///
    /// # Panics
    /// As [`Heap::alloc`]; a panic of `make` passes through and leaves nothing.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new_cyclic<T: Trace>(&self, make: impl FnOnce(&Weak<T>) -> T) -> Gc<T> {
        match self.try_new_cyclic(make) {
            Ok(object) => object,
            Err(error) => no_room(&error),
        }
    }

    /// Fallible [`Heap::new_cyclic`].
    ///
    /// # Errors
    /// As [`Heap::try_alloc`].
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_new_cyclic<T: Trace>(
        &self,
        make: impl FnOnce(&Weak<T>) -> T,
    ) -> Result<Gc<T>, AllocError> {
        let core = self.core();
        let info = TypeInfo::of::<T>();
        let Room { header, flags } = core.take_counted(info, Layout::new::<GcBox<T>>())?;
        let raw = header.as_ptr();
        // SAFETY: the block is ours; it stays vacant until the value is there.
        unsafe {
            (*raw).scratch.set(flags);
            let block = Unborn { core, header, info };
            let weak = Weak::<T>::to_unborn(core, raw)?;
            let value = make(&weak);
            std::mem::forget(block);
            GcBox::<T>::value_ptr(raw).write(value);
            core.bear_late(raw, info);
            Ok(Gc::from_header(raw))
        }
    }
}

/// A taken block without a value; gives itself back.
struct Unborn<'a> {
    core: &'a HeapCore,
    header: NonNull<Header>,
    info: &'static TypeInfo,
}

impl Drop for Unborn<'_> {
    fn drop(&mut self) {
        // SAFETY: the block is taken, has no value, and only weak references
        // made by `new_cyclic` know it.
        unsafe {
            let mut cleared = Cleared::default();
            weak::clear(self.header.as_ptr(), &mut cleared, |_| false);
            crate::gc::death::free(self.core, self.header.as_ptr(), self.info.holds);
        }
    }
}

/// Items written so far; drops them when filling does not finish.
struct Filled<E> {
    first: *mut E,
    len: usize,
}

impl<E> Drop for Filled<E> {
    fn drop(&mut self) {
        // SAFETY: the first `len` places are initialised and ours.
        unsafe { std::ptr::slice_from_raw_parts_mut(self.first, self.len).drop_in_place() };
    }
}

/// Bytes of a block whose header is not written yet.
#[inline]
unsafe fn describe_unborn(header: *const Header, layout: Layout, flags: u32) -> usize {
    if flags == 0 {
        crate::alloc::size_class::block_bytes(crate::alloc::size_class::class_of(layout.size()))
    } else {
        // SAFETY: the flags, prefix included, stand in the header.
        unsafe { describe(header) }.1
    }
}

impl HeapCore {
    /// Counts one more object that can hold references and collects first
    /// when that is due.
    #[inline(always)]
    pub(crate) fn count_allocation(&self) {
        let count = self.young_count.get() + 1;
        self.young_count.set(count);
        if count > self.trigger.get() {
            self.collect_if_due();
        }
    }

    /// Puts an object on the heap whose table and block are its type's own
    /// affair. A collection that is due runs first. `fill` gets the header and
    /// the bytes of the block from there on; until it is done the block is
    /// vacant, and a panic of `fill` gives it back.
    ///
    /// # Safety
    /// 1. `layout` includes the header. `fill` writes whatever the table's
    ///    functions touch, and nothing beyond the bytes it is told.
    /// 2. A panicking `fill` has dropped what it wrote.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(crate) unsafe fn alloc_block(
        &self,
        info: &'static TypeInfo,
        layout: Layout,
        fill: impl FnOnce(*mut Header, usize),
    ) -> Result<NonNull<Header>, AllocError> {
        let Room { header, flags } = self.take_counted(info, layout)?;
        let raw = header.as_ptr();
        // SAFETY: the block is ours; by the duties it is whole when it is born.
        unsafe {
            (*raw).scratch.set(flags);
            let bytes = describe_unborn(raw, layout, flags);
            let block = Unborn {
                core: self,
                header,
                info,
            };
            let promotions = self.promotions.get();
            fill(raw, bytes);
            std::mem::forget(block);
            if self.promotions.get() == promotions {
                self.bear(raw, info, flags);
            } else {
                self.bear_late(raw, info);
            }
        }
        Ok(header)
    }

    /// The same without ever collecting, for a `fill` that runs no user code.
    ///
    /// # Safety
    /// 1. As of [`alloc_block`](Self::alloc_block), and `fill` does not panic.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(crate) unsafe fn alloc_block_quietly(
        &self,
        info: &'static TypeInfo,
        layout: Layout,
        fill: impl FnOnce(*mut Header),
    ) -> Result<NonNull<Header>, AllocError> {
        if info.holds {
            self.young_count.set(self.young_count.get() + 1);
        }
        match self.take_object(info, layout) {
            Ok(Room { header, flags }) => {
                fill(header.as_ptr());
                // SAFETY: the block is ours, and by the duty whole.
                unsafe { self.bear(header.as_ptr(), info, flags) };
                Ok(header)
            }
            Err(error) => Err(self.uncount(info.holds, error)),
        }
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn alloc_uncounted<T: Trace>(&self, value: T) -> Result<Gc<T>, AllocError> {
        match self.take_object(TypeInfo::of::<T>(), Layout::new::<GcBox<T>>()) {
            // SAFETY: the block is ours and fits; the value is not used again.
            Ok(room) => Ok(unsafe { self.settle(room, &ManuallyDrop::new(value)) }),
            Err(error) => Err(self.uncount(T::HOLDS, error)),
        }
    }

    /// An allocation that is counted and finds no room in the cache. `info` is the type's table under the address that the
    /// cache was asked for: another crate or unit of compilation may have a table of its own.
    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn alloc_slow<T: Trace>(&self, info: &'static TypeInfo, value: T) -> Gc<T> {
        match self.take_counted_slow(info, Layout::new::<GcBox<T>>()) {
            // SAFETY: the block is ours and fits; the value is not used again.
            Ok(room) => unsafe { self.settle(room, &ManuallyDrop::new(value)) },
            Err(error) => no_room(&error),
        }
    }

    /// Moves a value into its room, from where it lies: without optimisation each hand that it went through would have room
    /// for it on the stack. The value comes before the header's word, which makes it visible.
    ///
    /// # Safety
    /// 1. The room was taken for a `GcBox<T>` and is not used yet.
    /// 2. The value is not used again where it was.
    #[inline(always)]
    unsafe fn settle<T: Trace>(&self, room: Room, value: &ManuallyDrop<T>) -> Gc<T> {
        let raw = room.header.as_ptr();
        // SAFETY: the duties.
        unsafe {
            GcBox::<T>::value_ptr(raw).copy_from_nonoverlapping(&raw const **value, 1);
            self.bear(raw, TypeInfo::of::<T>(), room.flags);
            Gc::from_header(raw)
        }
    }

    /// Counts one more object and takes its room; a failure is not counted.
    #[inline(always)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn take_counted(&self, info: &'static TypeInfo, layout: Layout) -> Result<Room, AllocError> {
        if info.holds {
            self.count_allocation();
        }
        match self.take_cached(info, layout) {
            Some(header) => Ok(Room { header, flags: 0 }),
            None => self.take_counted_slow(info, layout),
        }
    }

    #[cold]
    #[inline(never)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn take_counted_slow(
        &self,
        info: &'static TypeInfo,
        layout: Layout,
    ) -> Result<Room, AllocError> {
        self.take_object_slow(info, layout)
            .map_err(|error| self.uncount(info.holds, error))
    }

    #[cold]
    fn uncount(&self, holds: bool, error: AllocError) -> AllocError {
        if holds {
            self.uncount_allocation();
        }
        error
    }

    /// Takes back what [`HeapCore::count_allocation`] counted.
    #[cold]
    pub(crate) fn uncount_allocation(&self) {
        self.young_count
            .set(self.young_count.get().saturating_sub(1));
    }

    /// Bears an object whose block was taken before user code ran. Meanwhile
    /// it may have got weak references, a collection may have promoted its
    /// place in the registry, and its page may have left the young list.
    unsafe fn bear_late(&self, header: *mut Header, info: &'static TypeInfo) {
        // SAFETY: the caller's block; its scratch word was written when it was
        // taken. A prefix in a page, or no prefix, means a page.
        unsafe {
            let flags = (*header).scratch.get();
            let block: *const u8 = if flags & PREFIXED == 0 {
                header.cast()
            } else {
                Prefix::of(header).cast()
            };
            let registered = flags & PREFIXED != 0 && (*Prefix::of(header)).index.get() != IN_PAGE;
            if info.holds && !registered {
                self.list_young(&*page_of(block)); // Its other objects keep their age.
            }
            self.bear(header, info, flags);
        }
    }

    /// Writes the header of a newborn: from here on it exists.
    #[inline(always)]
    unsafe fn bear(&self, header: *mut Header, info: &'static TypeInfo, flags: u32) {
        let newborn = if info.holds {
            Header::container()
        } else {
            Header::leaf()
        };
        newborn.set(flags);
        // SAFETY: the caller's block.
        unsafe { header.write(newborn) };
    }
}

#[cold]
#[cfg_attr(feature = "tracemalloc", track_caller)]
fn no_room(error: &AllocError) -> ! {
    panic!("{error}");
}
