//! What happens when a count falls: first falls, death by count, cascades.
//!
//! Order at a count of zero, as in CPython: finalizer (which may resurrect),
//! weak references cleared, their callbacks, the value dropped, the block
//! freed; of a generator, the weak references and callbacks first. Nested deaths recurse to a depth of [`NESTING`], so that they happen
//! in field order; deeper ones wait in a queue that the outermost death works
//! off (CPython's trashcan), so that a list of any length dies in constant
//! stack. Whoever waits has a count of 0: invisible to collections, not
//! upgradable. No thread-local storage is used.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use super::collector::work::prefetch;
use super::handle::GcBox;
use super::header::{CLEAN, COUNT_MASK, FINALIZED, HAS_WEAK, Header, IMMORTAL, LISTED, PREFIXED};
use super::trace::Trace;
use super::type_info::TypeInfo;
use super::weak;
use crate::alloc::arena::page_of;
use crate::alloc::page::{Page, core_of, describe};
use crate::alloc::prefix::{IN_PAGE, Prefix};
use crate::alloc::source::{FREED, abort};
use crate::heap::core::HeapCore;
use crate::heap::errors::HeapError;

/// How far ahead of a dying object memory is fetched. What is made together often dies together and in the same order, and
/// it is the first look at the next object that a cascade waits for. 64 nodes; half of it serves as well, 8 do not.
const AHEAD_BYTES: usize = 2048;

/// Deaths nested in one another before the rest is queued.
pub(crate) const NESTING: u32 = 40;

/// The decrement that is not a plain store: zero, immortal, or the first fall.
///
/// # Safety
/// 1. `header` belongs to a live `GcBox<T>` whose word is `word`.
/// 2. The caller gives up one count of it.
#[inline(never)]
pub(crate) unsafe fn release_slow<T: Trace>(header: *mut Header, word: u32) {
    if word & IMMORTAL != 0 {
        refuse_freed(header, word);
        return;
    }
    // SAFETY: the duties.
    unsafe {
        if word & COUNT_MASK > 1 {
            first_fall(header, word);
        } else {
            die::<T>(header);
        }
    }
}

/// The same for a handle without a type.
///
/// # Safety
/// As [`release_slow`], for any type.
#[inline(never)]
pub(crate) unsafe fn release_slow_any(header: *mut Header, word: u32) {
    if word & IMMORTAL != 0 {
        refuse_freed(header, word);
        return;
    }
    // SAFETY: the duties.
    unsafe {
        if word & COUNT_MASK > 1 {
            first_fall(header, word);
        } else {
            die_any(header);
        }
    }
}

/// What debug mode leaves of a freed object looks immortal: a handle on it is a
/// mistake in unsafe code.
#[inline]
fn refuse_freed(header: *const Header, word: u32) {
    if word == u32::from_ne_bytes([FREED; 4]) {
        report_freed(header);
    }
}

/// Apart, so that the caller needs no stack for the text.
#[cold]
#[inline(never)]
fn report_freed(header: *const Header) -> ! {
    let address = header.addr();
    let fault = format!("object at {address:#x}: a handle is dropped after it was freed");
    abort(&fault, None);
}

/// A clean count falls to a non-zero value: from now on the object is a
/// suspect, and its page is known to hold one.
#[cold]
unsafe fn first_fall(header: *mut Header, word: u32) {
    // SAFETY: the caller's object is alive.
    unsafe {
        (*header).word.set((word - 1) & !CLEAN);
        note_suspect(header);
    }
}

/// Makes sure that a full collection finds a suspect.
///
/// # Safety
/// 1. `header` belongs to a live object.
pub(crate) unsafe fn note_suspect(header: *const Header) {
    // SAFETY: duty 1. Objects in the registry are all looked at anyway.
    unsafe {
        if (*header).has(PREFIXED) {
            let prefix = Prefix::of(header);
            if (*prefix).index.get() == IN_PAGE {
                (*(*prefix).core).list_suspect(&*page_of(prefix));
            }
        } else {
            let page = &*page_of(header);
            (*page.core.get()).list_suspect(page);
        }
    }
}

