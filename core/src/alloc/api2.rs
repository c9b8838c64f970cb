//! An `allocator-api2` allocator on a heap, for users' own containers.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

use super::buffer::RawBuffer;
use super::size_class::GRANULE;
use super::source;
use crate::heap::Heap;
use crate::heap::builder::Mode;

/// Allocates from a [`Heap`]'s private memory, which it keeps alive.
///
/// Blocks count toward the heap's buffers. Alignments above 16 are refused.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use exuvia_core::{Heap, HeapAlloc};
/// let heap = Heap::new();
/// let mut names = Vec::new_in(HeapAlloc::new(&heap));
/// names.push("a");
/// assert!(heap.memory().buffer_bytes > 0);
/// ```
#[derive(Clone, Debug)]
pub struct HeapAlloc {
    heap: Heap,
}

impl HeapAlloc {
    /// An allocator on `heap`.
    pub fn new(heap: &Heap) -> HeapAlloc {
        HeapAlloc { heap: heap.clone() }
    }
}

// The tag of a buffer is not part of the address that users see: it is stored
// one granule in front of the block.
const LEAD: usize = GRANULE;

// SAFETY: blocks stay valid until they are given back, also when the allocator
// is moved or cloned: the heap outlives its blocks.
unsafe impl Allocator for HeapAlloc {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.align() > GRANULE {
            return Err(AllocError);
        }
        let bytes = layout.size().checked_add(LEAD).ok_or(AllocError)?;
        let buffer = RawBuffer::take(self.heap.core(), bytes).map_err(|_| AllocError)?;
        // SAFETY: the buffer has room for the lead and the block.
        let block = unsafe {
            buffer.start().cast::<RawBuffer>().write(buffer);
            buffer.start().add(LEAD)
        };
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, _: Layout) {
        // SAFETY: the block came from `allocate`, which left the buffer's
        // handle in front of it.
        unsafe {
            if self.heap.core().mode == Mode::Debug
                && source::is_freed(block.sub(LEAD).cast::<usize>().read())
            {
                let address = block.addr();
                source::abort(&format!("block at {address:#x}: double free"), None);
            }
            block.sub(LEAD).cast::<RawBuffer>().read().give();
        }
    }
}
