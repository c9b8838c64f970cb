//! Raw buffers of a heap: a list's items, a dict's table.
//!
//! A buffer knows its heap through its own address: small ones stand in a
//! buffer page, the others behind a [`BufferPrefix`]. Bit 0 of the stored
//! pointer tells which, so that an empty owner needs no field for it.
//! Taking a buffer never collects.

use std::ptr::{self, NonNull};

use super::arena::{ask_for_huge_pages_within, page_of};
use super::size_class::{MAX_BLOCK, class_of};
use super::source::{self, Domain};
use crate::heap::builder::Mode;
use crate::heap::core::HeapCore;
use crate::heap::errors::AllocError;
use crate::inspect::tracemalloc::Domain as Tracked;

#[repr(C, align(16))]
struct BufferPrefix {
    core: *mut HeapCore,
    bytes: usize,
}

const LEAD: usize = size_of::<BufferPrefix>();
const FROM_SOURCE: usize = 1;

/// An owned raw buffer; the tagged address of its first byte.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct RawBuffer(NonNull<u8>);

impl RawBuffer {
    /// At least `bytes` bytes, aligned to 16.
    #[inline]
    pub(crate) fn take(core: &HeapCore, bytes: usize) -> Result<RawBuffer, AllocError> {
        if bytes <= MAX_BLOCK
            && let Some(block) = core.take_cached_buffer(class_of(bytes))
        {
            return Ok(RawBuffer(block));
        }
        RawBuffer::take_slow(core, bytes)
    }

    #[cold]
    #[inline(never)]
    fn take_slow(core: &HeapCore, bytes: usize) -> Result<RawBuffer, AllocError> {
        core.admit(bytes)?;
        if core.mode == Mode::Pages && bytes <= MAX_BLOCK && !core.tracer.is_on() {
            return core.take_buffer_block(class_of(bytes)).map(RawBuffer);
        }
        let whole = LEAD
            .checked_add(bytes)
            .ok_or(AllocError::OutOfMemory { bytes })?;
        core.charge(whole)?;
        let Some(block) = source::take(core.mode, whole, 16, Domain::Buffer) else {
            core.discharge(whole);
            return Err(AllocError::OutOfMemory { bytes });
        };
        ask_for_huge_pages_within(block, whole);
        core.source_buffers.set(core.source_buffers.get() + 1);
        core.source_buffer_bytes
            .set(core.source_buffer_bytes.get() + whole);
        // SAFETY: the block begins with room for the prefix.
        let body = unsafe {
            block.cast::<BufferPrefix>().write(BufferPrefix {
                core: ptr::from_ref(core).cast_mut(),
                bytes,
            });
            block.add(LEAD)
        };
        core.tracer.track(body.addr().get(), bytes, Tracked::Buffer);
        Ok(RawBuffer(body.map_addr(|a| a | FROM_SOURCE)))
    }

    /// Gives the buffer back to its heap.
    ///
    /// # Safety
    /// 1. It is live, and nobody refers into it any more.
    pub(crate) unsafe fn give(self) {
        let body = self.start();
        // SAFETY: duty 1; the tag tells where the buffer stands.
        unsafe {
            let core = if self.is_from_source() {
                let prefix = body.cast::<BufferPrefix>().sub(1);
                let (core, bytes) = (prefix.as_ref().core, prefix.as_ref().bytes);
                if source::is_freed(core.addr()) {
                    let address = body.addr();
                    source::abort(&format!("buffer at {address:#x}: double free"), None);
                }
                let whole = bytes + LEAD;
                let site = (*core).site_for_report(body.addr().get());
                (*core).tracer.untrack(body.addr().get());
                let prefix = prefix.cast();
                source::give(&*core, prefix, whole, 16, Domain::Buffer, || site);
                (*core).discharge(whole);
                (*core).source_buffers.set((*core).source_buffers.get() - 1);
                (*core)
                    .source_buffer_bytes
                    .set((*core).source_buffer_bytes.get() - whole);
                core
            } else {
                let page = &*page_of(body.as_ptr());
                let core = page.core.get();
                (*core).give_block(page, body.as_ptr().cast());
                core
            };
            HeapCore::destroy_if_abandoned(core);
        }
    }

    /// Makes room for `bytes` bytes, keeping the first `keep`; the buffer may
    /// move. On an error it is untouched.
    ///
    /// # Safety
    /// 1. The buffer is live and holds at least `keep` bytes; nobody refers
    ///    into it during the call.
    pub(crate) unsafe fn resize(self, keep: usize, bytes: usize) -> Result<RawBuffer, AllocError> {
        // SAFETY: duty 1.
        let core = unsafe { self.core().as_ref() };
        if self.is_from_source() && (bytes > MAX_BLOCK || core.mode != Mode::Pages) {
            // SAFETY: duty 1 and the tag.
            return unsafe { self.resize_in_source(core, bytes) };
        }
        let moved = RawBuffer::take(core, bytes)?;
        // SAFETY: both hold `keep` bytes (the new one is never made smaller).
        unsafe {
            let (from, to) = (self.start(), moved.start());
            ptr::copy_nonoverlapping(from.as_ptr(), to.as_ptr(), keep.min(bytes));
            self.give();
        }
        Ok(moved)
    }

    unsafe fn resize_in_source(
        self,
        core: &HeapCore,
        bytes: usize,
    ) -> Result<RawBuffer, AllocError> {
        core.admit(bytes)?;
        let whole = LEAD
            .checked_add(bytes)
            .ok_or(AllocError::OutOfMemory { bytes })?;
        // SAFETY: the caller passes a live buffer from the source.
        unsafe {
            let prefix = self.start().cast::<BufferPrefix>().sub(1);
            let old = prefix.as_ref().bytes + LEAD;
            core.charge(whole)?;
            let site = || core.tracer.site(self.start().addr().get());
            let moved = source::resize(core, prefix.cast(), old, whole, 16, Domain::Buffer, site);
            let Some(block) = moved else {
                core.discharge(whole);
                return Err(AllocError::OutOfMemory { bytes });
            };
            core.discharge(old);
            core.source_buffer_bytes
                .set(core.source_buffer_bytes.get() + whole - old);
            (*block.cast::<BufferPrefix>().as_ptr()).bytes = bytes;
            let body = block.add(LEAD);
            core.tracer.untrack(self.start().addr().get());
            core.tracer.track(body.addr().get(), bytes, Tracked::Buffer);
            Ok(RawBuffer(body.map_addr(|a| a | FROM_SOURCE)))
        }
    }

    /// The first byte.
    #[inline]
    pub(crate) fn start(self) -> NonNull<u8> {
        // SAFETY: blocks start at multiples of 16, never at 0.
        unsafe { NonNull::new_unchecked(self.0.as_ptr().map_addr(|a| a & !FROM_SOURCE)) }
    }

    fn is_from_source(self) -> bool {
        self.0.addr().get() & FROM_SOURCE != 0
    }

    /// The heap that owns the buffer.
    ///
    /// # Safety
    /// 1. The buffer is live.
    pub(crate) unsafe fn core(self) -> NonNull<HeapCore> {
        let body = self.start();
        // SAFETY: duty 1.
        unsafe {
            let core = if self.is_from_source() {
                body.cast::<BufferPrefix>().sub(1).as_ref().core
            } else {
                (*page_of(body.as_ptr())).core.get()
            };
            NonNull::new_unchecked(core)
        }
    }
}
