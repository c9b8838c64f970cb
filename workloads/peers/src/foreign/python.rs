//! CPython's C API, loaded at run time from the library that `EXUVIA_LIBPYTHON` names.
//!
//! The functions are those of the stable part of the API that exists in 3.11 and later, with the signatures that its
//! headers give. What the headers do inline (counting references, reading a slot) is done inline here too, or CPython
//! would pay for calls that a C extension does not make.
//!
//! Invariants the `SAFETY` comments refer to:
//!
//! 1. *Started*: an [`Interpreter`] exists, so the API is loaded for good, the interpreter runs, and this process, which
//!    has one thread, holds its lock.
//! 2. *Owned*: an [`Object`] owns one reference to a live Python object, whose first word is its count.
//! 3. *Two slots*: an object made by [`Class::instance`] has its two slots in the two words after its header of two words;
//!    [`Class::of_two_slots`] has seen that.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::OnceLock;

use libloading::Library;

type Raw = *mut c_void;

macro_rules! api {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        #[expect(non_snake_case, reason = "the names of CPython's functions")]
        struct Api {
            /// Since 3.12 some objects are immortal, and the count is 32 bits.
            has_immortals: bool,
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Api {
            fn load(path: &str) -> Result<Api, libloading::Error> {
                use libloading::os::unix::{Library as Open, RTLD_GLOBAL, RTLD_NOW};
                // SAFETY: a CPython's initialisers do nothing to this process but set up their own data. Extension
                // modules look for its symbols, so they are global.
                let library = Library::from(unsafe { Open::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }?);
                // SAFETY: the signatures are those of CPython's headers.
                unsafe {
                    let version = *library.get::<*const std::ffi::c_ulong>(b"Py_Version")?;
                    let api = Api {
                        has_immortals: *version >= 0x030C_0000,
                        $($name: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)*
                    };
                    // The functions are used for as long as the process lives.
                    std::mem::forget(library);
                    Ok(api)
                }
            }
        }
    };
}

api! {
    Py_InitializeEx: fn(c_int);
    PyImport_AddModule: fn(*const c_char) -> Raw;
    PyModule_GetDict: fn(Raw) -> Raw;
    PyRun_String: fn(*const c_char, c_int, Raw, Raw) -> Raw;
    PyErr_Print: fn();
    PyErr_Occurred: fn() -> Raw;
    _Py_Dealloc: fn(Raw);
    PyGC_Collect: fn() -> isize;
    PyGC_Enable: fn() -> c_int;
    PyGC_Disable: fn() -> c_int;
    PyType_GenericAlloc: fn(Raw, isize) -> Raw;
    PyObject_CallNoArgs: fn(Raw) -> Raw;
    PyObject_GetAttr: fn(Raw, Raw) -> Raw;
    PyObject_SetAttr: fn(Raw, Raw, Raw) -> c_int;
    PyDict_New: fn() -> Raw;
    PyDict_SetItem: fn(Raw, Raw, Raw) -> c_int;
    PyDict_GetItemString: fn(Raw, *const c_char) -> Raw;
    PyDict_Size: fn(Raw) -> isize;
    PyList_New: fn(isize) -> Raw;
    PyList_Append: fn(Raw, Raw) -> c_int;
    PyList_Size: fn(Raw) -> isize;
    PyLong_FromLong: fn(c_long) -> Raw;
    PyLong_AsLong: fn(Raw) -> c_long;
    PyUnicode_FromStringAndSize: fn(*const c_char, isize) -> Raw;
    PyUnicode_InternFromString: fn(*const c_char) -> Raw;
    PyObject_Hash: fn(Raw) -> isize;
    PyWeakref_NewRef: fn(Raw, Raw) -> Raw;
    PyWeakref_GetObject: fn(Raw) -> Raw;
    PyIter_Next: fn(Raw) -> Raw;
}

static API: OnceLock<Api> = OnceLock::new();

#[inline]
fn api() -> &'static Api {
    API.get().expect("an interpreter has been started")
}

/// The variable that names the library.
pub(crate) const LIBRARY_VARIABLE: &str = "EXUVIA_LIBPYTHON";

/// A running CPython.
pub(crate) struct Interpreter {
    /// The names of `__main__`, borrowed for good.
    globals: Raw,
}

