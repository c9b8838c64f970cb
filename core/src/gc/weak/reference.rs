//! A weak reference as an object of the heap: its referent and, where it needs
//! more, its neighbours in the referent's list, its callback or value, its hash.
//!
//! ```text
//!   plain   header 8 | target 8
//!   wide    header 8 | target 8 | previous 8 | next 8 | hook 16 | hash 16
//! ```
//!
//! Plain is the reference that everybody who asks for one shares; a referent has
//! at most one. Proxies, references with a callback and ephemerons are wide. The
//! low bits of the target tell which a box is, whether or not it still refers.

use std::alloc::Layout;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use super::super::handle::{Gc, GcAny, GcBox};
use super::super::header::Header;
use super::super::trace::{Edge, Trace, Visitor, spread_of};
use super::super::type_info::TypeInfo;
use super::Callback;
use super::list::unlink;
use crate::alloc::page::core_of;
use crate::heap::Heap;
use crate::heap::core::HeapCore;
use crate::heap::errors::AllocError;
use crate::object::Kind;
use crate::object::block::{self, Block, BlockTable};

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

/// The head of a weak reference's block.
pub(crate) struct WeakBox {
    /// The referent, and the tags; the tags alone when the referent is gone.
    target: Cell<*const Header>,
}

/// What follows the head of a wide box.
pub(super) struct Wide {
    /// The neighbour in front; of the first wide box the plain one, if there is one.
    pub(super) previous: Cell<*const Header>,
    pub(super) next: Cell<*const Header>,
    /// Written once, by [`Reference::take_value`] or [`Reference::take_hook`].
    hook: Cell<Option<Hook>>,
    hash: Cell<Hash>,
}

/// The box is wide. Never changes.
const WIDE: usize = 1;
/// The box is plain and has a hash in the heap's table.
const HASHED: usize = 2;
const TAGS: usize = WIDE | HASHED;

const PLAIN_LAYOUT: Layout = Layout::new::<GcBox<WeakBox>>();
const WIDE_LAYOUT: Layout = Layout::new::<GcBox<(WeakBox, Wide)>>();

const _: () = assert!(PLAIN_LAYOUT.size() == 16 && WIDE_LAYOUT.size() == 64);
const _: () = assert!(block::tail_offset::<WeakBox, Wide>() + size_of::<Wide>() == 64);

impl WeakBox {
    #[inline]
    fn tags(&self) -> usize {
        self.target.get().addr() & TAGS
    }

    #[inline]
    pub(super) fn is_wide(&self) -> bool {
        self.tags() & WIDE != 0
    }

    #[inline]
    fn is_hashed(&self) -> bool {
        self.tags() & HASHED != 0
    }

    /// The referent; null when it is gone.
    #[inline]
    pub(crate) fn target(&self) -> *const Header {
        self.target.get().map_addr(|address| address & !TAGS)
    }

    /// The referent, while it can be upgraded to.
    #[inline]
    pub(crate) fn live_target(&self) -> Option<NonNull<Header>> {
        let target = NonNull::new(self.target().cast_mut())?;
        // SAFETY: a set target's memory is valid; a count of 0 means that it
        // is dying or under construction.
        (!unsafe { target.as_ref() }.is_vacant()).then_some(target)
    }

    #[inline]
    pub(super) fn refer_to(&self, target: *const Header) {
        let tags = self.tags();
        self.target.set(target.map_addr(|address| address | tags));
    }

    /// The referent is gone.
    #[inline]
    pub(super) fn forget_target(&self) {
        self.target.set(ptr::without_provenance(self.tags()));
    }

    /// Where the referent is kept, for tests that break it.
    #[cfg(feature = "testing")]
    pub(crate) fn target_cell(&self) -> &Cell<*const Header> {
        &self.target
    }
}

/// A weak reference, whole: reached from its header.
#[derive(Clone, Copy)]
pub(crate) struct Reference<'a> {
    header: *const Header,
    life: PhantomData<&'a WeakBox>,
}

impl Deref for Reference<'_> {
    type Target = WeakBox;
    #[inline]
    fn deref(&self) -> &WeakBox {
        // SAFETY: as `box_of` was promised.
        unsafe { block::head(self.header) }
    }
}

