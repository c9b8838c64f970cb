//! The objects of a generated program, and the world that logs what happens
//! to them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::{
    AllocError, Callback, Ephemeron, Finalize, Gc, GcAny, Heap, Tailed, Trace, Weak,
};

/// The name of an object in heap and model.
pub(crate) type Id = u32;

/// What user code saw, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    Start(usize),
    Stop(usize, usize),
    Finalized(Id),
    Called(Id),
    Died(Id),
}

/// What a finalizer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Nothing,
    /// Resurrects its own object.
    Raise,
    /// Takes a handle on what the first slot refers to.
    RaiseChild,
    /// Empties its own slots.
    Cut,
    /// Makes a weak reference with a callback to its own object.
    Watch,
}

/// A type of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Node(u8),
    Inline,
    Fin(Act, u8),
    /// A leaf with a finalizer.
    Ghost(Act),
    Leaf,
    /// A container whose drop runs no user code: nothing logs its death.
    Quiet(u8),
    /// A container that is nothing but its edges.
    Bare,
    /// The same, sixteen to a page.
    Slab,
    /// A leaf without any drop.
    Dust,
    /// Sixteen to a page, so that pages fill, empty and change their type.
    Heavy,
    /// Too large for a page.
    Big,
    /// Aligned to 64.
    Wide,
    /// Head and items in one block.
    Row(u8),
    /// A callback that can hold references.
    Caller,
    /// A callback that cannot.
    LeafCaller,
    /// A weak reference.
    Weak,
    /// An ephemeron: its slot is the value, its referent the key.
    Pair,
}

impl Kind {
    pub(crate) fn slots(self) -> usize {
        match self {
            Kind::Node(n) | Kind::Fin(_, n) | Kind::Quiet(n) | Kind::Row(n) => n as usize,
            Kind::Inline | Kind::Weak | Kind::Pair => 1,
            Kind::Bare | Kind::Slab => 2,
            Kind::Heavy | Kind::Big | Kind::Wide | Kind::Caller => 2,
            Kind::Ghost(_) | Kind::Leaf | Kind::Dust | Kind::LeafCaller => 0,
        }
    }

    /// Examined and counted by collections.
    pub(crate) fn is_container(self) -> bool {
        !matches!(
            self,
            Kind::Ghost(_) | Kind::Leaf | Kind::Dust | Kind::LeafCaller
        )
    }

    pub(crate) fn logs_death(self) -> bool {
        !matches!(
            self,
            Kind::Quiet(_) | Kind::Bare | Kind::Slab | Kind::Dust | Kind::Weak | Kind::Pair
        )
    }

    pub(crate) fn act(self) -> Option<Act> {
        match self {
            Kind::Fin(act, _) | Kind::Ghost(act) => Some(act),
            _ => None,
        }
    }
}

/// A weak reference of any type.
pub(crate) trait WeakLike {
    fn strong(&self) -> Option<GcAny>;
    fn dead(&self) -> bool;
    fn again(&self) -> Box<dyn WeakLike>;
    fn erased(&self) -> GcAny;
}

impl<T: Trace> WeakLike for Weak<T> {
    fn strong(&self) -> Option<GcAny> {
        self.upgrade().map(Gc::erase)
    }
    fn dead(&self) -> bool {
        self.is_dead()
    }
    fn again(&self) -> Box<dyn WeakLike> {
        Box::new(self.clone())
    }
    fn erased(&self) -> GcAny {
        Weak::erase(self.clone())
    }
}

/// A weak reference that a finalizer tried to make.
pub(crate) struct Birth {
    pub(crate) by: Id,
    pub(crate) caller: Id,
    pub(crate) caller_made: bool,
    pub(crate) weak: Option<(Id, Box<dyn WeakLike>)>,
}

/// What is outside of the heap and reached by user code on it.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) log: RefCell<Vec<Event>>,
    pub(crate) raised: RefCell<Vec<(Id, GcAny)>>,
    pub(crate) births: RefCell<Vec<Birth>>,
    next: Cell<Id>,
}

impl World {
    pub(crate) fn fresh(&self) -> Id {
        let id = self.next.get();
        self.next.set(id + 1);
        id
    }

    pub(crate) fn note(&self, event: Event) {
        self.log.borrow_mut().push(event);
    }
}

/// Logs the death of the value that it is part of.
pub(crate) struct Tomb {
    pub(crate) id: Id,
    pub(crate) world: Rc<World>,
}

impl Drop for Tomb {
    fn drop(&mut self) {
        self.world.note(Event::Died(self.id));
    }
}

pub(crate) type Slot = Option<GcAny>;
pub(crate) type SlotVec = RefCell<Vec<Slot>>;

