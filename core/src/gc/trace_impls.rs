//! [`Trace`] for the standard library's types.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::marker::PhantomData;

use super::trace::{Trace, Visitor};

macro_rules! leaf {
    ($($t:ty),* $(,)?) => {$(
        // SAFETY: the type holds no reference.
        unsafe impl Trace for $t {
            const HOLDS: bool = false;
            const QUIET_DROP: bool = true;
            fn __key_text(&self) -> Option<String> {
                Some(format!("{self:?}"))
            }
            #[inline]
            fn trace<V: Visitor>(&self, _: &mut V) {}
        }
    )*};
}

leaf!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    String,
    &'static str,
    Box<str>,
    std::time::Duration,
    std::num::NonZeroU32,
    std::num::NonZeroU64,
    std::num::NonZeroUsize,
);

// SAFETY: holds nothing.
unsafe impl<T: 'static> Trace for PhantomData<T> {
    const HOLDS: bool = false;
    fn trace<V: Visitor>(&self, _: &mut V) {}
}

macro_rules! sequence {
    ($($t:ty),* $(,)?) => {$(
        // SAFETY: each element is owned once and visited once.
        unsafe impl<T: Trace> Trace for $t {
            const HOLDS: bool = T::HOLDS;
            const QUIET_DROP: bool = T::QUIET_DROP;
            #[inline]
            fn trace<V: Visitor>(&self, visitor: &mut V) {
                if T::HOLDS {
                    for (index, item) in self.iter().enumerate() {
                        visitor.at_index(index);
                        item.trace(visitor);
                    }
                }
            }
        }
    )*};
}

sequence!(Vec<T>, VecDeque<T>, Box<[T]>, BTreeSet<T>);

// SAFETY: the value is owned once and visited once.
unsafe impl<T: Trace> Trace for Option<T> {
    const HOLDS: bool = T::HOLDS;
    const QUIET_DROP: bool = T::QUIET_DROP;
    const EDGES_ONLY: bool = T::EDGES_ONLY;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        if let Some(value) = self {
            value.trace(visitor);
        }
    }
}

// SAFETY: as above.
unsafe impl<T: Trace, const N: usize> Trace for [T; N] {
    const HOLDS: bool = T::HOLDS;
    const QUIET_DROP: bool = T::QUIET_DROP;
    const EDGES_ONLY: bool = T::EDGES_ONLY;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        for (index, item) in self.iter().enumerate() {
            visitor.at_index(index);
            item.trace(visitor);
        }
    }
}

// SAFETY: the box owns its value.
unsafe impl<T: Trace> Trace for Box<T> {
    const HOLDS: bool = T::HOLDS;
    const QUIET_DROP: bool = T::QUIET_DROP;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        (**self).trace(visitor);
    }
}

// SAFETY: one of the two is owned.
unsafe impl<T: Trace, E: Trace> Trace for Result<T, E> {
    const HOLDS: bool = T::HOLDS || E::HOLDS;
    const QUIET_DROP: bool = T::QUIET_DROP && E::QUIET_DROP;
    const EDGES_ONLY: bool = T::EDGES_ONLY && E::EDGES_ONLY;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        match self {
            Ok(value) => value.trace(visitor),
            Err(error) => error.trace(visitor),
        }
    }
}

// SAFETY: keys and values are owned once each.
unsafe impl<K: Trace, W: Trace, S: BuildHasher + 'static> Trace for HashMap<K, W, S> {
    const HOLDS: bool = K::HOLDS || W::HOLDS;
    const QUIET_DROP: bool = K::QUIET_DROP && W::QUIET_DROP && !std::mem::needs_drop::<S>();
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        for (key, value) in self {
            visitor.at_key(key);
            key.trace(visitor);
            value.trace(visitor);
        }
    }
}

// SAFETY: as above.
unsafe impl<K: Trace, W: Trace> Trace for BTreeMap<K, W> {
    const HOLDS: bool = K::HOLDS || W::HOLDS;
    const QUIET_DROP: bool = K::QUIET_DROP && W::QUIET_DROP;
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        for (key, value) in self {
            visitor.at_key(key);
            key.trace(visitor);
            value.trace(visitor);
        }
    }
}

// SAFETY: as above.
unsafe impl<T: Trace, S: BuildHasher + 'static> Trace for HashSet<T, S> {
    const HOLDS: bool = T::HOLDS;
    const QUIET_DROP: bool = T::QUIET_DROP && !std::mem::needs_drop::<S>();
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        for (index, item) in self.iter().enumerate() {
            visitor.at_index(index);
            item.trace(visitor);
        }
    }
}

// SAFETY: a cell never hands out references to its content, and no user code
// runs while a phase traces, so nothing can change or free the value while it
// is read.
unsafe impl<T: Trace> Trace for Cell<T> {
    const HOLDS: bool = T::HOLDS;
    const QUIET_DROP: bool = T::QUIET_DROP;
    const EDGES_ONLY: bool = T::EDGES_ONLY;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        if T::HOLDS {
            // SAFETY: see the impl.
            unsafe { &*self.as_ptr() }.trace(visitor);
        }
    }
}

// SAFETY: the content is visited once. While it is mutably borrowed its edges
// are skipped, in every phase alike because a borrow cannot begin or end while
// a phase runs: the targets then count as held from outside.
unsafe impl<T: Trace> Trace for RefCell<T> {
    const HOLDS: bool = T::HOLDS;
    const QUIET_DROP: bool = T::QUIET_DROP;
    const EDGES_ONLY: bool = T::EDGES_ONLY;
    #[inline]
    fn trace<V: Visitor>(&self, visitor: &mut V) {
        if T::HOLDS {
            // SAFETY: no mutable borrow begins while the reference lives; no
            // user code runs. The borrow flag is only read. Where borrows do
            // not count, nobody can reach the value any more.
            let value = unsafe {
                if V::THROUGH_BORROWS {
                    Ok(&*self.as_ptr())
                } else {
                    self.try_borrow_unguarded()
                }
            };
            if let Ok(value) = value {
                value.trace(visitor);
            }
        }
    }
}

macro_rules! tuple {
    ($($name:ident)+) => {
        // SAFETY: each field is owned once and visited once.
        unsafe impl<$($name: Trace),+> Trace for ($($name,)+) {
            const HOLDS: bool = $($name::HOLDS)||+;
            const QUIET_DROP: bool = $($name::QUIET_DROP)&&+;
            const EDGES_ONLY: bool = $($name::EDGES_ONLY)&&+;
            #[expect(non_snake_case, reason = "one binding per type parameter")]
            fn trace<Vis: Visitor>(&self, visitor: &mut Vis) {
                let ($($name,)+) = self;
                $($name.trace(visitor);)+
            }
        }
    };
}

tuple!(A);
tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
tuple!(A B C D F);
tuple!(A B C D F G);
tuple!(A B C D F G H);
tuple!(A B C D F G H I);
