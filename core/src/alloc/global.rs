//! Any global allocator as a safe `allocator-api2` allocator, for comparisons.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

/// Hands allocations to a global allocator such as the system's or mimalloc's.
///
/// ```
/// use std::alloc::System;
/// use allocator_api2::vec::Vec;
/// use exuvia_core::alloc::GlobalBackend;
/// let mut numbers = Vec::new_in(GlobalBackend(System));
/// numbers.extend([1, 2, 3]);
/// assert_eq!(numbers.iter().sum::<i32>(), 6);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalBackend<A>(pub A);

// SAFETY: a global allocator's blocks stay valid until they are given back;
// empty layouts never reach it.
unsafe impl<A: GlobalAlloc> Allocator for GlobalBackend<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            let dangling = std::ptr::without_provenance_mut(layout.align());
            let dangling = NonNull::new(dangling).ok_or(AllocError)?;
            return Ok(NonNull::slice_from_raw_parts(dangling, 0));
        }
        // SAFETY: the size is not zero.
        let block = NonNull::new(unsafe { self.0.alloc(layout) }).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: from `allocate` with the same layout.
            unsafe { self.0.dealloc(block.as_ptr(), layout) };
        }
    }
}