pub(crate) fn empty_slots(n: u8) -> SlotVec {
    RefCell::new((0..n).map(|_| None).collect())
}

#[derive(Trace)]
pub(crate) struct Node {
    pub(crate) slots: SlotVec,
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

#[derive(Trace)]
pub(crate) struct Inline {
    pub(crate) edge: Cell<Slot>,
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

#[derive(Trace)]
#[trace(finalize)]
pub(crate) struct Fin {
    pub(crate) slots: SlotVec,
    #[trace(leaf)]
    pub(crate) act: Act,
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

#[derive(Trace)]
#[trace(finalize)]
pub(crate) struct Ghost {
    #[trace(leaf)]
    pub(crate) act: Act,
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

#[derive(Trace)]
pub(crate) struct Leaf {
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

#[derive(Trace)]
pub(crate) struct Quiet {
    pub(crate) slots: SlotVec,
}

#[derive(Trace)]
pub(crate) struct Bare {
    pub(crate) slots: [Cell<Slot>; 2],
}

#[derive(Trace)]
pub(crate) struct Slab {
    pub(crate) slots: RefCell<[Slot; 2]>,
    pub(crate) bytes: [u8; 3900],
}

const _: () = assert!(<Bare as Trace>::EDGES_ONLY && <Slab as Trace>::EDGES_ONLY);
const _: () = assert!(!<Quiet as Trace>::EDGES_ONLY && !<Node as Trace>::EDGES_ONLY);

#[derive(Trace)]
pub(crate) struct Dust(pub(crate) u64);

#[derive(Trace)]
pub(crate) struct Heavy {
    pub(crate) slots: SlotVec,
    pub(crate) bytes: [u8; 3900],
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

#[derive(Trace)]
pub(crate) struct Big {
    pub(crate) slots: SlotVec,
    pub(crate) bytes: [u8; 9000],
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

#[derive(Trace)]
#[repr(align(64))]
pub(crate) struct Wide {
    pub(crate) slots: SlotVec,
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

#[derive(Trace)]
pub(crate) struct Head {
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

pub(crate) type Row = Tailed<Head, Cell<Slot>>;

#[derive(Trace)]
pub(crate) struct Caller {
    pub(crate) slots: SlotVec,
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

#[derive(Trace)]
pub(crate) struct LeafCaller {
    #[trace(leaf)]
    pub(crate) tomb: Tomb,
}

impl Callback for Caller {
    fn call(&self, _: &Heap) {
        self.tomb.world.note(Event::Called(self.tomb.id));
    }
}

impl Callback for LeafCaller {
    fn call(&self, _: &Heap) {
        self.tomb.world.note(Event::Called(self.tomb.id));
    }
}

impl Finalize for Fin {
    fn finalize(this: &Gc<Self>) {
        let world = &this.tomb.world;
        world.note(Event::Finalized(this.tomb.id));
        let raise = |object| world.raised.borrow_mut().push((this.tomb.id, object));
        match this.act {
            Act::Nothing => {}
            Act::Raise => raise(Gc::erase(this.clone())),
            Act::RaiseChild => {
                let child = this.slots.borrow().first().cloned().flatten();
                child.into_iter().for_each(raise);
            }
            Act::Cut => {
                let slots = this.slots.borrow().len();
                for index in 0..slots {
                    let old = this.slots.borrow_mut()[index].take();
                    drop(old);
                }
            }
            Act::Watch => watch(this, &this.tomb),
        }
    }
}

impl Finalize for Ghost {
    fn finalize(this: &Gc<Self>) {
        let world = &this.tomb.world;
        world.note(Event::Finalized(this.tomb.id));
        match this.act {
            Act::Raise => {
                let again = Gc::erase(this.clone());
                world.raised.borrow_mut().push((this.tomb.id, again));
            }
            Act::Watch => watch(this, &this.tomb),
            Act::Nothing | Act::RaiseChild | Act::Cut => {}
        }
    }
}

fn watch<T: Trace>(this: &Gc<T>, tomb: &Tomb) {
    let world = &tomb.world;
    let caller = world.fresh();
    let value = LeafCaller {
        tomb: Tomb {
            id: caller,
            world: world.clone(),
        },
    };
    let made = Gc::heap(this).try_alloc(value);
    let caller_made = made.is_ok();
    let weak = made.and_then(|callback| this.try_downgrade_with(callback));
    let weak = weak.ok();
    world.births.borrow_mut().push(Birth {
        by: tomb.id,
        caller,
        caller_made,
        weak: weak.map(|weak| (world.fresh(), Box::new(weak) as Box<dyn WeakLike>)),
    });
}

/// An ephemeron of two objects, if there is one for their types.
pub(crate) fn paired(key: &GcAny, value: &GcAny) -> Option<Result<GcAny, AllocError>> {
    fn with_key<K: Trace>(key: &Gc<K>, value: &GcAny) -> Option<Result<GcAny, AllocError>> {
        fn made<K: Trace, T: Trace>(key: &Gc<K>, value: &Gc<T>) -> Result<GcAny, AllocError> {
            Ephemeron::try_new(key, value.clone()).map(Ephemeron::erase)
        }
        if let Some(value) = value.downcast_ref::<Node>() {
            Some(made(key, value))
        } else if let Some(value) = value.downcast_ref::<Fin>() {
            Some(made(key, value))
        } else if let Some(value) = value.downcast_ref::<Leaf>() {
            Some(made(key, value))
        } else {
            Some(made(key, value.downcast_ref::<Bare>()?))
        }
    }
    if let Some(key) = key.downcast_ref::<Node>() {
        with_key(key, value)
    } else if let Some(key) = key.downcast_ref::<Fin>() {
        with_key(key, value)
    } else if let Some(key) = key.downcast_ref::<Inline>() {
        with_key(key, value)
    } else if let Some(key) = key.downcast_ref::<Heavy>() {
        with_key(key, value)
    } else {
        with_key(key.downcast_ref::<Bare>()?, value)
    }
}

/// Objects whose slots can be written through a handle.
pub(crate) trait Slots {
    /// Puts a reference into a slot and takes the old one out.
    fn put(&self, index: usize, value: Slot) -> Slot;