impl Interpreter {
    /// Loads and starts the CPython of this process.
    ///
    /// # Panics
    /// When the library cannot be loaded.
    pub(crate) fn start() -> Interpreter {
        let path = std::env::var(LIBRARY_VARIABLE).expect("the driver names the library");
        let api = API.get_or_init(|| {
            Api::load(&path).unwrap_or_else(|error| panic!("cannot load {path}: {error}"))
        });
        // SAFETY: the first calls, on the only thread; the module and its dict live as long as the interpreter.
        let globals = unsafe {
            (api.Py_InitializeEx)(0);
            (api.PyModule_GetDict)((api.PyImport_AddModule)(c"__main__".as_ptr()))
        };
        Interpreter { globals }
    }

    /// Runs statements in `__main__`.
    ///
    /// # Panics
    /// When they raise.
    pub(crate) fn run(&self, statements: &str) {
        /// `Py_file_input`
        const STATEMENTS: c_int = 257;
        let text = CString::new(statements).expect("no NUL in a program");
        // SAFETY: *started*; the dict is `__main__`'s.
        let result =
            unsafe { (api().PyRun_String)(text.as_ptr(), STATEMENTS, self.globals, self.globals) };
        drop(Object::made(result));
    }

    /// What `__main__` calls `name`.
    pub(crate) fn named(&self, name: &str) -> Object {
        let name = CString::new(name).expect("no NUL in a name");
        // SAFETY: *started*; the result is borrowed from the dict.
        let found = unsafe { (api().PyDict_GetItemString)(self.globals, name.as_ptr()) };
        Object::borrowed(found).expect("the name is there")
    }

    /// A full collection; the objects found unreachable. `PyGC_Collect` does nothing while the collector is off.
    pub(crate) fn collect(&self) -> usize {
        // SAFETY: *started*.
        let (was_on, found) = unsafe { ((api().PyGC_Enable)() == 1, (api().PyGC_Collect)()) };
        self.automatic(was_on);
        found.unsigned_abs()
    }

    /// Switches automatic collections on or off.
    pub(crate) fn automatic(&self, on: bool) {
        let switch = if on {
            api().PyGC_Enable
        } else {
            api().PyGC_Disable
        };
        // SAFETY: *started*.
        unsafe { switch() };
    }
}

/// One owned reference to a Python object.
pub(crate) struct Object(NonNull<c_void>);

impl Object {
    /// Takes over what a function returned.
    ///
    /// # Panics
    /// When the function raised; the exception is printed.
    #[inline]
    fn made(raw: Raw) -> Object {
        NonNull::new(raw).map_or_else(|| raised(), Object)
    }

    /// A new reference to a borrowed object.
    #[inline]
    fn borrowed(raw: Raw) -> Option<Object> {
        let object = NonNull::new(raw)?;
        increment(object);
        Some(Object(object))
    }

    #[inline]
    fn raw(&self) -> Raw {
        self.0.as_ptr()
    }

    #[inline]
    fn into_raw(self) -> Raw {
        let raw = self.raw();
        std::mem::forget(self);
        raw
    }

    /// Its result when called without arguments.
    #[inline]
    pub(crate) fn call(&self) -> Object {
        // SAFETY: *started*, *owned*.
        Object::made(unsafe { (api().PyObject_CallNoArgs)(self.raw()) })
    }

    /// An instance of this class by its type's allocator, which is what calling it without `__init__` comes to.
    #[inline]
    pub(crate) fn allocate(&self) -> Object {
        // SAFETY: *started*, *owned*; called on classes that do not replace `tp_alloc`.
        Object::made(unsafe { (api().PyType_GenericAlloc)(self.raw(), 0) })
    }

    #[inline]
    pub(crate) fn get(&self, name: &Object) -> Object {
        // SAFETY: *started*, *owned*.
        Object::made(unsafe { (api().PyObject_GetAttr)(self.raw(), name.raw()) })
    }

    #[inline]
    pub(crate) fn set(&self, name: &Object, value: &Object) {
        // SAFETY: *started*, *owned*; the function takes its own reference.
        succeeded(unsafe { (api().PyObject_SetAttr)(self.raw(), name.raw(), value.raw()) });
    }

