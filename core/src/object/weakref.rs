//! [`WeakRef`]: a weak reference as a value, and [`WeakProxy`], which stands
//! for its referent.

use std::error::Error;
use std::fmt;

use super::borrowed::Lent;
use super::instance::AttributeError;
use super::key;
use super::list::no_room;
use super::str::Str;
use super::value::{Kind, Value};
use crate::gc::handle::{Gc, GcAny, retain};
use crate::gc::trace::{Trace, Visitor, spread_of};
use crate::gc::weak::{self, Callback, Hash, Hook, Weak, WeakBox};
use crate::heap::Heap;

/// A handle on a weak-reference object of the heap, whatever its referent is.
///
/// Any object can be referred to, also those that refuse it in Python.
///
/// ```
/// use exuvia_core::{Gc, Heap};
/// use exuvia_core::object::{List, Value, WeakRef};
/// let heap = Heap::new();
/// let list = List::new(&heap);
/// let weak = Value::from(WeakRef::new(&list));
/// assert!(weak.as_weakref().unwrap().upgrade().is_some());
/// drop(list);
/// assert!(weak.as_weakref().unwrap().is_dead());
/// ```
#[derive(Clone)]
pub struct WeakRef(Gc<WeakBox>);

/// Why a weak reference cannot do what was asked.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{List, Value, WeakError, WeakProxy, WeakRef};
/// let heap = Heap::new();
/// let error = WeakRef::of(&Value::small(1)).unwrap_err();
/// assert_eq!(error, WeakError::NotReferable("int".to_owned()));
/// let list = Value::from(List::new(&heap));
/// let proxy = WeakProxy::of(&list).unwrap();
/// drop(list);
/// assert_eq!(proxy.referent().unwrap_err(), WeakError::NoLongerExists);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeakError {
    /// An immediate is no object, and slots without `__weakref__` leave no room,
    /// so nothing can refer to it weakly (TypeError).
    NotReferable(String),
    /// The referent is gone and its hash was never asked for (TypeError).
    GoneAway,
    /// A proxy's referent is gone (ReferenceError).
    NoLongerExists,
    /// A proxy has no hash (TypeError).
    Unhashable,
    /// The referent of a proxy has no such attribute or method.
    Attribute(AttributeError),
}

impl fmt::Display for WeakError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WeakError::NotReferable(name) => {
                write!(f, "cannot create weak reference to '{name}' object")
            }
            WeakError::GoneAway => f.write_str("weak object has gone away"),
            WeakError::NoLongerExists => f.write_str("weakly-referenced object no longer exists"),
            WeakError::Unhashable => f.write_str("unhashable type: 'weakproxy'"),
            WeakError::Attribute(error) => error.fmt(f),
        }
    }
}

impl Error for WeakError {}

impl From<AttributeError> for WeakError {
    fn from(error: AttributeError) -> WeakError {
        WeakError::Attribute(error)
    }
}

