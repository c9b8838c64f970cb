//! CPython's `gc` module as methods of the heap, in the same words.

use std::cell::{Cell, RefCell};
use std::ops::BitOr;
use std::ptr::NonNull;
use std::rc::Rc;

use super::Heap;
use super::core::HeapCore;
use super::errors::{BadGeneration, HeapError};
use super::records::{GenerationStats, Info, Phase};
use crate::gc::collector::promote::{generation_of, settle_tracking, untracks_by_now};
use crate::gc::death::guarded;
use crate::gc::handle::{Gc, GcAny};
use crate::gc::header::{FROZEN, Header, UNTRACKED};
use crate::gc::trace::Trace;
use crate::gc::type_info::TypeInfo;

/// Debugging switches of the collector (`gc.set_debug`).
///
/// ```
/// use std::cell::RefCell;
/// use exuvia_core::{DebugFlags, Gc, Heap, Trace};
///
/// #[derive(Trace)]
/// struct Ring(RefCell<Option<Gc<Ring>>>);
///
/// let heap = Heap::new();
/// heap.set_debug(DebugFlags::SAVEALL);
/// let ring = heap.alloc(Ring(RefCell::new(None)));
/// *ring.0.borrow_mut() = Some(ring.clone());
/// drop(ring);
/// heap.collect_all();
/// assert_eq!(heap.garbage().len(), 1, "kept instead of freed");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebugFlags(u32);

impl DebugFlags {
    /// No debugging.
    pub const NONE: DebugFlags = DebugFlags(0);
    /// Each collection tells what it found ([`Heap::set_debug_sink`]).
    pub const STATS: DebugFlags = DebugFlags(1);
    /// Each object found unreachable is told.
    pub const COLLECTABLE: DebugFlags = DebugFlags(2);
    /// Objects left in the garbage list are told when the heap is given up.
    pub const UNCOLLECTABLE: DebugFlags = DebugFlags(4);
    /// All that helps to find a leak: `COLLECTABLE`, `UNCOLLECTABLE`, `SAVEALL`.
    pub const LEAK: DebugFlags = DebugFlags(2 | 4 | 32);
    /// Unreachable objects go to [`Heap::garbage`] instead of being freed.
    pub const SAVEALL: DebugFlags = DebugFlags(32);

    /// Whether all of `flags` are set.
    pub fn contains(self, flags: DebugFlags) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl BitOr for DebugFlags {
    type Output = DebugFlags;
    fn bitor(self, other: DebugFlags) -> DebugFlags {
        DebugFlags(self.0 | other.0)
    }
}

/// Names a collection callback for its removal.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let id = heap.add_callback(|_, _| {});
/// assert!(heap.remove_callback(id));
/// assert!(!heap.remove_callback(id));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackId(u64);

type Hook = Rc<dyn Fn(Phase, &Info)>;

#[derive(Default)]
pub(crate) struct Hooks {
    list: RefCell<Vec<(CallbackId, Hook)>>,
    next: Cell<u64>,
}

impl Hooks {
    pub(crate) fn clear(&self) {
        let hooks = std::mem::take(&mut *self.list.borrow_mut());
        drop(hooks); // The borrow has ended: what they captured may use the heap.
    }
}

impl HeapCore {
    pub(crate) fn call_hooks(&self, phase: Phase, info: Info) {
        if self.hooks.list.borrow().is_empty() {
            return;
        }
        let hooks = self.hooks.list.borrow().clone();
        for (_, hook) in hooks {
            guarded(self, "collection callback", TypeInfo::of::<()>(), || {
                hook(phase, &info)
            });
        }
    }
}

impl Heap {
    /// Collects `generation` and all younger ones; returns how many objects
    /// were found unreachable. Works while automatic collection is disabled;
    /// returns 0 when a collection is already running.
    ///
    /// # Errors
    /// When there is no such generation.
    pub fn collect(&self, generation: usize) -> Result<usize, BadGeneration> {
        if generation > 2 {
            return Err(BadGeneration(generation));
        }
        Ok(self.core().collect_quietly(generation))
    }

    /// A full collection; see [`Heap::collect`].
    pub fn collect_all(&self) -> usize {
        self.core().collect_quietly(2)
    }

    /// Runs the automatic collection that is due, if one is.
    pub fn safepoint(&self) {
        self.core().collect_at_safepoint();
    }

    /// Turns automatic collection on.
    pub fn enable(&self) {
        self.core().enabled.set(true);
        self.core().update_trigger();
    }