    #[inline]
    pub(crate) fn dict() -> Object {
        // SAFETY: *started*.
        Object::made(unsafe { (api().PyDict_New)() })
    }

    #[inline]
    pub(crate) fn insert(&self, key: &Object, value: &Object) {
        // SAFETY: *started*, *owned*; the function checks that this is a dict and takes its own references.
        succeeded(unsafe { (api().PyDict_SetItem)(self.raw(), key.raw(), value.raw()) });
    }

    pub(crate) fn dict_len(&self) -> usize {
        // SAFETY: *started*, *owned*; the function checks that this is a dict.
        unsafe { (api().PyDict_Size)(self.raw()) }.unsigned_abs()
    }

    #[inline]
    pub(crate) fn empty_list() -> Object {
        // SAFETY: *started*.
        Object::made(unsafe { (api().PyList_New)(0) })
    }

    /// A list of `n` references to one item, filled in place as `PyList_SET_ITEM` does.
    #[inline]
    pub(crate) fn list_of(item: &Object, n: usize) -> Object {
        // SAFETY: *started*.
        let list = Object::made(unsafe { (api().PyList_New)(n.cast_signed()) });
        // SAFETY: a list is a header of two words, its length and the pointer to its items, of which there are `n`, unset.
        let items = unsafe { list.raw().cast::<*mut Raw>().add(3).read() };
        for index in 0..n {
            // SAFETY: as above.
            unsafe { items.add(index).write(item.clone().into_raw()) };
        }
        list
    }

    #[inline]
    pub(crate) fn append(&self, item: &Object) {
        // SAFETY: *started*, *owned*; the function checks that this is a list and takes its own reference.
        succeeded(unsafe { (api().PyList_Append)(self.raw(), item.raw()) });
    }

    pub(crate) fn list_len(&self) -> usize {
        // SAFETY: *started*, *owned*; the function checks that this is a list.
        unsafe { (api().PyList_Size)(self.raw()) }.unsigned_abs()
    }

    #[inline]
    pub(crate) fn int(value: i64) -> Object {
        // SAFETY: *started*.
        Object::made(unsafe { (api().PyLong_FromLong)(value) })
    }

    pub(crate) fn as_int(&self) -> i64 {
        // SAFETY: *started*, *owned*.
        unsafe { (api().PyLong_AsLong)(self.raw()) }
    }

    #[inline]
    pub(crate) fn text(text: &str) -> Object {
        // SAFETY: *started*; the text is valid UTF-8 of that length and is copied.
        Object::made(unsafe {
            (api().PyUnicode_FromStringAndSize)(text.as_ptr().cast(), text.len().cast_signed())
        })
    }

    pub(crate) fn interned(text: &CStr) -> Object {
        // SAFETY: *started*; the text is copied.
        Object::made(unsafe { (api().PyUnicode_InternFromString)(text.as_ptr()) })
    }

    /// Makes the object remember its hash.
    pub(crate) fn hash(&self) {
        // SAFETY: *started*, *owned*.
        unsafe { (api().PyObject_Hash)(self.raw()) };
    }

    #[inline]
    pub(crate) fn weakref(&self) -> Object {
        // SAFETY: *started*, *owned*; no callback.
        Object::made(unsafe { (api().PyWeakref_NewRef)(self.raw(), null_mut()) })
    }

    /// A new reference to what this weak reference refers to; `None`, the object, when that is gone.
    #[inline]
    pub(crate) fn deref(&self) -> Object {
        // SAFETY: *started*, *owned*; the result is borrowed and nothing runs before it is counted.
        let referent = unsafe { (api().PyWeakref_GetObject)(self.raw()) };
        Object::borrowed(referent).unwrap_or_else(|| raised())
    }

    /// The next item of this iterator.
    #[inline]
    pub(crate) fn next(&self) -> Object {
        // SAFETY: *started*, *owned*.
        Object::made(unsafe { (api().PyIter_Next)(self.raw()) })
    }

    #[inline]
    pub(crate) fn is(&self, other: &Object) -> bool {
        self.0 == other.0
    }
}

impl Clone for Object {
    #[inline]
    fn clone(&self) -> Object {
        increment(self.0);
        Object(self.0)
    }
}