impl WeakRef {
    /// The referent's callback-free weak reference: one, shared by all who ask.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn new<T: Trace>(referent: &Gc<T>) -> WeakRef {
        WeakRef::from(Gc::downgrade(referent))
    }

    /// A weak reference that calls back when the referent dies; never shared.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn with_callback<T: Trace, C: Callback>(referent: &Gc<T>, callback: Gc<C>) -> WeakRef {
        WeakRef::from(Gc::downgrade_with(referent, callback))
    }

    /// The callback-free weak reference of the object behind a value.
    ///
    /// # Errors
    /// When the value is an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn of(referent: &Value) -> Result<WeakRef, WeakError> {
        shared(referent, Hash::Unknown).map(WeakRef)
    }

    /// A weak reference to the object behind a value that calls back with
    /// itself, dead: a [`Function`](super::Function), a
    /// [`BoundMethod`](super::BoundMethod) or any other callback.
    ///
    /// # Errors
    /// When the value is an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn of_with<C: Callback>(referent: &Value, callback: Gc<C>) -> Result<WeakRef, WeakError> {
        hooked(referent, callback, Hash::Unknown).map(WeakRef)
    }

    /// The referent, while it is alive.
    pub fn upgrade(&self) -> Option<Value> {
        upgrade(&self.0)
    }

    /// Whether the referent is gone.
    pub fn is_dead(&self) -> bool {
        self.0.live_target().is_none()
    }

    /// Whether two handles are the same weak reference.
    pub fn ptr_eq(a: &WeakRef, b: &WeakRef) -> bool {
        Gc::ptr_eq(&a.0, &b.0)
    }

    /// Python's `__callback__`: the callback; `None` when there is none or the
    /// referent is gone.
    pub fn callback(&self) -> Option<Value> {
        callback(&self.0)
    }

    /// Python's `==`: by referent while both live, else by identity. Runs the
    /// referents' equality.
    pub fn equals(&self, other: &WeakRef) -> bool {
        key::equal(
            &Value::lend(&self.0, Kind::WeakRef),
            &Value::lend(&other.0, Kind::WeakRef),
        )
    }

    /// The referent's hash, kept from the first time it is asked for. Runs the
    /// referent's hash.
    ///
    /// # Errors
    /// When the referent is gone and was never hashed.
    pub fn hash(&self) -> Result<u64, WeakError> {
        match self.0.whole().hash() {
            Hash::Known(hash) => Ok(hash),
            Hash::Proxy => Err(WeakError::Unhashable),
            Hash::Unknown => {
                let referent = self.upgrade().ok_or(WeakError::GoneAway)?;
                let hash = key::hash_of(&referent);
                self.0.whole().remember_hash(hash);
                Ok(hash)
            }
        }
    }

    /// The reference that a callback was called for.
    pub(crate) fn from_any(reference: &GcAny) -> Option<WeakRef> {
        let this = reference.downcast_ref::<WeakBox>()?;
        (!this.whole().is_proxy()).then(|| WeakRef(this.clone()))
    }
}

#[cfg_attr(feature = "tracemalloc", track_caller)]
fn shared(referent: &Value, kind: Hash) -> Result<Gc<WeakBox>, WeakError> {
    let object = referable(referent)?;
    // SAFETY: the value keeps the object alive.
    let made = unsafe { weak::shared(object.header(), kind) };
    Ok(made.unwrap_or_else(|error| no_room(&error)))
}

#[cfg_attr(feature = "tracemalloc", track_caller)]
fn hooked<C: Callback>(
    referent: &Value,
    callback: Gc<C>,
    kind: Hash,
) -> Result<Gc<WeakBox>, WeakError> {
    let object = referable(referent)?;
    // SAFETY: the value keeps the object alive.
    let made = unsafe { weak::hooked(object.header(), Hook::calling(callback), kind) };
    Ok(made.unwrap_or_else(|error| no_room(&error)))
}

fn referable(referent: &Value) -> Result<super::BorrowedAny<'_>, WeakError> {
    let bare = |class: &super::Class| !class.has_weak_instances();
    let instance = referent.as_instance();
    let refused = instance.is_some_and(|instance| bare(instance.class()));
    let object = referent.as_object().filter(|_| !refused);
    object.ok_or_else(|| WeakError::NotReferable(referent.type_name().to_owned()))
}

fn upgrade(reference: &Gc<WeakBox>) -> Option<Value> {
    let target = reference.live_target()?;
    // SAFETY: alive; the new count belongs to the value.
    unsafe {
        retain(target.as_ptr());
        Some(Value::from(GcAny::from_header(target.as_ptr())))
    }
}

fn callback(reference: &Gc<WeakBox>) -> Option<Value> {
    reference.live_target()?;
    let hook = reference
        .whole()
        .hook()
        .filter(|hook| hook.call.is_some())?;
    Some(Value::from(hook.object.clone()))
}

/// Whether Python lets the object be referred to weakly. Here any object can
/// be, save for instances whose class declares slots without `__weakref__`.
pub fn is_weak_referable(value: &Value) -> bool {
    match value.kind() {
        None | Some(Kind::Str | Kind::List | Kind::Tuple | Kind::Dict) => false,
        Some(Kind::Float | Kind::Int | Kind::WeakRef) => false,
        Some(Kind::Generator | Kind::Class | Kind::Function) => true,
        Some(Kind::Instance) => referable(value).is_ok(),
        Some(Kind::Other) => {
            value.as_bytes().is_none()
                && value.as_byte_array().is_none()
                && value.as_cell().is_none()
        }
    }
}

