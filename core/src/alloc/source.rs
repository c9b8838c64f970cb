//! Blocks straight from the global allocator, and the debug mode's guards.
//!
//! Debug layout, after CPython's `PYTHONMALLOC=debug`:
//!
//! ```text
//!   size (8, big endian) | letter (1) | 7 x 0xFD | body, born 0xCD | 8 x 0xFD
//! ```
//!
//! Freed bodies are filled with 0xDD and the letter with `0xDD`, so that a
//! second free or a free through another domain is told apart. A broken guard
//! is a program error: the report is printed and the process aborts.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ptr::{self, NonNull};

use crate::heap::builder::Mode;

/// Who a block belongs to; freeing it under another letter is an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Domain {
    Object = b'o' as isize,
    Buffer = b'm' as isize,
}

const PAD: u8 = 0xFD;
const BORN: u8 = 0xCD;
const FREED: u8 = 0xDD;
const TAIL_BYTES: usize = 8;

fn lead(align: usize) -> usize {
    align.max(16)
}

fn layout(mode: Mode, bytes: usize, align: usize) -> Option<Layout> {
    let bytes = match mode {
        Mode::Debug => bytes.checked_add(lead(align) + TAIL_BYTES)?,
        Mode::Pages | Mode::System => bytes,
    };
    Layout::from_size_align(bytes.max(1), align.max(16)).ok()
}

/// A block of `bytes`; `None` when the system refuses.
pub(crate) fn take(mode: Mode, bytes: usize, align: usize, domain: Domain) -> Option<NonNull<u8>> {
    let layout = layout(mode, bytes, align)?;
    // SAFETY: the size is not zero.
    let raw = NonNull::new(unsafe { alloc(layout) })?;
    if mode != Mode::Debug {
        return Some(raw);
    }
    // SAFETY: the layout has room for lead, body and tail.
    unsafe {
        let body = raw.add(lead(align));
        let guard = body.sub(16);
        guard.cast::<[u8; 8]>().write((bytes as u64).to_be_bytes());
        guard.add(8).write(domain as u8);
        ptr::write_bytes(guard.add(9).as_ptr(), PAD, 7);
        ptr::write_bytes(body.as_ptr(), BORN, bytes);
        ptr::write_bytes(body.add(bytes).as_ptr(), PAD, TAIL_BYTES);
        Some(body)
    }
}

/// Gives a block back.
///
/// # Safety
/// 1. `body` came from [`take`] with the same mode, bytes, align and domain.
pub(crate) unsafe fn give(
    mode: Mode,
    body: NonNull<u8>,
    bytes: usize,
    align: usize,
    domain: Domain,
) {
    let Some(layout) = layout(mode, bytes, align) else {
        return;
    };
    // SAFETY: duty 1: the layout is the one of `take`.
    unsafe {
        if mode != Mode::Debug {
            dealloc(body.as_ptr(), layout);
            return;
        }
        if let Some(fault) = inspect(body, bytes, domain) {
            eprintln!("{fault}");
            std::process::abort();
        }
        body.sub(8).write(FREED);
        ptr::write_bytes(body.as_ptr(), FREED, bytes);
        dealloc(body.sub(lead(align)).as_ptr(), layout);
    }
}

/// Resizes a block in place or by moving it; `None` leaves it untouched. Debug
/// mode always moves, so that stale pointers meet the fill pattern.
///
/// # Safety
/// 1. `body` came from [`take`] with the same mode, bytes, align and domain.
pub(crate) unsafe fn resize(
    mode: Mode,
    body: NonNull<u8>,
    bytes: usize,
    new_bytes: usize,
    align: usize,
    domain: Domain,
) -> Option<NonNull<u8>> {
    if mode == Mode::Debug {
        let moved = take(mode, new_bytes, align, domain)?;
        // SAFETY: both blocks hold the shorter length; then duty 1.
        unsafe {
            ptr::copy_nonoverlapping(body.as_ptr(), moved.as_ptr(), bytes.min(new_bytes));
            give(mode, body, bytes, align, domain);
        }
        return Some(moved);
    }
    let old = layout(mode, bytes, align)?;
    layout(mode, new_bytes, align)?;
    // SAFETY: duty 1; the new size is valid and not zero.
    NonNull::new(unsafe { realloc(body.as_ptr(), old, new_bytes.max(1)) })
}

/// What is wrong with the guards of a debug block, if anything.
///
/// # Safety
/// 1. `body` came from [`take`] in debug mode and its memory is still mapped.
pub(crate) unsafe fn inspect(body: NonNull<u8>, bytes: usize, domain: Domain) -> Option<String> {
    // SAFETY: duty 1: lead and tail exist.
    let (lead, tail) = unsafe {
        (
            std::slice::from_raw_parts(body.sub(16).as_ptr(), 16),
            std::slice::from_raw_parts(body.add(bytes).as_ptr(), TAIL_BYTES),
        )
    };
    let wrong = if lead[8] == FREED {
        "double free"
    } else if lead[8] != domain as u8 {
        "bad ID: freed through another domain"
    } else if lead[..8] != (bytes as u64).to_be_bytes() {
        "bad size in front of the block"
    } else if lead[9..] != [PAD; 7] {
        "bad leading pad byte"
    } else if tail != [PAD; TAIL_BYTES] {
        "bad trailing pad byte"
    } else {
        return None;
    };
    Some(format!(
        "debug memory block of {bytes} bytes, API '{}': {wrong}\n    lead {lead:02x?}\n    tail {tail:02x?}",
        domain as u8 as char
    ))
}
