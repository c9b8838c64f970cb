//! [`BoundMethod`] and [`ClosureCell`]: functions with what they are called on,
//! and variables that closures share.

use std::fmt;

use super::function::Function;
use super::section::Section;
use super::value::Value;
use super::weakref::{WeakError, WeakRef};
use crate::gc::handle::{Gc, GcAny};
use crate::gc::trace::{Trace, Visitor, spread_of};
use crate::gc::weak::Callback;
use crate::heap::Heap;

/// A function bound to the object that it is called on. Equal when both parts
/// are the same.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, Str, Value};
/// let heap = Heap::new();
/// let class = Class::builder(&heap, "C").method("me", |call| call.this.clone()).build();
/// let object = Class::instantiate(&class, &heap);
/// let me = Str::intern(&heap, "me");
/// let method = object.bind(&heap, &me).unwrap();
/// assert!(method.call(&heap, &[]).is(&Value::from(&object)));
/// object.set_attr(&heap, &me, Value::from(method)).unwrap(); // a cycle
/// drop(object);
/// assert_eq!(heap.collect_all(), 2);
/// ```
pub struct BoundMethod {
    this: Value,
    function: Gc<Function>,
}

impl BoundMethod {
    /// Binds a function to an object.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap, this: Value, function: Gc<Function>) -> Gc<BoundMethod> {
        heap.alloc(BoundMethod { this, function })
    }

    /// The object (Python's `__self__`).
    pub fn this(&self) -> &Value {
        &self.this
    }

    /// The function (Python's `__func__`).
    pub fn function(&self) -> &Gc<Function> {
        &self.function
    }

    /// Calls the function on the object; the caller holds a handle.
    pub fn call(&self, heap: &Heap, arguments: &[Value]) -> Value {
        self.function.call(heap, &self.this, arguments)
    }
}

// SAFETY: both references are owned and visited once.
unsafe impl Trace for BoundMethod {
    const SPREAD: u32 = spread_of("BoundMethod");
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.this.trace(visitor);
        self.function.trace(visitor);
    }
}

/// As the callback of a weak reference: called with the dead reference.
impl Callback for BoundMethod {
    fn call(&self, heap: &Heap) {
        drop(BoundMethod::call(self, heap, &[]));
    }
    fn call_for(&self, reference: &GcAny, heap: &Heap) {
        drop(BoundMethod::call(
            self,
            heap,
            &[Value::from(reference.clone())],
        ));
    }
}

/// As the callback of a weak reference: called with the dead reference.
impl Callback for Function {
    fn call(&self, heap: &Heap) {
        drop(Function::call(self, heap, &Value::NONE, &[]));
    }
    fn call_for(&self, reference: &GcAny, heap: &Heap) {
        let arguments = [Value::from(reference.clone())];
        drop(Function::call(self, heap, &Value::NONE, &arguments));
    }
}

impl fmt::Debug for BoundMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<bound method {} of {:?}>",
            self.function.name().as_str(),
            self.this
        )
    }
}

/// A variable that functions share (Python's `cell`): captured as a value, it
/// lets a function see later assignments, and refer to itself.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{ClosureCell, Function, Value};
/// let heap = Heap::new();
/// let cell = ClosureCell::new(&heap, None);
/// let function = Function::new(&heap, "f", |call| {
///     call.captured[0].as_cell().and_then(|cell| cell.get()).unwrap_or(Value::NONE)
/// }, [Value::from(&cell)]);
/// cell.set(Value::from(&function)); // f refers to itself
/// assert!(function.call(&heap, &Value::NONE, &[]).is(&Value::from(&function)));
/// drop((cell, function));
/// assert_eq!(heap.collect_all(), 2);
/// ```
pub struct ClosureCell {
    content: Section<Option<Value>>,
}

impl ClosureCell {
    /// A cell, empty or not.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(heap: &Heap, content: Option<Value>) -> Gc<ClosureCell> {
        heap.alloc(ClosureCell {
            content: Section::new(content),
        })
    }

    /// The content.
    pub fn get(&self) -> Option<Value> {
        // SAFETY: short section: a clone only counts.
        unsafe { self.content.enter(|content| content.clone()) }
    }

    /// Stores a value; the old one is dropped afterwards.
    pub fn set(&self, value: Value) {
        drop(self.replace(Some(value)));
    }

    /// Empties the cell.
    pub fn clear(&self) {
        drop(self.replace(None));
    }

    /// Stores a value, or none, and returns the old one.
    pub fn replace(&self, value: Option<Value>) -> Option<Value> {
        // SAFETY: short section: the values change places.
        unsafe {
            self.content
                .enter(|content| std::mem::replace(content, value))
        }
    }
}