/// Weak references of all kinds to the object behind a value (Python's
/// `getweakrefcount`); 0 for an immediate.
pub fn weakref_count(value: &Value) -> usize {
    weakrefs(value).len()
}

/// Weak references and proxies to the object behind a value (`getweakrefs`):
/// the shared ones first, then newest first; none for an immediate.
pub fn weakrefs(value: &Value) -> Vec<Value> {
    let Some(object) = value.as_object() else {
        return Vec::new();
    };
    // SAFETY: the value keeps object and core alive; members of the list are
    // live, or dying ones that nobody may hold again.
    unsafe {
        let boxes = weak::members(object.header());
        let live = boxes.filter(|&b| !(*b).is_vacant());
        live.map(|reference| Value::from(GcAny::share(reference)))
            .collect()
    }
}

impl<T: Trace> From<Weak<T>> for WeakRef {
    fn from(weak: Weak<T>) -> WeakRef {
        WeakRef(Weak::into_box(weak))
    }
}

impl From<WeakRef> for Value {
    fn from(weak: WeakRef) -> Value {
        Value::from_handle(weak.0, Kind::WeakRef)
    }
}

impl<T: Trace> From<Weak<T>> for Value {
    fn from(weak: Weak<T>) -> Value {
        Value::from(WeakRef::from(weak))
    }
}

impl Value {
    /// The weak reference, if it is one; a proxy is none. No count moves.
    pub fn as_weakref(&self) -> Option<Lent<'_, WeakRef>> {
        let reference = self.borrow::<WeakBox>(Kind::WeakRef)?;
        (!reference.whole().is_proxy()).then(|| Lent::new(WeakRef(reference.into_handle())))
    }

    /// The weak proxy, if it is one. No count moves.
    pub fn as_weak_proxy(&self) -> Option<Lent<'_, WeakProxy>> {
        let reference = self.borrow::<WeakBox>(Kind::WeakRef)?;
        reference
            .whole()
            .is_proxy()
            .then(|| Lent::new(WeakProxy(reference.into_handle())))
    }
}

// SAFETY: the handle is the one owned edge.
unsafe impl Trace for WeakRef {
    const SPREAD: u32 = spread_of("WeakRef");
    const QUIET_DROP: bool = true;
    const EDGES_ONLY: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.0.trace(visitor);
    }
}

impl fmt::Debug for WeakRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.upgrade() {
            Some(referent) => write!(f, "<weakref to {}>", referent.type_name()),
            None => f.write_str("<weakref; dead>"),
        }
    }
}

/// Python's `weakref.proxy`: used like its referent, an error when that is gone.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Class, Str, Value, WeakError, WeakProxy};
/// let heap = Heap::new();
/// let class = Class::builder(&heap, "C").build();
/// let name = Str::intern(&heap, "name");
/// let object = Value::from(Class::instantiate(&class, &heap));
/// let proxy = WeakProxy::of(&object).unwrap();
/// proxy.set_attr(&heap, &name, Value::small(1)).unwrap();
/// assert_eq!(proxy.get_attr(&name), Ok(Value::small(1)));
/// drop(object);
/// assert_eq!(proxy.get_attr(&name), Err(WeakError::NoLongerExists));
/// ```
#[derive(Clone)]
pub struct WeakProxy(Gc<WeakBox>);