impl<'a> Reference<'a> {
    /// What only a wide box has.
    #[inline]
    pub(super) fn wide(self) -> Option<&'a Wide> {
        // SAFETY: as `box_of` was promised; the tail of a wide box is written when it is made.
        self.is_wide()
            .then(|| unsafe { &*block::tail::<WeakBox, Wide>(self.header) })
    }

    /// The callback or value. The reference ends before the box's value is
    /// taken: callbacks never are, while anybody looks.
    pub(crate) fn hook(self) -> Option<&'a Hook> {
        // SAFETY: only `take_value` and `take_hook` write, what nobody looks at
        // while it may be taken.
        unsafe { &*self.wide()?.hook.as_ptr() }.as_ref()
    }

    /// Visits callback or value, the one owned edge.
    pub(crate) fn trace<V: Visitor>(self, visitor: &mut V) {
        if let Some(hook) = self.hook() {
            let edge = Edge(NonNull::from(hook.object.header_ref()));
            match NonNull::new(self.target().cast_mut()) {
                Some(key) if hook.call.is_none() => visitor.edge_with_key(Edge(key), edge),
                _ => visitor.edge(edge),
            }
        }
    }

    /// Whether it is an ephemeron with a value.
    pub(crate) fn has_value(self) -> bool {
        self.hook().is_some_and(|hook| hook.call.is_none())
    }

    /// Takes the value out of an ephemeron.
    pub(crate) fn take_value(self) -> Option<GcAny> {
        if self.has_value() {
            self.take_hook().map(|hook| hook.object)
        } else {
            None
        }
    }

    /// Takes a callback that was called, or a value.
    pub(super) fn take_hook(self) -> Option<Hook> {
        self.wide()?.hook.take()
    }

    /// Whether it is a proxy.
    #[inline]
    pub(crate) fn is_proxy(self) -> bool {
        self.wide()
            .is_some_and(|wide| matches!(wide.hash.get(), Hash::Proxy))
    }

    pub(crate) fn hash(self) -> Hash {
        match self.wide() {
            Some(wide) => wide.hash.get(),
            None if self.is_hashed() => {
                let hash = self.core().weak_hashes.get(self.header);
                hash.map_or(Hash::Unknown, Hash::Known)
            }
            None => Hash::Unknown,
        }
    }

    pub(crate) fn remember_hash(self, hash: u64) {
        match self.wide() {
            Some(wide) => wide.hash.set(Hash::Known(hash)),
            None => {
                let core = self.core();
                if self.is_hashed() {
                    // The referent's hash asked for this one meanwhile.
                    core.weak_hashes.forget(core, self.header);
                }
                core.weak_hashes.remember(core, self.header, hash);
                let target = self.target.get();
                self.target.set(target.map_addr(|address| address | HASHED));
            }
        }
    }

    fn core(&self) -> &HeapCore {
        // SAFETY: as `box_of` was promised: box and core are alive.
        unsafe { &*core_of(self.header) }
    }
}

/// # Safety
/// 1. `header` belongs to a weak reference whose block is not given back in `'a`.
#[inline]
pub(crate) unsafe fn box_of<'a>(header: *const Header) -> Reference<'a> {
    Reference {
        header,
        life: PhantomData,
    }
}

impl Gc<WeakBox> {
    /// The whole box.
    #[inline]
    pub(crate) fn whole(&self) -> Reference<'_> {
        // SAFETY: the handle keeps the box.
        unsafe { box_of(self.header()) }
    }
}

/// A plain box that refers to nothing yet. No collection happens.
#[inline]
#[cfg_attr(feature = "tracemalloc", track_caller)]
pub(super) fn plain(core: &HeapCore) -> Result<Gc<WeakBox>, AllocError> {
    // SAFETY: a plain box is its head.
    unsafe {
        block::alloc_quietly::<WeakBox>(core, PLAIN_LAYOUT, |header| {
            GcBox::<WeakBox>::value_ptr(header).write(WeakBox::tagged(0));
        })
    }
}

/// A wide box that refers to nothing yet. No collection happens.
#[cfg_attr(feature = "tracemalloc", track_caller)]
pub(super) fn wide(
    core: &HeapCore,
    hook: Option<Hook>,
    hash: Hash,
) -> Result<Gc<WeakBox>, AllocError> {
    // SAFETY: a wide box is its head and one tail.
    unsafe {
        block::alloc_quietly::<WeakBox>(core, WIDE_LAYOUT, |header| {
            block::tail::<WeakBox, Wide>(header).write(Wide {
                previous: Cell::new(ptr::null()),
                next: Cell::new(ptr::null()),
                hook: Cell::new(hook),
                hash: Cell::new(hash),
            });
            GcBox::<WeakBox>::value_ptr(header).write(WeakBox::tagged(WIDE));
        })
    }
}

impl WeakBox {
    fn tagged(tags: usize) -> WeakBox {
        WeakBox {
            target: Cell::new(ptr::without_provenance(tags)),
        }
    }
}

// SAFETY: callback or value is the one owned edge; the target is not owned.
unsafe impl Block for WeakBox {
    type Head = WeakBox;
    const NAME: &'static str = "exuvia_core::gc::weak::WeakBox";
    const DROPS: bool = true;
    const QUIET: bool = true;

    #[inline]
    fn table() -> &'static TypeInfo {
        static TABLE: TypeInfo = <WeakBox as BlockTable>::TABLE;
        &TABLE
    }

    #[inline]
    unsafe fn trace<V: Visitor>(header: *const Header, _: usize, visitor: &mut V) {
        // SAFETY: the caller's duty.
        unsafe { box_of(header) }.trace(visitor);
    }

    /// Leaves the referent's list. Follows no owned reference.
    #[inline]
    unsafe fn drop(header: *mut Header, _: usize) {
        // SAFETY: the caller drops the block once. A set target is alive: it
        // clears its list when it dies.
        unsafe {
            let this = box_of(header);
            let target = this.target();
            if !target.is_null() {
                unlink(header, target);
            }
            match this.tags() {
                0 => {}
                HASHED => forget_hash(header),
                _ => block::tail::<WeakBox, Wide>(header).drop_in_place(),
            }
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn forget_hash(header: *const Header) {
    // SAFETY: the caller's box is being dropped: its core is alive.
    let core = unsafe { &*core_of(header) };
    core.weak_hashes.forget(core, header);
}

// SAFETY: only the table of the whole block traces a weak reference; the head
// alone owns nothing.
unsafe impl Trace for WeakBox {
    const VALUE_KIND: u8 = Kind::WeakRef as u8;
    const SPREAD: u32 = spread_of("WeakBox");
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = false;
    const WEAK: bool = true;
    const TAILED: bool = true;
    const DROP_BLOCK: Option<unsafe fn(*mut u8, usize)> = Some(|header, bytes| {
        // SAFETY: the caller drops a block of this type, once.
        unsafe { <WeakBox as Block>::drop(header.cast(), bytes) };
    });
    fn trace<V: Visitor>(&self, _: &mut V) {}
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
