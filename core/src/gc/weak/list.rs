//! The list of weak references of one referent: finding, joining, leaving.
//!
//! ```text
//!   head -> plain                          only the plain one
//!   head -> first wide <-> wide <-> ..     `previous` of the first: plain or null
//! ```
//!
//! So the plain one, which stands in front of the others, needs no link of its own.

use std::ptr::{self, NonNull};

use super::super::handle::{Gc, retain};
use super::super::header::{HAS_WEAK, Header};
use super::reference::{Hash, Hook, WeakBox, Wide, box_of, plain, wide};
use crate::alloc::blocks::{weak_list, weak_list_made};
use crate::alloc::page::core_of;
use crate::heap::core::HeapCore;
use crate::heap::errors::AllocError;

/// The reference without a callback that an object's users share: a plain one,
/// or the proxy, made when there is none yet. They stand in front of the others.
///
/// # Safety
/// 1. `target` is a live object.
#[cfg_attr(feature = "tracemalloc", track_caller)]
pub(crate) unsafe fn shared(target: *const Header, kind: Hash) -> Result<Gc<WeakBox>, AllocError> {
    // SAFETY: duty 1: object and core are alive. No collection happens between
    // looking for the shared reference and linking a new one.
    unsafe {
        let core = &*core_of(target);
        if matches!(kind, Hash::Proxy) {
            return shared_proxy(core, target);
        }
        if (*target).has(HAS_WEAK)
            && let Some(reference) = plain_of(*weak_list_made(target)).as_ref()
        {
            if !reference.is_vacant() {
                retain(reference);
                return Ok(Gc::from_header(reference));
            }
            // It waits for its death: the new one takes its place.
            unlink(reference, target);
        }
        let reference = plain(core)?;
        link_plain(core, &reference, target);
        Ok(reference)
    }
}

#[cfg_attr(feature = "tracemalloc", track_caller)]
unsafe fn shared_proxy(core: &HeapCore, target: *const Header) -> Result<Gc<WeakBox>, AllocError> {
    // SAFETY: as `shared`; members of the list are live.
    unsafe {
        let (mut last, mut next) = (ptr::null(), first_wide(target));
        while let Some(header) = next.as_ref()
            && box_of(header).hook().is_none()
        {
            if !header.is_vacant() {
                retain(header);
                return Ok(Gc::from_header(header));
            }
            last = next;
            next = next_of(next);
        }
        let reference = wide(core, None, Hash::Proxy)?;
        link_wide(core, &reference, target, last);
        Ok(reference)
    }
}

/// A reference of its own to an object: behind the shared ones, in front of
/// older ones.
///
/// # Safety
/// 1. `target` is a live object.
#[cfg_attr(feature = "tracemalloc", track_caller)]
pub(crate) unsafe fn hooked(
    target: *const Header,
    hook: Hook,
    kind: Hash,
) -> Result<Gc<WeakBox>, AllocError> {
    // SAFETY: duty 1: the object's core is alive.
    unsafe {
        let core = &*core_of(target);
        let reference = wide(core, Some(hook), kind)?;
        let (mut last, mut next) = (ptr::null(), first_wide(target));
        while !next.is_null() && box_of(next).hook().is_none() {
            last = next;
            next = next_of(next);
        }
        link_wide(core, &reference, target, last);
        Ok(reference)
    }
}

/// The plain box of a list that begins with `head`, or null.
unsafe fn plain_of(head: *const Header) -> *const Header {
    // SAFETY: the caller passes the head of a list, whose members are live.
    match unsafe { wide_of(head) } {
        Some(first) => first.previous.get(),
        None => head,
    }
}

/// What a member of a list has as a wide box; `None` for the plain one and for null.
unsafe fn wide_of<'a>(member: *const Header) -> Option<&'a Wide> {
    // SAFETY: the caller passes null or a live box.
    unsafe { (!member.is_null()).then(|| box_of(member))?.wide() }
}

/// The member behind another, which is not the plain one.
unsafe fn next_of(member: *const Header) -> *const Header {
    // SAFETY: the caller passes a live box.
    unsafe { wide_of(member) }.map_or(ptr::null(), |wide| wide.next.get())
}

/// The first wide reference to an object, or null.
unsafe fn first_wide(target: *const Header) -> *const Header {
    // SAFETY: the caller passes a live object.
    unsafe {
        if !(*target).has(HAS_WEAK) {
            return ptr::null();
        }
        let head = *weak_list_made(target);
        match wide_of(head) {
            Some(_) => head,
            None => ptr::null(),
        }
    }
}

