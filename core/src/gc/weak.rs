//! Weak references: objects of the heap themselves, as in CPython.
//!
//! A [`Weak<T>`] is a counted handle on a `WeakBox`, whose target it does not
//! count. The boxes of one referent form a list, its head in a side table of
//! the page (or the prefix): the shared callback-free box first, then those
//! with callbacks, newest first. When the referent dies the whole list is
//! cleared before the first callback runs. A box that lies in the trash
//! together with its referent never calls back.
//!
//! An [`Ephemeron`](super::ephemeron::Ephemeron) is such a box whose hook is a
//! value instead of a callback.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use super::death::guarded;
use super::handle::{Gc, GcAny, GcBox, retain};
use super::header::{HAS_WEAK, Header};
use super::trace::{Edge, Trace, Visitor};
use crate::alloc::blocks::weak_list;
use crate::alloc::page::core_of;
use crate::heap::Heap;
use crate::heap::core::HeapCore;
use crate::heap::errors::AllocError;

/// What runs when the referent of a weak reference dies. It is an object of
/// the heap, so that a callback inside the trash is seen as such.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use exuvia_core::{Callback, Gc, Heap, Trace};
///
/// #[derive(Trace)]
/// struct Count(#[trace(leaf)] Rc<Cell<u32>>);
/// impl Callback for Count {
///     fn call(&self, _: &Heap) {
///         self.0.set(self.0.get() + 1);
///     }
/// }
///
/// let heap = Heap::new();
/// let calls = Rc::new(Cell::new(0));
/// let object = heap.alloc(1);
/// let weak = Gc::downgrade_with(&object, heap.alloc(Count(calls.clone())));
/// drop(object);
/// assert!(weak.is_dead());
/// assert_eq!(calls.get(), 1);
/// ```
pub trait Callback: Trace {
    /// Runs once, after every weak reference to the referent is dead. It
    /// cannot resurrect. A panic is recorded and stops nothing.
    fn call(&self, heap: &Heap);

    /// The same, told which weak reference died: what the heap calls.
    fn call_for(&self, reference: &GcAny, heap: &Heap) {
        let _ = reference;
        self.call(heap);
    }
}

pub(crate) struct Hook {
    pub(crate) object: GcAny,
    /// How the object is called; `None` for the value of an ephemeron.
    pub(crate) call: Option<HookFn>,
}

/// Calls the object of a hook for a reference.
pub(crate) type HookFn = fn(&GcAny, &GcAny, &Heap);

/// What is known of a weak reference as a key.
#[derive(Clone, Copy)]
pub(crate) enum Hash {
    Unknown,
    /// The referent's hash, kept when that is gone.
    Known(u64),
    /// A proxy has none.
    Proxy,
}

/// The weak reference as an object of the heap.
pub(crate) struct WeakBox {
    target: Cell<*const Header>,
    previous: Cell<*const Header>,
    next: Cell<*const Header>,
    /// Written once, by [`WeakBox::take_value`].
    hook: Cell<Option<Hook>>,
    hash: Cell<Hash>,
}

const _: () = assert!(size_of::<GcBox<WeakBox>>() == 64);

// SAFETY: callback or value is the one owned edge; the target is not owned.
unsafe impl Trace for WeakBox {
    const QUIET_DROP: bool = true;
    const WEAK: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        if let Some(hook) = self.hook() {
            let edge = Edge(NonNull::from(hook.object.header_ref()));
            match NonNull::new(self.target.get().cast_mut()) {
                Some(key) if hook.call.is_none() => visitor.edge_with_key(Edge(key), edge),
                _ => visitor.edge(edge),
            }
        }
    }
}

impl Drop for WeakBox {
    /// Leaves the referent's list. Follows no owned reference.
    fn drop(&mut self) {
        let target = self.target.get();
        if !target.is_null() {
            // SAFETY: a set target is alive: it clears its list when it dies.
            unsafe { unlink(self, target) };
        }
    }
}