impl Drop for Object {
    #[inline]
    fn drop(&mut self) {
        decrement(self.0);
    }
}

/// `Py_INCREF`.
#[inline]
fn increment(object: NonNull<c_void>) {
    if api().has_immortals {
        let count = object.cast::<u32>();
        // SAFETY: *owned*: the low half of the first word is the count, and all ones in its upper bits mean immortal.
        unsafe {
            if let Some(more) = count.read().checked_add(1) {
                count.write(more);
            }
        }
    } else {
        let count = object.cast::<isize>();
        // SAFETY: *owned*.
        unsafe { count.write(count.read() + 1) };
    }
}

/// `Py_DECREF`.
#[inline]
fn decrement(object: NonNull<c_void>) {
    let left = if api().has_immortals {
        let count = object.cast::<u32>();
        // SAFETY: *owned*.
        let now = unsafe { count.read() };
        if now.cast_signed() < 0 {
            return; // immortal
        }
        // SAFETY: *owned*.
        unsafe { count.write(now - 1) };
        now == 1
    } else {
        let count = object.cast::<isize>();
        // SAFETY: *owned*.
        unsafe {
            count.write(count.read() - 1);
            count.read() == 0
        }
    };
    if left {
        // SAFETY: *started*; the count is 0.
        unsafe { (api()._Py_Dealloc)(object.as_ptr()) };
    }
}

#[cold]
#[inline(never)]
fn raised() -> ! {
    // SAFETY: *started*.
    unsafe {
        if !(api().PyErr_Occurred)().is_null() {
            (api().PyErr_Print)();
        }
    }
    panic!("CPython raised an exception");
}

#[inline]
fn succeeded(status: c_int) {
    if status != 0 {
        raised();
    }
}

/// A class whose instances are two references.
pub(crate) struct Class(Object);

impl Class {
    /// The class, when its two slots `a` and `b` lie where they are expected.
    ///
    /// # Panics
    /// When they lie elsewhere.
    pub(crate) fn of_two_slots(class: Object) -> Class {
        let class = Class(class);
        let probe = class.0.allocate();
        for (slot, name) in [c"a", c"b"].into_iter().enumerate() {
            let (name, value) = (Object::interned(name), Object::dict());
            probe.set(&name, &value);
            let stored = Class::slot_of_two(&probe, slot);
            assert!(
                stored.is_some_and(|stored| stored.is(&value)),
                "slots lie elsewhere"
            );
        }
        class
    }

    /// An instance with its slots set.
    #[inline]
    pub(crate) fn instance(&self, a: Option<Object>, b: Option<Object>) -> Object {
        let instance = self.0.allocate();
        // SAFETY: *two slots*, both unset so far; each takes over the reference.
        unsafe {
            slot(&instance, 0).write(a.map_or(null_mut(), Object::into_raw));
            slot(&instance, 1).write(b.map_or(null_mut(), Object::into_raw));
        }
        instance
    }

    #[inline]
    pub(crate) fn slot_of_two(instance: &Object, index: usize) -> Option<Object> {
        // SAFETY: *two slots*.
        Object::borrowed(unsafe { slot(instance, index).read() })
    }

    /// Lends what a slot holds.
    #[inline]
    pub(crate) fn lend_slot_of_two<R>(
        instance: &Object,
        index: usize,
        work: impl FnOnce(&Object) -> R,
    ) -> Option<R> {
        // SAFETY: *two slots*.
        let held = NonNull::new(unsafe { slot(instance, index).read() })?;
        // The slot keeps its reference; this handle must not give it up.
        let lent = std::mem::ManuallyDrop::new(Object(held));
        Some(work(&lent))
    }

    #[inline]
    pub(crate) fn set_slot_of_two(instance: &Object, index: usize, to: Option<Object>) {
        // SAFETY: *two slots*; the old reference is given up after the slot has its new one.
        let old = unsafe { slot(instance, index).replace(to.map_or(null_mut(), Object::into_raw)) };
        drop(NonNull::new(old).map(Object));
    }
}

/// Where a slot lies: after the header's two words.
#[inline]
fn slot(instance: &Object, index: usize) -> *mut Raw {
    instance.raw().cast::<Raw>().wrapping_add(2 + index)
}