    /// Turns automatic collection off; [`Heap::collect`] still works.
    pub fn disable(&self) {
        self.core().enabled.set(false);
        self.core().update_trigger();
    }

    /// Whether automatic collection is on.
    pub fn is_enabled(&self) -> bool {
        self.core().enabled.get()
    }

    /// The thresholds of the three generations.
    pub fn thresholds(&self) -> (usize, usize, usize) {
        self.core().thresholds.get()
    }

    /// Sets the thresholds; a first one of 0 turns automatic collection off.
    pub fn set_thresholds(&self, young: usize, middle: usize, old: usize) {
        self.core().thresholds.set((young, middle, old));
        self.core().update_trigger();
    }

    /// Allocations minus deaths since the last collection (never below 0), then
    /// young collections since the last middle one, then middle ones since the
    /// last full one.
    pub fn counts(&self) -> [usize; 3] {
        let [middle, old] = self.core().older_counts.get();
        [self.core().young_count.get(), middle, old]
    }

    /// What the collections of each generation did so far.
    pub fn stats(&self) -> [GenerationStats; 3] {
        self.core().stats.get()
    }

    /// Sets the debugging switches.
    pub fn set_debug(&self, flags: DebugFlags) {
        self.core().debug.set(flags);
    }

    /// Where debugging text goes, a line at a time without its end; standard
    /// error at first. A panic of the sink is recorded.
    pub fn set_debug_sink(&self, sink: impl Fn(&str) + 'static) {
        let old = self.core().debug_sink.replace(Some(Rc::new(sink)));
        drop(old); // The borrow has ended: what it captured may use the heap.
    }

    /// The debugging switches.
    pub fn debug(&self) -> DebugFlags {
        self.core().debug.get()
    }

    /// Objects that were found unreachable under [`DebugFlags::SAVEALL`].
    pub fn garbage(&self) -> Vec<GcAny> {
        self.core().garbage.borrow().clone()
    }

    /// The same, emptying the list.
    pub fn take_garbage(&self) -> Vec<GcAny> {
        std::mem::take(&mut *self.core().garbage.borrow_mut())
    }

    /// Calls `hook` at the start and the stop of each collection.
    pub fn add_callback(&self, hook: impl Fn(Phase, &Info) + 'static) -> CallbackId {
        let hooks = &self.core().hooks;
        let id = CallbackId(hooks.next.get());
        hooks.next.set(id.0 + 1);
        hooks.list.borrow_mut().push((id, Rc::new(hook)));
        id
    }

    /// Removes a callback; false when it is not there.
    pub fn remove_callback(&self, id: CallbackId) -> bool {
        let mut list = self.core().hooks.list.borrow_mut();
        let found = list.iter().position(|(other, _)| *other == id);
        let removed = found.map(|index| list.remove(index));
        drop(list);
        removed.is_some()
    }

    /// Errors of user code since the last call, oldest first (at most 1000).
    pub fn take_errors(&self) -> Vec<HeapError> {
        std::mem::take(&mut *self.core().errors.borrow_mut())
    }

    /// Tells the heap of memory outside of it that hangs on its objects. Every
    /// 1 KiB counts as one young allocation, so that it feeds the trigger.
    pub fn account_external(&self, bytes: isize) {
        const PER_OBJECT: usize = 1024;
        let count = &self.core().young_count;
        let objects = bytes.unsigned_abs() / PER_OBJECT;
        count.set(if bytes >= 0 {
            count.get().saturating_add(objects)
        } else {
            count.get().saturating_sub(objects)
        });
    }

    /// Takes every object of all generations out of collection, as `gc.freeze`.
    pub fn freeze(&self) {
        self.core()
            .move_generations(|generation| (generation != FROZEN).then_some(FROZEN));
        self.core().older_counts.set([0, 0]);
        self.core().young_count.set(0);
    }

    /// Puts the frozen objects into the oldest generation, as suspects.
    pub fn unfreeze(&self) {
        self.core()
            .move_generations(|generation| (generation == FROZEN).then_some(2));
    }

    /// Tracked objects frozen now.
    pub fn freeze_count(&self) -> usize {
        let mut count = 0;
        self.core().each_object(|object| {
            // SAFETY: enumerated objects are live.
            let header = unsafe { object.as_ref() };
            count += usize::from(header.generation() == FROZEN && !header.has(UNTRACKED));
        });
        count
    }