/// A weak reference: it does not keep its referent alive.
///
/// ```
/// # use exuvia_core::{Gc, Heap};
/// let heap = Heap::new();
/// let strong = heap.alloc(1);
/// let weak = Gc::downgrade(&strong);
/// assert_eq!(weak.upgrade().as_deref(), Some(&1));
/// drop(strong);
/// assert!(weak.is_dead());
/// ```
pub struct Weak<T: Trace> {
    reference: Gc<WeakBox>,
    target: PhantomData<Gc<T>>,
}

impl<T: Trace> Weak<T> {
    /// A counted handle on the referent, while it is alive.
    #[inline]
    pub fn upgrade(&self) -> Option<Gc<T>> {
        let target = self.reference.live_target()?;
        // SAFETY: alive, of type `T`; the new count belongs to the handle.
        unsafe {
            retain(target.as_ptr());
            Some(Gc::from_header(target.as_ptr()))
        }
    }

    /// Whether the referent is gone.
    pub fn is_dead(&self) -> bool {
        self.reference.live_target().is_none()
    }

    /// Whether two handles are the same weak reference.
    pub fn ptr_eq(a: &Self, b: &Self) -> bool {
        Gc::ptr_eq(&a.reference, &b.reference)
    }

    /// Whether the reference calls back.
    pub fn has_callback(&self) -> bool {
        self.reference.hook().is_some()
    }

    /// The handle on the reference itself.
    pub(crate) fn into_box(this: Self) -> Gc<WeakBox> {
        this.reference
    }

    /// The weak reference as an object.
    pub fn erase(this: Self) -> GcAny {
        Gc::erase(this.reference)
    }
}

impl<T: Trace> Clone for Weak<T> {
    fn clone(&self) -> Weak<T> {
        Weak {
            reference: self.reference.clone(),
            target: PhantomData,
        }
    }
}

// SAFETY: the handle on the box is the one owned edge.
unsafe impl<T: Trace> Trace for Weak<T> {
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = true;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.reference.trace(visitor);
    }
}

impl<T: Trace> Gc<T> {
    /// The object's callback-free weak reference: one, shared by all who ask.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn downgrade(this: &Self) -> Weak<T> {
        this.try_downgrade()
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Fallible [`Gc::downgrade`].
    ///
    /// # Errors
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_downgrade(&self) -> Result<Weak<T>, AllocError> {
        Ok(Weak {
            // SAFETY: a handle keeps the object alive.
            reference: unsafe { shared(self.header(), Hash::Unknown) }?,
            target: PhantomData,
        })
    }

    /// A weak reference that calls back when the object dies; never shared.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn downgrade_with<C: Callback>(this: &Self, callback: Gc<C>) -> Weak<T> {
        this.try_downgrade_with(callback)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Fallible [`Gc::downgrade_with`].
    ///
    /// # Errors
    /// When the heap has no room; the callback's handle is dropped.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_downgrade_with<C: Callback>(&self, callback: Gc<C>) -> Result<Weak<T>, AllocError> {
        let hook = Hook::calling(callback);
        Ok(Weak {
            // SAFETY: a handle keeps the object alive.
            reference: unsafe { hooked(self.header(), hook, Hash::Unknown) }?,
            target: PhantomData,
        })
    }

    /// Weak references to the object, of all kinds.
    pub fn weak_count(this: &Self) -> usize {
        // SAFETY: a handle keeps object, core and list alive.
        unsafe { boxes_of(&*core_of(this.header()), this.header()) }.len()
    }
}

impl<T: Trace> Weak<T> {
    /// A reference to an object under construction.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(crate) fn to_unborn(core: &HeapCore, header: *const Header) -> Result<Weak<T>, AllocError> {
        let reference = core.alloc_quietly(WeakBox::new(None, Hash::Unknown))?;
        // SAFETY: the block is taken and of this heap.
        unsafe { link(core, &reference, header, ptr::null()) };
        Ok(Weak {
            reference,
            target: PhantomData,
        })
    }
}

impl Hook {
    /// A hook that calls back.
    pub(crate) fn calling<C: Callback>(callback: Gc<C>) -> Hook {
        Hook {
            object: Gc::erase(callback),
            call: Some(|object, reference, heap| {
                if let Some(callback) = object.downcast_ref::<C>() {
                    callback.call_for(reference, heap);
                }
            }),
        }
    }
}

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