/// Every weak reference to an object, in list order.
///
/// # Safety
/// 1. `target` is a live object. While the result is used the list does not
///    change, save that the member given last may leave it.
pub(crate) unsafe fn members(target: *const Header) -> impl Iterator<Item = *const Header> + use<> {
    // SAFETY: duty 1: members of the list are live, and where the next one is
    // was read before this one is given.
    let (mut plain, mut next) = unsafe {
        if (*target).has(HAS_WEAK) {
            let head = *weak_list_made(target);
            (plain_of(head), first_wide(target))
        } else {
            (ptr::null(), ptr::null())
        }
    };
    std::iter::from_fn(move || {
        let mut given = std::mem::replace(&mut plain, ptr::null());
        if given.is_null() {
            given = next;
            // SAFETY: as above.
            next = unsafe { next_of(given) };
        }
        (!given.is_null()).then_some(given)
    })
}

/// The first weak reference to an object, or null.
///
/// # Safety
/// 1. `target` is a live object.
#[cfg(feature = "testing")]
pub(crate) unsafe fn first_of(target: *const Header) -> *const Header {
    // SAFETY: duty 1.
    unsafe { members(target) }.next().unwrap_or(ptr::null())
}

/// Where a list begins, made empty if there was none.
#[inline]
unsafe fn open_list(core: &HeapCore, target: *const Header) -> *mut *const Header {
    // SAFETY: the caller's target is valid.
    unsafe {
        let head = weak_list(core, target);
        if !(*target).has(HAS_WEAK) {
            (*target).set(HAS_WEAK);
            *head = ptr::null();
        }
        head
    }
}

/// Puts a plain reference in front of a list that has none.
#[inline]
pub(super) unsafe fn link_plain(core: &HeapCore, reference: &Gc<WeakBox>, target: *const Header) {
    reference.refer_to(target);
    // SAFETY: the caller's target is valid; list members are live.
    unsafe {
        let head = open_list(core, target);
        match wide_of(*head) {
            Some(first) => first.previous.set(reference.header()),
            None => *head = reference.header(),
        }
    }
}

/// Puts a wide reference behind another one, or in front of the wide ones.
unsafe fn link_wide(
    core: &HeapCore,
    reference: &Gc<WeakBox>,
    target: *const Header,
    after: *const Header,
) {
    let this = reference.header();
    reference.refer_to(target);
    // SAFETY: the caller's target is valid; list members are live.
    unsafe {
        let head = open_list(core, target);
        let (previous, next) = match wide_of(after) {
            Some(after_it) => (after, after_it.next.replace(this)),
            None => {
                let first = std::mem::replace(&mut *head, this);
                let is_wide = wide_of(first).is_some();
                (plain_of(first), if is_wide { first } else { ptr::null() })
            }
        };
        if let Some(wide) = wide_of(this) {
            wide.previous.set(previous);
            wide.next.set(next);
        }
        if let Some(next) = wide_of(next) {
            next.previous.set(this);
        }
    }
}

/// Takes a reference off the list of its target.
///
/// # Safety
/// 1. `reference` is a weak reference to `target`, which is valid.
#[inline]
pub(super) unsafe fn unlink(reference: *const Header, target: *const Header) {
    // SAFETY: duty 1; list members are live.
    unsafe {
        let this = box_of(reference);
        this.forget_target();
        let head = weak_list_made(target);
        if let Some(wide) = this.wide() {
            unlink_wide(wide, &mut *head);
        } else if *head == reference {
            *head = ptr::null();
        } else if let Some(first) = wide_of(*head) {
            first.previous.set(ptr::null());
        }
        if (*head).is_null() {
            (*target).clear(HAS_WEAK);
        }
    }
}

unsafe fn unlink_wide(this: &Wide, head: &mut *const Header) {
    let (previous, next) = (this.previous.get(), this.next.get());
    // SAFETY: list members are live.
    unsafe {
        if let Some(next) = wide_of(next) {
            next.previous.set(previous);
        }
        match wide_of(previous) {
            Some(previous) => previous.next.set(next),
            None if next.is_null() => *head = previous,
            None => *head = next,
        }
    }
}

/// Hands every ephemeron on an object to a function.
///
/// # Safety
/// 1. `key` is a live object with `HAS_WEAK` set, and its list does not change.
#[cold]
#[inline(never)]
pub(crate) unsafe fn each_ephemeron(key: *const Header, mut visit: impl FnMut(NonNull<Header>)) {
    // SAFETY: duty 1: members of the list are live.
    unsafe {
        let mut next = first_wide(key);
        while let Some(reference) = NonNull::new(next.cast_mut()) {
            next = next_of(next);
            let this = box_of(reference.as_ptr());
            if this.has_value() && !reference.as_ref().is_vacant() {
                visit(reference);
            }
        }
    }
}

/// Whether an object is the key of an ephemeron: then it stays tracked.
///
/// # Safety
/// 1. `header` belongs to a live object.
pub(crate) unsafe fn is_key(header: *const Header) -> bool {
    let mut found = false;
    // SAFETY: duty 1; nothing changes meanwhile.
    unsafe {
        if (*header).has(HAS_WEAK) {
            each_ephemeron(header, |_| found = true);
        }
    }
    found
}