/// Death of an object whose type is known: the common case without any lookup
/// of functions.
#[inline]
unsafe fn die<T: Trace>(header: *mut Header) {
    // SAFETY: the caller gives up the last count.
    unsafe {
        if T::FINALIZE.is_some() || (*header).has(HAS_WEAK | PREFIXED | LISTED) {
            die_any(header);
            return;
        }
        let page = page_of(header);
        if T::TAILED {
            match T::DROP_BLOCK {
                Some(drop) if (*(*page).info.get()).finalize.is_none() => {
                    die_in_page::<T>(header, page, drop);
                }
                _ => die_any(header),
            }
            return;
        }
        let core = (*page).core.get();
        if std::mem::needs_drop::<T>() {
            if !enter(core, header) {
                return;
            }
            let value = GcBox::<T>::value_ptr(header);
            fetch_ahead(header);
            if T::QUIET_DROP {
                value.drop_in_place();
            } else {
                let info = TypeInfo::of::<T>();
                guarded(&*core, "drop", info, || value.drop_in_place());
            }
            uncount(&*core, T::HOLDS);
            (*core).give_block(&*page, header.cast());
            leave(core);
        } else {
            uncount(&*core, T::HOLDS);
            (*core).give_block(&*page, header.cast());
            HeapCore::destroy_if_abandoned(core);
        }
    }
}

/// Fetches what is likely to die soon; any address will do.
#[inline]
fn fetch_ahead(header: *mut Header) {
    // SAFETY: addresses of blocks are not among the last of the address space.
    prefetch(unsafe { NonNull::new_unchecked(header.wrapping_byte_add(AHEAD_BYTES)) });
}

/// Death of a block with a tail that nothing special is known of.
#[inline]
unsafe fn die_in_page<T: Trace>(
    header: *mut Header,
    page: *const Page,
    drop: unsafe fn(*mut u8, usize),
) {
    // SAFETY: as the caller: the block's last count, its page, its type's drop.
    unsafe {
        let core = (*page).core.get();
        if enter(core, header) {
            drop(header.cast(), (*page).block_bytes.get() as usize);
            uncount(&*core, T::HOLDS);
            (*core).give_block(&*page, header.cast());
            leave(core);
        }
    }
}

/// Death of any object.
unsafe fn die_any(header: *mut Header) {
    // SAFETY: the caller gives up the last count.
    unsafe {
        let core = core_of(header);
        if enter(core, header) {
            bury(&*core, header);
            leave(core);
        }
    }
}

/// Begins a death, or queues it when too many are nested already. From here
/// on the object is vacant.
#[inline]
unsafe fn enter(core: *mut HeapCore, header: *mut Header) -> bool {
    // SAFETY: the object is alive, so is its core.
    unsafe {
        (*header).word.set(0);
        let depth = (*core).depth.get();
        if depth >= NESTING {
            defer(&*core, header);
            return false;
        }
        (*core).depth.set(depth + 1);
    }
    true
}

#[cold]
#[inline(never)]
unsafe fn defer(core: &HeapCore, header: *mut Header) {
    // SAFETY: the caller's header is not null.
    let header = unsafe { NonNull::new_unchecked(header) };
    core.deferred.borrow_mut().push(header);
    core.attention.set(true);
}

/// Ends a death; the outermost one sees to what waits.
#[inline]
unsafe fn leave(core: *mut HeapCore) {
    // SAFETY: the core is not destroyed before the depth is back at 0.
    unsafe {
        let depth = (*core).depth.get() - 1;
        if depth == 0 && (*core).attention.get() {
            attend(core);
        } else {
            (*core).depth.set(depth);
        }
    }
}

/// Works off the queue; destroys the heap when that was its last object.
#[cold]
#[inline(never)]
unsafe fn attend(core: *mut HeapCore) {
    // SAFETY: queued objects have count 0 and wait for exactly this; the depth
    // is 1 until the queue is empty, so nothing else works on it.
    unsafe {
        while let Some(header) = next_deferred(&*core) {
            bury(&*core, header.as_ptr());
        }
        (*core).attention.set((*core).closed.get());
        (*core).depth.set(0);
        HeapCore::destroy_if_abandoned(core);
    }
}