    /// The tracked objects of one generation, or of all three. Frozen objects
    /// are in none.
    ///
    /// # Errors
    /// When there is no such generation.
    pub fn objects(&self, generation: Option<usize>) -> Result<Vec<GcAny>, BadGeneration> {
        if let Some(generation) = generation
            && generation > 2
        {
            return Err(BadGeneration(generation));
        }
        let mut found = Vec::new();
        self.core().each_object(|object| {
            // SAFETY: enumerated objects are live.
            let header = unsafe { object.as_ref() };
            // SAFETY: as above.
            let of = unsafe { generation_of(header) } as usize;
            let wanted = generation.map_or(of < 3, |generation| of == generation);
            if wanted && is_tracked(header) {
                found.push(object);
            }
        });
        // SAFETY: live; handles are made when the walk is over.
        Ok(found
            .iter()
            .map(|o| unsafe { GcAny::share(o.as_ptr()) })
            .collect())
    }
}

impl HeapCore {
    /// Sets the generation of every object that `choose` answers for. Moved
    /// objects become suspects: decrements while frozen were not noted for them.
    fn move_generations(&self, choose: impl Fn(u32) -> Option<u32>) {
        self.each_object(|object| {
            // SAFETY: enumerated objects are live.
            let header = unsafe { object.as_ref() };
            // SAFETY: as above.
            let now = unsafe { generation_of(header) };
            if let Some(generation) = choose(now) {
                if generation == FROZEN {
                    // SAFETY: as above, and it is not frozen yet.
                    unsafe { settle_tracking(header) };
                }
                self.change_generation(object, generation);
            }
        });
    }

    /// Makes an object young again. CPython's `subtype_dealloc` tracks an object
    /// anew before its finalizer runs, so one that resurrects is young.
    pub(crate) fn rejuvenate(&self, object: NonNull<Header>) {
        self.move_to(object, 0);
    }

    /// Puts an object into a generation, also into a younger one: its page is
    /// then looked at by collections of the young.
    pub(crate) fn move_to(&self, object: NonNull<Header>, generation: u32) {
        use crate::alloc::arena::page_of;
        use crate::alloc::prefix::{IN_PAGE, Prefix};
        use crate::gc::header::PREFIXED;
        // SAFETY: a live object; prefixed ones have a prefix, and what is not
        // in the registry stands in a page.
        unsafe {
            let header = object.as_ref();
            if generation_of(header) == generation {
                return;
            }
            if !header.has(PREFIXED) {
                self.list_young(&*page_of(object.as_ptr()));
            } else if (*Prefix::of(header)).index.get() == IN_PAGE {
                self.list_young(&*page_of(Prefix::of(header)));
            }
            self.change_generation(object, generation);
        }
    }

    fn change_generation(&self, object: NonNull<Header>, generation: u32) {
        use crate::alloc::page::describe;
        use crate::alloc::prefix::{IN_PAGE, Prefix};
        use crate::gc::header::{CLEAN, PREFIXED};
        // SAFETY: a live object; prefixed ones have a prefix.
        unsafe {
            let header = object.as_ref();
            let holds = describe(header).0.holds;
            let registered =
                header.has(PREFIXED) && (*Prefix::of(header)).index.get() != IN_PAGE && holds;
            if registered {
                self.unregister(object.as_ptr());
            }
            header.set_generation(generation);
            header.leave_cycle();
            if registered {
                let list = &mut self.registry.borrow_mut()[generation as usize];
                (*Prefix::of(header)).index.set(list.len());
                list.push(object.as_ptr());
            }
            if holds && generation != FROZEN && !header.is_immortal() {
                header.word.set(header.word.get() & !CLEAN);
                crate::gc::death::note_suspect(header);
            }
        }
    }
}

/// Whether the collector examines the object; what it would have untracked had
/// it looked counts as untracked.
pub(super) fn is_tracked(header: &Header) -> bool {
    // SAFETY: the caller's object is live.
    !header.has(UNTRACKED) && !unsafe { untracks_by_now(header) }
}

impl<T: Trace> Gc<T> {
    /// Whether the collector examines the object (`gc.is_tracked`).
    pub fn is_tracked(this: &Self) -> bool {
        is_tracked(this.header_ref())
    }
}

impl GcAny {
    /// Whether the collector examines the object (`gc.is_tracked`).
    pub fn is_tracked(&self) -> bool {
        is_tracked(self.header_ref())
    }
}
