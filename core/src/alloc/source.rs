//! Blocks straight from the global allocator, and the debug mode's guards.
//!
//! Debug layout, after CPython's `PYTHONMALLOC=debug`:
//!
//! ```text
//!   size (8, big endian) | letter (1) | 7 x 0xFD | body, born 0xCD | 8 x 0xFD
//! ```
//!
//! Freed blocks are filled with 0xDD, the letter included, and wait in a
//! [`Quarantine`] before they go back to the system, so that a second free or a
//! free through another domain is told apart. A broken guard is a program
//! error: the report is printed and the process aborts.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ptr::{self, NonNull};

use crate::heap::builder::Mode;
use crate::heap::core::HeapCore;
use crate::inspect::tracemalloc::Site;

/// Who a block belongs to; freeing it under another letter is an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Domain {
    Object = b'o' as isize,
    Buffer = b'm' as isize,
}

const PAD: u8 = 0xFD;
const BORN: u8 = 0xCD;
pub(crate) const FREED: u8 = 0xDD;
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

/// Freed blocks of a heap in debug mode that are not given to the system yet.
#[derive(Default)]
pub(crate) struct Quarantine {
    blocks: RefCell<VecDeque<(NonNull<u8>, Layout)>>,
    bytes: Cell<usize>,
}

/// Bytes that wait at most; the oldest block goes first.
const QUARANTINE_BYTES: usize = 1 << 20;

impl Quarantine {
    fn add(&self, raw: NonNull<u8>, layout: Layout) {
        let mut blocks = self.blocks.borrow_mut();
        blocks.push_back((raw, layout));
        let mut bytes = self.bytes.get() + layout.size();
        while bytes > QUARANTINE_BYTES
            && let Some((raw, layout)) = blocks.pop_front()
        {
            bytes -= layout.size();
            // SAFETY: taken with this layout, freed by its owner, given once.
            unsafe { dealloc(raw.as_ptr(), layout) };
        }
        self.bytes.set(bytes);
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        for (raw, layout) in self.blocks.get_mut().drain(..) {
            // SAFETY: as in `add`.
            unsafe { dealloc(raw.as_ptr(), layout) };
        }
    }
}

/// Whether a word is what debug mode leaves where there is no object: null,
/// never written (0xCD), a guard (0xFD) or freed (0xDD). CPython's
/// `_PyMem_IsPtrFreed`.
pub fn is_freed_pattern(word: usize) -> bool {
    let all = |byte: u8| usize::from_ne_bytes([byte; size_of::<usize>()]);
    [0, all(BORN), all(PAD), all(FREED)].contains(&word)
}

/// Gives a block back; in debug mode after a look at its guards. `site` tells
/// the report where the block was allocated.
///
/// # Safety
/// 1. `body` came from [`take`] with the same mode, bytes, align and domain.
pub(crate) unsafe fn give(
    core: &HeapCore,
    body: NonNull<u8>,
    bytes: usize,
    align: usize,
    domain: Domain,
    site: impl FnOnce() -> Option<Site>,
) {
    let mode = core.mode;
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
            abort(&fault, site());
        }
        body.sub(8).write(FREED);
        ptr::write_bytes(body.as_ptr(), FREED, bytes);
        core.quarantine.add(body.sub(lead(align)), layout);
    }
}

/// Prints a report and ends the process.
pub(crate) fn abort(fault: &str, site: Option<Site>) -> ! {
    eprintln!("{fault}");
    match site {
        Some(site) => eprintln!("    allocated at {site}"),
        None => eprintln!("    allocated at an unknown place; start tracemalloc to know it"),
    }
    std::process::abort();
}

/// Whether memory that should hold a prefix was freed: a second free.
pub(crate) fn is_freed(word: usize) -> bool {
    word == usize::from_ne_bytes([FREED; size_of::<usize>()])
}

