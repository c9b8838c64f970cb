//! [`Instance`]: an object of a Python class, all attributes in its own block
//! as long as they fit.
//!
//! ```text
//!   header 8 | class 8 | slots | state | values | more order words
//!                                '--------------- absent in a pure slots class
//! ```
//!
//! Words behind the class are *places*. A slot or value without an attribute is
//! unset. The state is a dict once there is one, else the room for values and
//! the order in which they were first stored (`order`). With a dict, all
//! values are unset and the dict has the attributes; dict and instance are
//! therefore always of one mind, and the dict outlives the instance.
//!
//! Invariant **places**: every word of the block behind the class is an
//! initialised [`Value`]; it is read and replaced through the header's pointer
//! for the moment of a clone or an exchange, never lent out.

mod attributes;
mod order;

use std::fmt;

pub use attributes::AttributeError;

use super::block::{self, Block, BlockTable};
use super::class::{Class, Form, Recipe};
use super::dict::Dict;
use super::list::no_room;
use super::value::{Kind, Value};
use crate::alloc::size_class::{MAX_BLOCK, block_bytes, class_of};
use crate::gc::handle::{Gc, GcBox};
use crate::gc::header::Header;
use crate::gc::trace::{Trace, Visitor};
use crate::gc::type_info::TypeInfo;
use crate::heap::Heap;
use crate::heap::errors::AllocError;

/// An instance of a [`Class`]: the head of the block that holds its attributes.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, Str, Value};
/// let heap = Heap::new();
/// let class = Class::builder(&heap, "Point").build();
/// let x = Str::intern(&heap, "x");
/// let point = Class::instantiate(&class, &heap);
/// point.set_attr(&heap, &x, Value::small(3)).unwrap();
/// assert_eq!(point.get_attr(&x), Some(Value::small(3)));
/// assert!(!point.has_dict(), "the value stands in the instance");
/// point.del_attr(&x).unwrap();
/// assert!(point.lookup(&x).is_err());
/// ```
pub struct Instance {
    class: Gc<Class>,
}

const _: () = assert!(size_of::<Instance>() == 8);

impl Instance {
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub(super) fn new(class: &Gc<Class>, heap: &Heap) -> Gc<Instance> {
        match Instance::by_recipe(class, heap) {
            Some(instance) => instance,
            None => Instance::new_slow(class, heap),
        }
    }

