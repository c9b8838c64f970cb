//! The allocators that a trace is played on, behind one small interface.
//!
//! Each block carries a tag in its first byte, written when it is allocated and read when it is freed, so that two
//! live blocks which overlap would show in the checksum. Only that byte is touched, unless asked to.
//!
//! A fair comparison has limits, which are these: the private heap's block is the raw buffer that its own lists and
//! dicts use; the others go through `allocator_api2`'s `Vec`, which adds a few instructions to each call and 8 bytes
//! to each slot. A resize moves what the allocator thinks is in use: one byte for the private heap, all of it for
//! the others. Resizes are 1 to 4 % of the events.

use allocator_api2::alloc::{Allocator, Global};
use allocator_api2::vec::Vec as VecIn;
use exuvia_core::alloc::GlobalBackend;
use exuvia_core::{Heap, HeapVec};
use mimalloc::MiMalloc;

/// An allocator under test. All of them panic or abort when memory is out.
pub(crate) trait Backend {
    /// A block, or with nothing allocated the vacant state of a slot. Dropping it frees it.
    type Block;

    fn vacant(&self) -> Self::Block;
    fn allocate(&self, bytes: usize, tag: u8) -> Self::Block;
    fn resize(&self, block: &mut Self::Block, bytes: usize);
    /// Writes to every byte that was asked for.
    fn touch(&self, block: &mut Self::Block);
    fn tag(block: &Self::Block) -> u8;
}

/// Raw buffers of our heap.
pub(crate) struct Private(pub(crate) Heap);

impl Backend for Private {
    type Block = HeapVec<u8>;

    #[inline]
    fn vacant(&self) -> HeapVec<u8> {
        HeapVec::new()
    }

    #[inline]
    fn allocate(&self, bytes: usize, tag: u8) -> HeapVec<u8> {
        let mut block = HeapVec::with_capacity(&self.0, bytes);
        block.push_within_capacity(tag);
        block
    }

    #[inline]
    fn resize(&self, block: &mut HeapVec<u8>, bytes: usize) {
        block.truncate(bytes);
        if let Err(error) = block.try_set_capacity(&self.0, bytes) {
            panic!("{error}");
        }
    }

    fn touch(&self, block: &mut HeapVec<u8>) {
        let tag = Self::tag(block);
        while block.len() < block.capacity() {
            block.push_within_capacity(tag);
        }
    }

    #[inline]
    fn tag(block: &HeapVec<u8>) -> u8 {
        block.first().copied().unwrap_or(0)
    }
}

/// Any allocator with the `allocator_api2` interface.
pub(crate) struct Api2<A>(A);

static GLOBAL: Global = Global;
static MIMALLOC: GlobalBackend<MiMalloc> = GlobalBackend(MiMalloc);

/// The allocator that this program uses for everything else; the system's, unless the program chose another.
pub(crate) fn system() -> Api2<&'static Global> {
    Api2(&GLOBAL)
}

pub(crate) fn mimalloc() -> Api2<&'static GlobalBackend<MiMalloc>> {
    Api2(&MIMALLOC)
}

impl<A: Allocator + Copy> Backend for Api2<A> {
    type Block = VecIn<u8, A>;

    #[inline]
    fn vacant(&self) -> VecIn<u8, A> {
        VecIn::new_in(self.0)
    }

    #[inline]
    fn allocate(&self, bytes: usize, tag: u8) -> VecIn<u8, A> {
        let mut block = VecIn::with_capacity_in(bytes, self.0);
        block.push(tag);
        block
    }

    #[inline]
    fn resize(&self, block: &mut VecIn<u8, A>, bytes: usize) {
        match bytes > block.capacity() {
            true => block.reserve_exact(bytes - block.len()),
            false => {
                block.truncate(bytes);
                block.shrink_to(bytes);
            }
        }
    }

    fn touch(&self, block: &mut VecIn<u8, A>) {
        let tag = Self::tag(block);
        block.resize(block.capacity(), tag);
    }

    #[inline]
    fn tag(block: &VecIn<u8, A>) -> u8 {
        block.first().copied().unwrap_or(0)
    }
}
