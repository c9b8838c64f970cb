//! The global allocator of a measured program: passes through, counts, or profiles.
//!
//! One process does one of the three for its whole life: the mode is chosen before the first workload is prepared and
//! never changed again, because a block must be freed by the allocator that handed it out. All three end in
//! [`System`], so blocks from before the choice (the runtime's own) are freed correctly in every mode.
//!
//! - *pass through* costs one relaxed load per call (time, instructions, resident memory);
//! - *count* keeps live and total blocks and bytes (leak detector on plain Rust code);
//! - *profile* hands every call to `dhat::Alloc` (heap instrument, feature `dhat`).
//!
//! This is the only file of the crate with `unsafe` in it.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// What the allocator does with each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AllocMode {
    /// Hand the call to the system allocator and nothing else.
    Pass = 0,
    /// Count it, then hand it to the system allocator.
    Count = 1,
    /// Hand it to dhat, which records the site and calls the system allocator.
    Profile = 2,
}

const COUNT: u8 = AllocMode::Count as u8;
#[cfg(feature = "dhat")]
const PROFILE: u8 = AllocMode::Profile as u8;

static MODE: AtomicU8 = AtomicU8::new(AllocMode::Pass as u8);
static ALLOCATED_BLOCKS: AtomicU64 = AtomicU64::new(0);
static FREED_BLOCKS: AtomicU64 = AtomicU64::new(0);
static ALLOCATED_BYTES: AtomicU64 = AtomicU64::new(0);
static FREED_BYTES: AtomicU64 = AtomicU64::new(0);

#[cfg(feature = "dhat")]
static DHAT: dhat::Alloc = dhat::Alloc;

/// The allocator a measured program installs.
///
/// ```
/// use exuvia_harness::Alloc;
///
/// #[global_allocator]
/// static ALLOC: Alloc = Alloc::system();
///
/// fn main() {
///     assert!(exuvia_harness::alloc::is_installed());
/// }
/// ```
#[derive(Debug)]
pub struct Alloc {
    _private: (),
}

impl Alloc {
    /// An allocator on top of the system's.
    #[must_use]
    pub const fn system() -> Self {
        Self { _private: () }
    }
}

/// Blocks and bytes since counting began; "live" can be negative when blocks from before were freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocCounts {
    /// Blocks allocated minus blocks freed.
    pub live_blocks: i64,
    /// Bytes allocated minus bytes freed.
    pub live_bytes: i64,
    /// Blocks allocated; a reallocation counts as one.
    pub total_blocks: u64,
    /// Bytes allocated.
    pub total_bytes: u64,
}

/// The counts so far; all zero unless the mode is [`AllocMode::Count`].
#[must_use]
pub fn counts() -> AllocCounts {
    let (total_blocks, total_bytes) = (
        ALLOCATED_BLOCKS.load(Relaxed),
        ALLOCATED_BYTES.load(Relaxed),
    );
    AllocCounts {
        live_blocks: total_blocks
            .wrapping_sub(FREED_BLOCKS.load(Relaxed))
            .cast_signed(),
        live_bytes: total_bytes
            .wrapping_sub(FREED_BYTES.load(Relaxed))
            .cast_signed(),
        total_blocks,
        total_bytes,
    }
}

/// Chooses what this process does. Call it once, before anything is measured, and only where [`is_installed`] holds.
pub fn choose(mode: AllocMode) {
    MODE.store(mode as u8, Relaxed);
}

/// Whether [`Alloc`] is this program's global allocator: without it blocks cannot be counted or profiled.
///
/// Counts one allocation of its own, so ask before anything is measured.
#[must_use]
pub fn is_installed() -> bool {
    let mode = MODE.load(Relaxed);
    if mode != AllocMode::Pass as u8 {
        return true; // somebody asked before choosing another mode
    }
    let before = ALLOCATED_BLOCKS.load(Relaxed);
    choose(AllocMode::Count);
    drop(std::hint::black_box(Box::new(0_u8)));
    choose(AllocMode::Pass);
    ALLOCATED_BLOCKS.load(Relaxed) > before
}

fn count_allocated(bytes: usize) {
    ALLOCATED_BLOCKS.fetch_add(1, Relaxed);
    ALLOCATED_BYTES.fetch_add(bytes as u64, Relaxed);
}

fn count_freed(bytes: usize) {
    FREED_BLOCKS.fetch_add(1, Relaxed);
    FREED_BYTES.fetch_add(bytes as u64, Relaxed);
}

/// # Safety
/// The duties of `GlobalAlloc::alloc`.
#[cold]
#[inline(never)]
unsafe fn alloc_measured(mode: u8, layout: Layout) -> *mut u8 {
    #[cfg(feature = "dhat")]
    if mode == PROFILE {
        // SAFETY: the layout is the one our own caller promised to be valid.
        return unsafe { DHAT.alloc(layout) };
    }
    if mode == COUNT {
        count_allocated(layout.size());
    }
    // SAFETY: as above.
    unsafe { System.alloc(layout) }
}

/// # Safety
/// The duties of `GlobalAlloc::dealloc`.
#[cold]
#[inline(never)]
unsafe fn dealloc_measured(mode: u8, block: *mut u8, layout: Layout) {
    #[cfg(feature = "dhat")]
    if mode == PROFILE {
        // SAFETY: every mode allocates from `System`, which is where dhat frees to; layout and block are the caller's.
        unsafe { DHAT.dealloc(block, layout) };
        return;
    }
    if mode == COUNT {
        count_freed(layout.size());
    }
    // SAFETY: as above.
    unsafe { System.dealloc(block, layout) }
}

/// # Safety
/// The duties of `GlobalAlloc::realloc`.
#[cold]
#[inline(never)]
unsafe fn realloc_measured(mode: u8, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
    #[cfg(feature = "dhat")]
    if mode == PROFILE {
        // SAFETY: see `dealloc_measured`; the new size is the caller's.
        return unsafe { DHAT.realloc(block, layout, bytes) };
    }
    // SAFETY: as above.
    let moved = unsafe { System.realloc(block, layout, bytes) };
    if mode == COUNT && !moved.is_null() {
        count_freed(layout.size());
        count_allocated(bytes);
    }
    moved
}

// SAFETY: every call ends in `System` (directly or through dhat, which does the same) with the caller's own arguments,
// so the contract of `GlobalAlloc` is kept exactly as far as the caller keeps it.
unsafe impl GlobalAlloc for Alloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match MODE.load(Relaxed) {
            // SAFETY: the caller's layout, unchanged.
            0 => unsafe { System.alloc(layout) },
            // SAFETY: the caller's duties are the same.
            mode => unsafe { alloc_measured(mode, layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match MODE.load(Relaxed) {
            // SAFETY: the caller's block and layout, unchanged.
            0 => unsafe { System.dealloc(block, layout) },
            // SAFETY: the caller's duties are the same.
            mode => unsafe { dealloc_measured(mode, block, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        match MODE.load(Relaxed) {
            // SAFETY: the caller's block, layout and size, unchanged.
            0 => unsafe { System.realloc(block, layout, bytes) },
            // SAFETY: the caller's duties are the same.
            mode => unsafe { realloc_measured(mode, block, layout, bytes) },
        }
    }
}