/// Works off what was queued since `waiting` deaths waited.
pub(crate) fn bury_deferred(core: &HeapCore, waiting: usize) {
    let depth = core.depth.get();
    // Not 0: no death inside may take itself for the outermost one.
    core.depth.set(depth.max(1));
    while core.deferred.borrow().len() > waiting
        && let Some(header) = next_deferred(core)
    {
        // SAFETY: queued objects have count 0 and wait for exactly this.
        unsafe { bury(core, header.as_ptr()) };
    }
    core.depth.set(depth);
    if depth == 0 {
        core.attention.set(core.closed.get());
    }
}

fn next_deferred(core: &HeapCore) -> Option<NonNull<Header>> {
    core.deferred.borrow_mut().pop()
}

/// The rites, in CPython's order.
///
/// # Safety
/// 1. `header` belongs to an object of `core` with a count of 0.
unsafe fn bury(core: &HeapCore, header: *mut Header) {
    // SAFETY: duty 1.
    unsafe {
        let (info, bytes) = describe(header);
        if info.finalize.is_some() && !(*header).has(FINALIZED) {
            if (*header).has(HAS_WEAK) && info.calls_back_first {
                weak::clear_and_call(core, header);
            }
            if finalize_alone(core, header, info) {
                return;
            }
        }
        if (*header).has(HAS_WEAK) {
            weak::clear_and_call(core, header);
        }
        drop_value(core, header, info, bytes);
        free(core, header, info.holds);
    }
}

/// Runs the finalizer of a dying object; true when it resurrected it.
unsafe fn finalize_alone(core: &HeapCore, header: *mut Header, info: &'static TypeInfo) -> bool {
    // SAFETY: the object is intact; it gets one count for the call, and is a
    // suspect afterwards, since that count falls again.
    unsafe {
        (*header).word.set(1);
        if info.holds {
            core.rejuvenate(NonNull::new_unchecked(header));
        }
        call_finalizer(core, header, info);
        let left = (*header).word.get();
        if left & IMMORTAL != 0 {
            return true;
        }
        if left & COUNT_MASK == 1 {
            (*header).word.set(0);
            return false;
        }
        (*header).word.set((left - 1) & !CLEAN);
        if info.holds {
            note_suspect(header);
        }
        true
    }
}

/// Calls the finalizer, for the only time.
///
/// # Safety
/// 1. `header` belongs to an intact object of which the caller owns a count.
pub(crate) unsafe fn call_finalizer(core: &HeapCore, header: *mut Header, info: &'static TypeInfo) {
    // SAFETY: duty 1.
    unsafe {
        (*header).set(FINALIZED);
        if let Some(finalize) = info.finalize {
            guarded(core, "finalizer", info, || finalize(header));
        }
    }
}

/// Drops the value in place; a panic is recorded.
///
/// # Safety
/// 1. The value is initialised, unreachable for user code, and dropped only here.
pub(crate) unsafe fn drop_value(
    core: &HeapCore,
    header: *mut Header,
    info: &'static TypeInfo,
    bytes: usize,
) {
    if let Some(drop) = info.drop {
        // SAFETY: duty 1.
        unsafe {
            if info.quiet_drop {
                drop(header, bytes);
            } else {
                guarded(core, "drop", info, || drop(header, bytes));
            }
        }
    }
}

/// Frees the block and keeps the young count.
///
/// # Safety
/// 1. The value is dropped and nobody refers to the object.
#[inline]
pub(crate) unsafe fn free(core: &HeapCore, header: *mut Header, holds: bool) {
    uncount(core, holds);
    // SAFETY: duty 1.
    unsafe { core.give_object(header) };
}

#[inline]
fn uncount(core: &HeapCore, holds: bool) {
    if holds {
        core.young_count
            .set(core.young_count.get().saturating_sub(1));
    }
}

/// Runs user code; a panic is recorded and goes no further.
pub(crate) fn guarded(
    core: &HeapCore,
    hook: &'static str,
    info: &'static TypeInfo,
    run: impl FnOnce(),
) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        core.record_error(HeapError::Panicked {
            hook,
            type_name: info.name(),
            message: message_of(panic),
        });
    }
}

/// What a panic said. The payload is dropped; should that panic too, what it
/// panicked with is kept for ever: nothing may get out.
pub(crate) fn message_of(panic: Box<dyn Any + Send>) -> String {
    let message = if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a value that is not text)".to_owned()
    };
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
    message
}