impl WeakBox {
    fn new(hook: Option<Hook>, hash: Hash) -> WeakBox {
        WeakBox {
            target: Cell::new(ptr::null()),
            previous: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            hook: Cell::new(hook),
            hash: Cell::new(hash),
        }
    }

    /// Whether it is a proxy.
    pub(crate) fn is_proxy(&self) -> bool {
        matches!(self.hash.get(), Hash::Proxy)
    }

    pub(crate) fn hash(&self) -> Hash {
        self.hash.get()
    }

    pub(crate) fn remember_hash(&self, hash: u64) {
        self.hash.set(Hash::Known(hash));
    }

    /// The callback or value. The reference ends before the box's value is
    /// taken: callbacks never are.
    pub(crate) fn hook(&self) -> Option<&Hook> {
        // SAFETY: `take_value` is the only writer, and takes values alone,
        // which nobody looks at while they may be taken.
        unsafe { &*self.hook.as_ptr() }.as_ref()
    }

    /// Whether the box is an ephemeron with a value.
    pub(crate) fn has_value(&self) -> bool {
        self.hook().is_some_and(|hook| hook.call.is_none())
    }

    /// Takes the value out of an ephemeron.
    pub(crate) fn take_value(&self) -> Option<GcAny> {
        if self.has_value() {
            self.hook.take().map(|hook| hook.object)
        } else {
            None
        }
    }

    /// Where the referent is kept, for tests that break it.
    #[cfg(feature = "testing")]
    pub(crate) fn target_cell(&self) -> &Cell<*const Header> {
        &self.target
    }

    /// The referent, while it can be upgraded to.
    #[inline]
    pub(crate) fn live_target(&self) -> Option<NonNull<Header>> {
        let target = NonNull::new(self.target.get().cast_mut())?;
        // SAFETY: a set target's memory is valid; a count of 0 means that it
        // is dying or under construction.
        (!unsafe { target.as_ref() }.is_vacant()).then_some(target)
    }

    /// The referent; null when it is gone.
    pub(crate) fn target(&self) -> *const Header {
        self.target.get()
    }
}

/// # Safety
/// 1. `header` belongs to a live `WeakBox`.
pub(crate) unsafe fn box_of<'a>(header: *const Header) -> &'a WeakBox {
    // SAFETY: duty 1.
    unsafe { GcBox::<WeakBox>::value(header) }
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
unsafe fn link(
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

unsafe fn unlink(this: &WeakBox, target: *const Header) {
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
/// 1. `target` is an object of `core` whose memory is valid.
pub(crate) unsafe fn clear(
    core: &HeapCore,
    target: *const Header,
    cleared: &mut Cleared,
    wants_call: impl Fn(*const Header) -> bool,
) {
    // SAFETY: duty 1; no user code runs while the list is taken apart.
    unsafe {
        for reference in boxes_of(core, target) {
            let this = box_of(reference);
            this.target.set(ptr::null());
            this.previous.set(ptr::null());
            this.next.set(ptr::null());
            match this.take_value() {
                Some(value) => cleared.values.push(value),
                None if this.hook().is_some() && wants_call(reference) => {
                    cleared.callers.push(GcAny::share(reference));
                }
                None => {}
            }
        }
        if (*target).has(HAS_WEAK) {
            *weak_list(core, target) = ptr::null();
            (*target).clear(HAS_WEAK);
        }
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
        let target = this.target.get();
        if !target.is_null() {
            unlink(this, target);
        }
        this.take_value()
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
        && let Some(hook) = reference.hook()
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
    unsafe {
        clear(core, target, &mut cleared, |reference| {
            !(*reference).is_vacant()
        })
    };
    for caller in &cleared.callers {
        call(core, caller);
    }
    // A callback that was called is given up, oldest reference first, as by
    // the tuple in CPython's `PyObject_ClearWeakRefs`.
    while let Some(caller) = cleared.callers.pop() {
        let called = caller
            .downcast_ref::<WeakBox>()
            .and_then(|reference| reference.hook.take());
        drop(called);
    }
    drop(cleared.values);
}
