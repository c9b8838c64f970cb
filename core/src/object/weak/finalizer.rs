//! [`Finalizer`]: Python's `weakref.finalize`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use super::super::function::Function;
use super::super::value::Value;
use super::super::weakref::{WeakError, WeakRef};
use crate::gc::handle::Gc;
use crate::gc::trace::{Trace, Visitor};
use crate::gc::weak::{Callback, Weak};
use crate::heap::Heap;

/// The living finalizers of a heap by number, oldest first.
#[derive(Default)]
pub(crate) struct FinalizerTable {
    living: RefCell<BTreeMap<u64, Gc<Finalizer>>>,
    next: Cell<u64>,
}

impl FinalizerTable {
    /// Calls what is to be called at exit, newest first, and lets go of the
    /// rest. A finalizer that is made meanwhile has its turn too.
    pub(crate) fn exit(&self, heap: &Heap) {
        loop {
            let next = self.living.borrow_mut().pop_last();
            let Some((_, finalizer)) = next else {
                return;
            };
            if finalizer.at_exit.get() {
                let call = || drop(finalizer.run(heap));
                let info = crate::gc::type_info::TypeInfo::of::<Finalizer>();
                crate::gc::death::guarded(heap.core(), "exit finalizer", info, call);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.living.borrow().is_empty()
    }
}

/// What a finalizer was made of, given back when it is detached.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Finalizer, Function, List, Value};
/// let heap = Heap::new();
/// let object = Value::from(List::new(&heap));
/// let nothing = Function::new(&heap, "nothing", |_| Value::NONE, []);
/// let finalizer = Finalizer::new(&heap, &object, nothing, [Value::small(1)]).unwrap();
/// let detached = finalizer.detach(&heap).unwrap();
/// assert!(detached.object.is(&object));
/// assert_eq!(detached.arguments, [Value::small(1)]);
/// assert!(!finalizer.is_alive());
/// ```
#[derive(Debug)]
pub struct Detached {
    /// The object that was watched.
    pub object: Value,
    /// The function.
    pub function: Gc<Function>,
    /// Its arguments.
    pub arguments: Vec<Value>,
}

type Recipe = (Gc<Function>, Vec<Value>);

/// Calls a function when an object dies, or when the heap is given up; at
/// most once. It keeps itself alive until then, and its object not; the
/// function and its arguments should not hold the object.
///
/// ```
/// use exuvia_core::{Gc, Heap};
/// use exuvia_core::object::{Finalizer, Function, List, Value};
/// let heap = Heap::new();
/// let log = List::new(&heap);
/// let note = Function::new(&heap, "note", |call| {
///     call.captured[0].as_list().unwrap().push(call.heap, call.arguments[0].clone());
///     Value::small(7)
/// }, [Value::from(&log)]);
/// let object = Value::from(List::new(&heap));
/// let finalizer = Finalizer::new(&heap, &object, note, [Value::small(1)]).unwrap();
/// assert!(finalizer.is_alive());
/// drop(object);
/// assert_eq!(log.get(0), Some(Value::small(1)));
/// assert!(!finalizer.is_alive());
/// assert_eq!(finalizer.call(&heap), None);
/// ```
pub struct Finalizer {
    number: u64,
    recipe: RefCell<Option<Recipe>>,
    watch: RefCell<Option<WeakRef>>,
    at_exit: Cell<bool>,
}

/// The callback of the watched object.
struct Trigger {
    finalizer: Weak<Finalizer>,
}

// SAFETY: the reference is owned and visited once.
unsafe impl Trace for Trigger {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.finalizer.trace(visitor);
    }
}

impl Callback for Trigger {
    fn call(&self, heap: &Heap) {
        if let Some(finalizer) = self.finalizer.upgrade() {
            drop(finalizer.call(heap));
        }
    }
}

impl Finalizer {
    /// Watches an object. The function is called at exit too, unless
    /// [`set_at_exit`](Self::set_at_exit) says otherwise.
    ///
    /// # Errors
    /// When the object is an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(
        heap: &Heap,
        object: &Value,
        function: Gc<Function>,
        arguments: impl IntoIterator<Item = Value>,
    ) -> Result<Gc<Finalizer>, WeakError> {
        let recipe = (function, arguments.into_iter().collect());
        let table = &heap.core().objects.finalizers;
        let number = table.next.get();
        table.next.set(number + 1);
        let finalizer = heap.alloc(Finalizer {
            number,
            recipe: RefCell::new(Some(recipe)),
            watch: RefCell::new(None),
            at_exit: Cell::new(true),
        });
        let trigger = heap.alloc(Trigger {
            finalizer: Gc::downgrade(&finalizer),
        });
        let watch = WeakRef::of_with(object, trigger)?;
        *finalizer.watch.borrow_mut() = Some(watch);
        table.living.borrow_mut().insert(number, finalizer.clone());
        Ok(finalizer)
    }

    /// Whether it was neither called nor detached.
    pub fn is_alive(&self) -> bool {
        self.recipe.borrow().is_some()
    }

    /// Whether the function is called when the heap is given up.
    pub fn at_exit(&self) -> bool {
        self.at_exit.get()
    }

    /// Sets whether the function is called when the heap is given up.
    pub fn set_at_exit(&self, on: bool) {
        self.at_exit.set(on);
    }

    /// The object, function and arguments of one that is alive; it stays so.
    pub fn peek(&self) -> Option<Detached> {
        let object = self.object()?;
        let recipe = self.recipe.borrow();
        let (function, arguments) = recipe.as_ref()?;
        Some(Detached {
            object,
            function: function.clone(),
            arguments: arguments.clone(),
        })
    }

    fn object(&self) -> Option<Value> {
        self.watch.borrow().as_ref()?.upgrade()
    }

    /// Calls the function unless that was done; it is not alive afterwards.
    fn run(&self, heap: &Heap) -> Option<Value> {
        let recipe = self.recipe.borrow_mut().take();
        let (function, arguments) = recipe?;
        drop(self.watch.borrow_mut().take());
        Some(function.call(heap, &Value::NONE, &arguments))
    }
}

impl Gc<Finalizer> {
    /// Calls the function and returns what that returns; `None` when it was
    /// called or detached before.
    pub fn call(&self, heap: &Heap) -> Option<Value> {
        self.forget(heap);
        self.run(heap)
    }

    /// Makes it never call; `None` when it was called or detached before, or
    /// the object is gone.
    pub fn detach(&self, heap: &Heap) -> Option<Detached> {
        let detached = self.peek()?;
        self.forget(heap);
        let recipe = self.recipe.borrow_mut().take();
        drop(recipe);
        let watch = self.watch.borrow_mut().take();
        drop(watch);
        Some(detached)
    }

    /// Takes it off the heap's list; the caller holds a handle.
    fn forget(&self, heap: &Heap) {
        let living = &heap.core().objects.finalizers.living;
        let removed = living.borrow_mut().remove(&self.number);
        drop(removed); // The borrow has ended.
    }
}

// SAFETY: function, arguments and reference are owned and visited once.
unsafe impl Trace for Finalizer {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.recipe.trace(visitor);
        self.watch.trace(visitor);
    }
}

impl fmt::Debug for Finalizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.object() {
            Some(object) => write!(f, "<finalize object; for {}>", object.type_name()),
            None => f.write_str("<finalize object; dead>"),
        }
    }
}