    /// The name written into the value, if there is one.
    fn id(&self) -> Option<Id>;
}

macro_rules! slots {
    ($($t:ty),*) => {$(
        impl Slots for Gc<$t> {
            fn put(&self, index: usize, value: Slot) -> Slot {
                std::mem::replace(&mut self.slots.borrow_mut()[index], value)
            }
            fn id(&self) -> Option<Id> {
                Some(self.tomb.id)
            }
        }
    )*};
}

slots!(Node, Fin, Heavy, Big, Wide, Caller);

impl Slots for Gc<Quiet> {
    fn put(&self, index: usize, value: Slot) -> Slot {
        std::mem::replace(&mut self.slots.borrow_mut()[index], value)
    }
    fn id(&self) -> Option<Id> {
        None
    }
}

impl Slots for Gc<Bare> {
    fn put(&self, index: usize, value: Slot) -> Slot {
        self.slots[index].replace(value)
    }
    fn id(&self) -> Option<Id> {
        None
    }
}

impl Slots for Gc<Slab> {
    fn put(&self, index: usize, value: Slot) -> Slot {
        std::mem::replace(&mut self.slots.borrow_mut()[index], value)
    }
    fn id(&self) -> Option<Id> {
        None
    }
}

impl Slots for Gc<Inline> {
    fn put(&self, _: usize, value: Slot) -> Slot {
        self.edge.replace(value)
    }
    fn id(&self) -> Option<Id> {
        Some(self.tomb.id)
    }
}

impl Slots for Gc<Row> {
    fn put(&self, index: usize, value: Slot) -> Slot {
        self.tail()[index].replace(value)
    }
    fn id(&self) -> Option<Id> {
        Some(self.tomb.id)
    }
}

macro_rules! no_slots {
    ($($t:ty: $gc:ident => $id:expr),*) => {$(
        impl Slots for Gc<$t> {
            fn put(&self, _: usize, _: Slot) -> Slot {
                unreachable!("a leaf has no slot")
            }
            fn id(&self) -> Option<Id> {
                let $gc = self;
                Some($id)
            }
        }
    )*};
}

no_slots!(
    Ghost: gc => gc.tomb.id,
    Leaf: gc => gc.tomb.id,
    LeafCaller: gc => gc.tomb.id,
    Dust: gc => gc.0 as Id
);

/// Runs code on the typed handle behind a [`GcAny`]; `None` for weak references.
#[macro_export]
macro_rules! typed {
    ($any:expr, $gc:ident => $run:expr) => {
        $crate::typed!(@ $any, $gc => $run; Node Inline Fin Ghost Leaf Quiet Bare Slab Dust Heavy Big Wide Row Caller LeafCaller)
    };
    (@ $any:expr, $gc:ident => $run:expr; $($t:ident)*) => {{
        let any: &exuvia_core::GcAny = $any;
        $(if let Some($gc) = any.downcast_ref::<$crate::kinds::$t>() {
            Some($run)
        } else)* {
            None
        }
    }};
}
