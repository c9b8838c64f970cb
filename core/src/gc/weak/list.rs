//! The list of weak references of one referent: finding, joining, leaving.

use std::ptr::{self, NonNull};

use super::super::handle::{Gc, retain};
use super::super::header::{HAS_WEAK, Header};
use super::reference::{Hash, Hook, WeakBox, box_of};
use crate::alloc::blocks::weak_list;
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
        let mut last = ptr::null();
        let mut next = first_of(core, target);
        while let Some(header) = next.as_ref() {
            let this = box_of(header);
            if this.hook().is_some() {
                break;
            }
            let alike = this.is_proxy() == matches!(kind, Hash::Proxy);
            if alike && !header.is_vacant() {
                retain(header);
                return Ok(Gc::from_header(header));
            }
            last = next;
            next = this.next.get();
        }
        let reference = core.alloc_quietly(WeakBox::new(None, kind))?;
        let after = if matches!(kind, Hash::Proxy) {
            last
        } else {
            ptr::null()
        };
        link(core, &reference, target, after);
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
        let reference = core.alloc_quietly(WeakBox::new(Some(hook), kind))?;
        let mut last = ptr::null();
        let mut next = first_of(core, target);
        while !next.is_null() && box_of(next).hook().is_none() {
            last = next;
            next = box_of(next).next.get();
        }
        link(core, &reference, target, last);
        Ok(reference)
    }
}

/// The first weak reference to an object, or null.
///
/// # Safety
/// 1. `target` is a live object of `core`.
pub(crate) unsafe fn first_of(core: &HeapCore, target: *const Header) -> *const Header {
    // SAFETY: duty 1.
    unsafe {
        if (*target).has(HAS_WEAK) {
            *weak_list(core, target)
        } else {
            ptr::null()
        }
    }
}

/// Every weak reference to an object, in list order.
///
/// # Safety
/// 1. `target` is a live object of `core`, and the list does not change.
pub(crate) unsafe fn boxes_of(core: &HeapCore, target: *const Header) -> Vec<*const Header> {
    let mut boxes = Vec::new();
    // SAFETY: duty 1: members of the list are live.
    unsafe {
        let mut next = first_of(core, target);
        while !next.is_null() {
            boxes.push(next);
            next = box_of(next).next.get();
        }
    }
    boxes
}

/// Puts a reference into its target's list, behind `after` or in front.
pub(super) unsafe fn link(
    core: &HeapCore,
    reference: &Gc<WeakBox>,
    target: *const Header,
    after: *const Header,
) {
    let this = reference.header();
    reference.target.set(target);
    // SAFETY: the caller's target is valid; list members are live.
    unsafe {
        let head = weak_list(core, target);
        if !(*target).has(HAS_WEAK) {
            (*target).set(HAS_WEAK);
            *head = ptr::null();
        }
        let next = if after.is_null() {
            *head
        } else {
            box_of(after).next.get()
        };
        reference.previous.set(after);
        reference.next.set(next);
        if !next.is_null() {
            box_of(next).previous.set(this);
        }
        if after.is_null() {
            *head = this;
        } else {
            box_of(after).next.set(this);
        }
    }
}

pub(super) unsafe fn unlink(this: &WeakBox, target: *const Header) {
    let (previous, next) = (this.previous.get(), this.next.get());
    // SAFETY: the caller's target is valid; list members are live.
    unsafe {
        if !next.is_null() {
            box_of(next).previous.set(previous);
        }
        if previous.is_null() {
            *weak_list(&*core_of(target), target) = next;
            if next.is_null() {
                (*target).clear(HAS_WEAK);
            }
        } else {
            box_of(previous).next.set(next);
        }
    }
    this.target.set(ptr::null());
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
        let mut next = first_of(&*core_of(key), key);
        while let Some(reference) = NonNull::new(next.cast_mut()) {
            let this = box_of(next);
            next = this.next.get();
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