    /// The fast path: a settled class, and a free block in its current page.
    #[inline]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn by_recipe(class: &Gc<Class>, heap: &Heap) -> Option<Gc<Instance>> {
        let recipe = class.recipe()?;
        let core = heap.core();
        core.count_allocation();
        let Some(header) = core.take_cached(Plain::table(), recipe.layout) else {
            core.uncount_allocation();
            return None;
        };
        let header = header.as_ptr();
        // SAFETY: the block is ours, of the recipe's layout, and stands in a
        // page of its type; nothing runs before it is whole.
        unsafe {
            let first = block::tail::<Instance, Value>(header);
            for place in 0..recipe.room {
                first.add(place).write(Value::UNSET);
            }
            if let Some(state) = recipe.state {
                first.add(class.slot_count()).write(Value::small(state));
            }
            let class = class.clone();
            GcBox::<Instance>::value_ptr(header).write(Instance { class });
            header.write(Header::container());
            Some(Gc::from_header(header))
        }
    }

    /// What `by_recipe` needs to know of a class; `None` when instances are
    /// too large for pages.
    pub(super) fn recipe(class: &Class) -> Option<Recipe> {
        let slots = class.slot_count();
        let (places, state) = match class.form() {
            Form::Inline => {
                let capacity = class.capacity();
                let places = slots + 1 + Instance::words_for(capacity);
                (places, Some(order::fresh(capacity)))
            }
            Form::Slots | Form::Dict => (slots, None),
        };
        let layout = block::layout::<Instance, Value>(places).ok()?;
        if layout.size() > MAX_BLOCK {
            return None;
        }
        let bytes = block_bytes(class_of(layout.size()));
        let room = block::room::<Instance, Value>(bytes);
        Some(Recipe {
            layout,
            room,
            state,
        })
    }

    #[inline(never)]
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn new_slow(class: &Gc<Class>, heap: &Heap) -> Gc<Instance> {
        Instance::try_new(class, heap).unwrap_or_else(|error| no_room(&error))
    }

    /// A new instance without attributes.
    ///
    /// # Errors
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn try_new(class: &Gc<Class>, heap: &Heap) -> Result<Gc<Instance>, AllocError> {
        let slots = class.slot_count();
        match class.form() {
            Form::Slots => Instance::with_places(class, heap, slots, None),
            Form::Inline => {
                let capacity = class.next_capacity();
                let places = slots + 1 + Instance::words_for(capacity);
                let state = Value::small(order::fresh(capacity));
                Instance::with_places(class, heap, places, Some(state))
            }
            Form::Dict => {
                let state = Value::from(Dict::new(heap));
                Instance::with_places(class, heap, slots + 1, Some(state))
            }
        }
    }

    /// Words that inline values need: themselves and their order.
    #[inline]
    pub(super) const fn words_for(capacity: usize) -> usize {
        capacity + order::more_words(capacity)
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn with_places(
        class: &Gc<Class>,
        heap: &Heap,
        places: usize,
        state: Option<Value>,
    ) -> Result<Gc<Instance>, AllocError> {
        if class.finalizer().is_some() {
            Instance::in_block::<Finalized>(class, heap, places, state)
        } else {
            Instance::in_block::<Plain>(class, heap, places, state)
        }
    }

    #[cfg_attr(feature = "tracemalloc", track_caller)]
    fn in_block<B: Block<Head = Instance>>(
        class: &Gc<Class>,
        heap: &Heap,
        places: usize,
        state: Option<Value>,
    ) -> Result<Gc<Instance>, AllocError> {
        let layout = block::layout::<Instance, Value>(places)?;
        let state_place = class.slot_count();
        // SAFETY: `fill` writes the head and every place of the block.
        unsafe {
            block::alloc::<B>(heap, layout, |header, bytes| {
                let first = block::tail::<Instance, Value>(header);
                for place in 0..block::room::<Instance, Value>(bytes) {
                    first.add(place).write(Value::UNSET);
                }
                if let Some(state) = state {
                    first.add(state_place).write(state);
                }
                let class = class.clone();
                GcBox::<Instance>::value_ptr(header).write(Instance { class });
            })
        }
    }

    /// The instance's class.
    #[inline]
    pub fn class(&self) -> &Gc<Class> {
        &self.class
    }

    /// The name of the class of the instance behind a header.
    ///
    /// # Safety
    /// 1. `header` belongs to an instance that lives during `'a`.
    pub(crate) unsafe fn class_name_of<'a>(header: std::ptr::NonNull<Header>) -> &'a str {
        // SAFETY: duty 1; a class keeps its name.
        unsafe { Instance::class_of(header.as_ptr()) }
            .name()
            .as_str()
    }

    /// The class of the instance behind a header.
    ///
    /// # Safety
    /// 1. `header` belongs to an instance that lives during `'a`.
    pub(crate) unsafe fn class_of<'a>(header: *const Header) -> &'a Gc<Class> {
        // SAFETY: duty 1; an instance keeps its class.
        unsafe { &block::head::<Instance>(header).class }
    }
}

impl Gc<Instance> {
    /// Bytes of the instance: its block, and its dict with its table, if it has
    /// one. What attributes refer to is not included.
    pub fn size_bytes(&self) -> usize {
        let own = super::block_bytes(self.header());
        own + self.own_dict().map_or(0, |dict| {
            super::block_bytes(dict.header()) + dict.buffer_bytes()
        })
    }

