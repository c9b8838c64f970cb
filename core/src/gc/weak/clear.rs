//! The end of a referent: its weak references are cleared, then called.

use std::ptr::{self, NonNull};

use super::super::death::guarded;
use super::super::handle::GcAny;
use super::super::header::{HAS_WEAK, Header};
use super::list::{members, unlink};
use super::reference::{WeakBox, box_of};
use crate::alloc::blocks::weak_list_made;
use crate::heap::Heap;
use crate::heap::core::HeapCore;

/// What clearing weak references leaves to do, when user code may run.
#[derive(Default)]
pub(crate) struct Cleared {
    /// References to be called back, newest first.
    pub(crate) callers: Vec<GcAny>,
    /// Values of ephemerons, to be dropped.
    pub(crate) values: Vec<GcAny>,
}

impl Cleared {
    pub(crate) fn is_empty(&self) -> bool {
        self.callers.is_empty() && self.values.is_empty()
    }
}

/// Kills every weak reference to an object and adds those that want to be
/// called, newest first, and the values of ephemerons.
///
/// # Safety
/// 1. `target` is an object whose memory is valid.
pub(crate) unsafe fn clear(
    target: *const Header,
    cleared: &mut Cleared,
    wants_call: impl Fn(*const Header) -> bool,
) {
    // SAFETY: duty 1; no user code runs while the list is taken apart.
    unsafe {
        if !(*target).has(HAS_WEAK) {
            return;
        }
        for reference in members(target) {
            let this = box_of(reference);
            this.forget_target();
            match this.take_value() {
                Some(value) => cleared.values.push(value),
                None if this.hook().is_some() && wants_call(reference) => {
                    cleared.callers.push(GcAny::share(reference));
                }
                None => {}
            }
        }
        *weak_list_made(target) = ptr::null();
        (*target).clear(HAS_WEAK);
    }
}

/// Takes a weak reference that lies in the trash off its referent's list: the
/// referent may die while the trash is cleared, and must not call back into it.
/// Returns an ephemeron's value.
///
/// # Safety
/// 1. `header` belongs to a live `WeakBox`.
pub(crate) unsafe fn detach(header: *const Header) -> Option<GcAny> {
    // SAFETY: duty 1; a set target is alive.
    unsafe {
        let this = box_of(header);
        let target = this.target();
        if !target.is_null() {
            unlink(header, target);
        }
        this.take_value()
    }
}

/// Calls back the references that a collection cleared, and lets each go after
/// its call. Returns how many that freed: CPython's collector counts those too.
/// One that lives on goes to the generation of the survivors, wherever it was
/// (`handle_weakrefs` moves it to the list of `old`).
pub(crate) fn call_back(core: &HeapCore, callers: Vec<GcAny>, generation: u32) -> usize {
    let mut freed = 0;
    for caller in callers {
        call(core, &caller);
        if caller.ref_count() == 1 {
            freed += 1;
        } else {
            core.move_to(NonNull::from(caller.header_ref()), generation);
        }
    }
    freed
}

fn call(core: &HeapCore, caller: &GcAny) {
    if let Some(reference) = caller.downcast_ref::<WeakBox>()
        && let Some(hook) = reference.whole().hook()
        && let Some(call) = hook.call
    {
        let heap = Heap::from_core(NonNull::from(core));
        let info = hook.object.type_info();
        guarded(core, "weak callback", info, || {
            call(&hook.object, caller, &heap);
        });
    }
}

/// Death by count: all references die, then the callbacks run, then the values
/// of ephemerons are dropped. A reference that is itself dying does not call.
///
/// # Safety
/// 1. `target` is an object of `core` with a count of 0.
pub(crate) unsafe fn clear_and_call(core: &HeapCore, target: *const Header) {
    let mut cleared = Cleared::default();
    // SAFETY: duty 1; list members are valid.
    unsafe { clear(target, &mut cleared, |reference| !(*reference).is_vacant()) };
    for caller in &cleared.callers {
        call(core, caller);
    }
    // A callback that was called is given up, oldest reference first, as by
    // the tuple in CPython's `PyObject_ClearWeakRefs`.
    while let Some(caller) = cleared.callers.pop() {
        let called = caller
            .downcast_ref::<WeakBox>()
            .and_then(|reference| reference.whole().take_hook());
        drop(called);
    }
    drop(cleared.values);
}