/// Resizes a block in place or by moving it; `None` leaves it untouched. Debug
/// mode always moves, so that stale pointers meet the fill pattern.
///
/// # Safety
/// 1. `body` came from [`take`] with the same mode, bytes, align and domain.
pub(crate) unsafe fn resize(
    core: &HeapCore,
    body: NonNull<u8>,
    bytes: usize,
    new_bytes: usize,
    align: usize,
    domain: Domain,
    site: impl FnOnce() -> Option<Site>,
) -> Option<NonNull<u8>> {
    let mode = core.mode;
    if mode == Mode::Debug {
        let moved = take(mode, new_bytes, align, domain)?;
        // SAFETY: both blocks hold the shorter length; then duty 1.
        unsafe {
            ptr::copy_nonoverlapping(body.as_ptr(), moved.as_ptr(), bytes.min(new_bytes));
            give(core, body, bytes, align, domain, site);
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
    Some(report(body, bytes, domain, lead, tail, wrong))
}

/// The block as CPython's debug allocator shows it.
fn report(
    body: NonNull<u8>,
    bytes: usize,
    domain: Domain,
    lead: &[u8],
    tail: &[u8],
    wrong: &str,
) -> String {
    let address = body.addr().get();
    let mut text = format!("Debug memory block at address {address:#x}: {wrong}\n");
    let mut line = |line: String| {
        text.push_str("    ");
        text.push_str(&line);
        text.push('\n');
    };
    let size = lead[..8]
        .iter()
        .fold(0_u64, |size, &byte| size << 8 | u64::from(byte));
    line(format!(
        "{bytes} bytes freed, {size} bytes originally requested"
    ));
    line(format!(
        "API '{}', freed through API '{}'",
        char::from(lead[8]).escape_default(),
        domain as u8 as char
    ));
    line(pads("7 pad bytes in front", "front", &lead[9..]));
    line(pads("8 pad bytes behind", "tail", tail));
    let shown = bytes.min(16);
    // SAFETY: the body has `bytes` bytes, which are mapped as the guards are.
    let data = unsafe { std::slice::from_raw_parts(body.as_ptr(), shown) };
    text.push_str(&format!(
        "    Data: {data:02x?}{}",
        if bytes > shown { " ..." } else { "" }
    ));
    text
}

/// The pad bytes, one by one when they are not all what they should be.
fn pads(what: &str, place: &str, pads: &[u8]) -> String {
    if pads.iter().all(|&pad| pad == PAD) {
        return format!("The {what} are {PAD:#04x}, as expected.");
    }
    let mut text = format!("The {what} are not all {PAD:#04x}:");
    for (index, pad) in pads.iter().enumerate() {
        let ouch = if *pad == PAD { "" } else { " *** OUCH" };
        text.push_str(&format!("\n        at {place}+{index}: {pad:#04x}{ouch}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_one_domain_is_not_freed_through_another() {
        let (bytes, align) = (10, 16);
        let body = take(Mode::Debug, bytes, align, Domain::Object).expect("memory");
        // SAFETY: a block of debug mode, as long as it is looked at.
        let (right, wrong) = unsafe {
            (
                inspect(body, bytes, Domain::Object),
                inspect(body, bytes, Domain::Buffer),
            )
        };
        assert_eq!(right, None);
        let wrong = wrong.expect("a fault");
        assert!(wrong.contains("bad ID: freed through another domain"));
        assert!(wrong.contains("API 'o', freed through API 'm'"));
        let layout = layout(Mode::Debug, bytes, align).expect("a layout");
        // SAFETY: the block is given up as `give` and the quarantine would.
        unsafe { dealloc(body.sub(lead(align)).as_ptr(), layout) };
    }

    #[test]
    fn a_report_gives_sizes_and_pads_byte_by_byte() {
        let (bytes, align) = (300, 16);
        let body = take(Mode::Debug, bytes, align, Domain::Buffer).expect("memory");
        // SAFETY: a block of debug mode with its guards.
        let fault = unsafe {
            body.add(bytes + 1).write(7);
            inspect(body, bytes, Domain::Buffer).expect("a fault")
        };
        let lines: Vec<&str> = fault.lines().map(str::trim).collect();
        assert!(lines[0].ends_with(": bad trailing pad byte"), "{fault}");
        let rest = [
            "300 bytes freed, 300 bytes originally requested",
            "API 'm', freed through API 'm'",
            "The 7 pad bytes in front are 0xfd, as expected.",
            "The 8 pad bytes behind are not all 0xfd:",
            "at tail+0: 0xfd",
            "at tail+1: 0x07 *** OUCH",
            "at tail+2: 0xfd",
        ];
        assert_eq!(lines[1..8], rest);
        assert!(fault.ends_with(
            "Data: [cd, cd, cd, cd, cd, cd, cd, cd, cd, cd, cd, cd, cd, cd, cd, cd] ..."
        ));
        let layout = layout(Mode::Debug, bytes, align).expect("a layout");
        // SAFETY: as above.
        unsafe { dealloc(body.sub(lead(align)).as_ptr(), layout) };
    }

    #[test]
    fn the_quarantine_holds_the_newest_blocks_up_to_its_size() {
        let quarantine = Quarantine::default();
        let layout = Layout::from_size_align(QUARANTINE_BYTES / 4, 16).expect("a layout");
        for held in [1, 2, 3, 4, 4, 4] {
            // SAFETY: the size is not zero.
            let block = NonNull::new(unsafe { alloc(layout) }).expect("memory");
            quarantine.add(block, layout);
            assert_eq!(quarantine.blocks.borrow().len(), held);
            assert_eq!(quarantine.blocks.borrow()[held - 1].0, block);
            assert_eq!(quarantine.bytes.get(), held * layout.size());
        }
    }
}