impl WeakProxy {
    /// The callback-free proxy of the object behind a value: one, shared by all
    /// who ask, apart from the shared weak reference.
    ///
    /// # Errors
    /// When the value is an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn of(referent: &Value) -> Result<WeakProxy, WeakError> {
        shared(referent, Hash::Proxy).map(WeakProxy)
    }

    /// A proxy that calls back when the referent dies; never shared.
    ///
    /// # Errors
    /// When the value is an immediate.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn of_with<C: Callback>(referent: &Value, callback: Gc<C>) -> Result<WeakProxy, WeakError> {
        hooked(referent, callback, Hash::Proxy).map(WeakProxy)
    }

    /// What the proxy stands for, held for as long as the result: every use of
    /// the referent that has no method here goes through it.
    ///
    /// # Errors
    /// When the referent is gone.
    pub fn referent(&self) -> Result<Value, WeakError> {
        upgrade(&self.0).ok_or(WeakError::NoLongerExists)
    }

    /// An attribute or method of the referent.
    ///
    /// # Errors
    /// When the referent is gone or has no such attribute.
    pub fn get_attr(&self, name: &Gc<Str>) -> Result<Value, WeakError> {
        let referent = self.referent()?;
        match referent.as_instance() {
            Some(instance) => Ok(instance.lookup(name)?),
            None => Err(no_attribute(&referent, name)),
        }
    }

    /// Sets an attribute of the referent.
    ///
    /// # Errors
    /// When the referent is gone or cannot have the attribute.
    ///
    /// # Panics
    /// When the heap has no room.
    #[cfg_attr(feature = "tracemalloc", track_caller)]
    pub fn set_attr(&self, heap: &Heap, name: &Gc<Str>, value: Value) -> Result<(), WeakError> {
        let referent = self.referent()?;
        match referent.as_instance() {
            Some(instance) => Ok(instance.set_attr(heap, name, value)?),
            None => Err(no_attribute(&referent, name)),
        }
    }

    /// Deletes an attribute of the referent.
    ///
    /// # Errors
    /// When the referent is gone or has no such attribute.
    pub fn del_attr(&self, name: &Gc<Str>) -> Result<(), WeakError> {
        let referent = self.referent()?;
        match referent.as_instance() {
            Some(instance) => Ok(instance.del_attr(name)?),
            None => Err(no_attribute(&referent, name)),
        }
    }

    /// Calls a method of the referent.
    ///
    /// # Errors
    /// When the referent is gone or has no such method.
    pub fn call(
        &self,
        heap: &Heap,
        name: &Gc<Str>,
        arguments: &[Value],
    ) -> Result<Value, WeakError> {
        let referent = self.referent()?;
        match referent.as_instance() {
            Some(instance) => Ok(instance.call(heap, name, arguments)?),
            None => Err(no_attribute(&referent, name)),
        }
    }

    /// Python's `bool(proxy)`: the referent's truth.
    ///
    /// # Errors
    /// When the referent is gone.
    pub fn is_true(&self) -> Result<bool, WeakError> {
        Ok(self.referent()?.is_true())
    }

    /// Proxies have no hash, whatever their referent's.
    ///
    /// # Errors
    /// Always.
    pub fn hash(&self) -> Result<u64, WeakError> {
        Err(WeakError::Unhashable)
    }

    /// Whether the referent is gone.
    pub fn is_dead(&self) -> bool {
        self.0.live_target().is_none()
    }

    /// The callback; `None` when there is none or the referent is gone.
    pub fn callback(&self) -> Option<Value> {
        callback(&self.0)
    }

    /// Whether two handles are the same proxy.
    pub fn ptr_eq(a: &WeakProxy, b: &WeakProxy) -> bool {
        Gc::ptr_eq(&a.0, &b.0)
    }
}

fn no_attribute(referent: &Value, name: &Gc<Str>) -> WeakError {
    WeakError::Attribute(AttributeError {
        class: referent.type_name().to_owned(),
        name: name.as_str().to_owned(),
    })
}

impl From<WeakProxy> for Value {
    fn from(proxy: WeakProxy) -> Value {
        Value::from_handle(proxy.0, Kind::WeakRef)
    }
}

// SAFETY: the handle is the one owned edge.
unsafe impl Trace for WeakProxy {
    const SPREAD: u32 = spread_of("WeakProxy");
    const QUIET_DROP: bool = true;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        self.0.trace(visitor);
    }
}

impl fmt::Debug for WeakProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.referent() {
            Ok(referent) => write!(f, "<weakproxy to {}>", referent.type_name()),
            Err(_) => f.write_str("<weakproxy; dead>"),
        }
    }
}