    /// Whether the attributes stand in a dict.
    pub fn has_dict(&self) -> bool {
        self.own_dict().is_some()
    }
}

/// The table of instances without a finalizer.
pub(crate) struct Plain;

/// The table of instances whose class has a finalizer.
pub(crate) struct Finalized;

/// Visits class and places.
///
/// # Safety
/// 1. `header` belongs to a live instance whose block has `bytes` bytes.
#[inline]
unsafe fn trace_all<V: Visitor>(header: *const Header, bytes: usize, visitor: &mut V) {
    // SAFETY: duty 1 and invariant *places*.
    unsafe {
        visitor.at_field("__class__");
        block::head::<Instance>(header).class.trace(visitor);
        visitor.at_field("");
        let first = block::tail::<Instance, Value>(header);
        for place in 0..block::room::<Instance, Value>(bytes) {
            visitor.at_index(place);
            (*first.add(place)).trace(visitor);
        }
    }
}

/// Drops the places, first to last, and then the class, as CPython does.
///
/// # Safety
/// 1. `header` belongs to a dying instance whose block has `bytes` bytes.
unsafe fn drop_all(header: *mut Header, bytes: usize) {
    // SAFETY: duty 1 and invariant *places*.
    unsafe {
        let first = block::tail::<Instance, Value>(header);
        for place in 0..block::room::<Instance, Value>(bytes) {
            first.add(place).drop_in_place();
        }
        GcBox::<Instance>::value_ptr(header).drop_in_place();
    }
}

// SAFETY: class and places are visited and dropped once each.
unsafe impl Block for Plain {
    type Head = Instance;
    const NAME: &'static str = "exuvia_core::object::Instance";
    const DROPS: bool = true;
    const QUIET: bool = true;
    const EDGES_ONLY: bool = true;

    #[inline]
    fn table() -> &'static TypeInfo {
        static TABLE: TypeInfo = <Plain as BlockTable>::TABLE;
        &TABLE
    }
    #[inline]
    unsafe fn trace<V: Visitor>(header: *const Header, bytes: usize, visitor: &mut V) {
        // SAFETY: the caller's duty.
        unsafe { trace_all(header, bytes, visitor) };
    }
    unsafe fn drop(header: *mut Header, bytes: usize) {
        // SAFETY: the caller's duty.
        unsafe { drop_all(header, bytes) };
    }
}

// SAFETY: as `Plain`.
unsafe impl Block for Finalized {
    type Head = Instance;
    const NAME: &'static str = <Plain as Block>::NAME;
    const DROPS: bool = true;
    const QUIET: bool = true;
    const EDGES_ONLY: bool = true;

    #[inline]
    fn table() -> &'static TypeInfo {
        static TABLE: TypeInfo = <Finalized as BlockTable>::TABLE;
        &TABLE
    }
    const FINALIZE: Option<fn(&Gc<Instance>)> = Some(|this| {
        if let Some(finalizer) = this.class().finalizer() {
            finalizer(this);
        }
    });
    #[inline]
    unsafe fn trace<V: Visitor>(header: *const Header, bytes: usize, visitor: &mut V) {
        // SAFETY: the caller's duty.
        unsafe { trace_all(header, bytes, visitor) };
    }
    unsafe fn drop(header: *mut Header, bytes: usize) {
        // SAFETY: the caller's duty.
        unsafe { drop_all(header, bytes) };
    }
}

// SAFETY: only the tables of the whole block trace an instance; they visit
// the class too.
unsafe impl Trace for Instance {
    const VALUE_KIND: u8 = Kind::Instance as u8;
    const QUIET_DROP: bool = true;
    const TAILED: bool = true;
    const DROP_BLOCK: Option<unsafe fn(*mut u8, usize)> = Some(|header, bytes| {
        // SAFETY: the caller drops a block of this type, once.
        unsafe { <Plain as Block>::drop(header.cast(), bytes) };
    });
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.class.trace(visitor);
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} object>", self.class.name().as_str())
    }
}