// SAFETY: the content is owned and visited once.
unsafe impl Trace for ClosureCell {
    const SPREAD: u32 = spread_of("ClosureCell");
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.content.trace(visitor);
    }
}

impl fmt::Debug for ClosureCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(content) => write!(f, "<cell: {content:?}>"),
            None => f.write_str("<cell: empty>"),
        }
    }
}

/// A weak reference to a bound method (Python's `weakref.WeakMethod`): alive
/// while object and function are, though every bound method itself is short-lived.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, Str, WeakMethod};
/// let heap = Heap::new();
/// let class = Class::builder(&heap, "C").method("me", |call| call.this.clone()).build();
/// let object = Class::instantiate(&class, &heap);
/// let method = object.bind(&heap, &Str::intern(&heap, "me")).unwrap();
/// let weak = WeakMethod::new(&method).unwrap();
/// drop(method);
/// assert!(weak.upgrade(&heap).is_some());
/// drop(object);
/// assert!(weak.upgrade(&heap).is_none());
/// ```
#[derive(Clone, Debug)]
pub struct WeakMethod {
    this: WeakRef,
    function: WeakRef,
}

impl WeakMethod {
    /// A weak reference to both parts of a method.
    ///
    /// # Errors
    /// When it is bound to an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new(method: &Gc<BoundMethod>) -> Result<WeakMethod, WeakError> {
        Ok(WeakMethod {
            this: WeakRef::of(method.this())?,
            function: WeakRef::new(method.function()),
        })
    }

    /// The same, calling back once when the first of both parts dies.
    ///
    /// # Errors
    /// When it is bound to an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn with_callback<C: Callback>(
        method: &Gc<BoundMethod>,
        callback: Gc<C>,
    ) -> Result<WeakMethod, WeakError> {
        let heap = Gc::heap(method);
        let once = heap.alloc(Once {
            callback: Section::new(Some(callback)),
        });
        Ok(WeakMethod {
            this: WeakRef::of_with(method.this(), once.clone())?,
            function: WeakRef::with_callback(method.function(), once),
        })
    }

    /// The method, bound anew, while both parts are alive.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn upgrade(&self, heap: &Heap) -> Option<Gc<BoundMethod>> {
        let this = self.this.upgrade()?;
        let function = self.function.upgrade()?.into_function().ok()?;
        Some(BoundMethod::new(heap, this, function))
    }

    /// Whether a part is gone.
    pub fn is_dead(&self) -> bool {
        self.this.is_dead() || self.function.is_dead()
    }

    /// Equal while both live and bind the same function to equal objects; a
    /// dead one equals itself alone. Runs the objects' equality.
    pub fn equals(&self, other: &WeakMethod) -> bool {
        if self.is_dead() || other.is_dead() {
            return WeakRef::ptr_eq(&self.this, &other.this)
                && WeakRef::ptr_eq(&self.function, &other.function);
        }
        self.this.equals(&other.this) && self.function.equals(&other.function)
    }

    /// The object's hash, kept from the first time.
    ///
    /// # Errors
    /// When the object is gone and was never hashed.
    pub fn hash(&self) -> Result<u64, WeakError> {
        self.this.hash()
    }
}

// SAFETY: both references are owned and visited once.
unsafe impl Trace for WeakMethod {
    const SPREAD: u32 = spread_of("WeakMethod");
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.this.trace(visitor);
        self.function.trace(visitor);
    }
}

/// A callback that is called for the first of two deaths.
struct Once<C: Callback> {
    callback: Section<Option<Gc<C>>>,
}

// SAFETY: the callback is owned and visited once.
unsafe impl<C: Callback> Trace for Once<C> {
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.callback.trace(visitor);
    }
}

impl<C: Callback> Callback for Once<C> {
    fn call(&self, heap: &Heap) {
        // SAFETY: short section: the handle moves out.
        if let Some(callback) = unsafe { self.callback.enter(Option::take) } {
            callback.call(heap);
        }
    }
    fn call_for(&self, reference: &GcAny, heap: &Heap) {
        // SAFETY: as above.
        if let Some(callback) = unsafe { self.callback.enter(Option::take) } {
            callback.call_for(reference, heap);
        }
    }
}
