//! Hash and equality of values as dict keys.
//!
//! Numbers and strings compare by value, tuples item by item, instances by
//! their class's hooks if it has any, everything else by identity (lists and
//! dicts too, where Python raises a TypeError). Tuples are walked with an
//! explicit stack. Instances' hooks are user code: callers look up again
//! whatever they knew before.

use super::hash;
use super::str::Str;
use super::tuple::Tuple;
use super::value::{Kind, Value};
use crate::gc::handle::Gc;

/// Equality of two values without user code: by value for numbers and
/// strings, else by identity.
#[inline]
pub(crate) fn same_atom(a: &Value, b: &Value) -> bool {
    a.is(b) && !is_nan(a) || equal_atoms(a, b)
}

fn is_nan(value: &Value) -> bool {
    value.as_float().is_some_and(f64::is_nan)
}

fn equal_atoms(a: &Value, b: &Value) -> bool {
    if a.is_kind(Kind::Str) && b.is_kind(Kind::Str) {
        return a.as_str() == b.as_str();
    }
    if a.is_kind(Kind::Other) && b.is_kind(Kind::Other) {
        return equal_opaque(a, b);
    }
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a == b,
        (Some(int), None) => b.as_float().is_some_and(|float| same_number(int, float)),
        (None, Some(int)) => a.as_float().is_some_and(|float| same_number(int, float)),
        (None, None) => matches!((a.as_float(), b.as_float()), (Some(a), Some(b)) if a == b),
    }
}

fn whole(value: &Value) -> Option<i64> {
    value.as_int().or_else(|| value.as_bool().map(i64::from))
}

/// Exact comparison: an int beyond 2^53 equals no float next to it.
fn same_number(int: i64, float: f64) -> bool {
    int as f64 == float && float < i64::MAX as f64 && float as i64 == int
}

/// What a comparison of keys with equal hashes comes to without user code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Match {
    Yes,
    No,
    /// Only [`equal`] can tell.
    Ask,
}

/// Compares a stored key with the one looked for; identity is equality.
#[inline]
pub(crate) fn compare(stored: &Value, wanted: &Value) -> Match {
    if stored.is(wanted) {
        return Match::Yes;
    }
    if stored.as_small().is_some() && wanted.as_small().is_some() {
        return Match::No;
    }
    if equal_atoms(stored, wanted) {
        Match::Yes
    } else if asks(stored) || asks(wanted) {
        Match::Ask
    } else {
        Match::No
    }
}

fn asks(value: &Value) -> bool {
    value.is_kind(Kind::Tuple)
        || value.is_kind(Kind::WeakRef)
        || value
            .as_instance()
            .is_some_and(|instance| instance.class().equality().is_some())
}

/// The hash of a key. Runs the hash hook of instances.
#[inline]
pub(crate) fn hash_of(value: &Value) -> u64 {
    if value.is_kind(Kind::Str) {
        // SAFETY: the kind says so; `value` keeps the string.
        u64::from(unsafe { Str::hash_of(value.header()) })
    } else if let Some(int) = value.as_small() {
        hash::of_int(int)
    } else {
        hash_of_other(value)
    }
}

#[inline(never)]
fn hash_of_other(value: &Value) -> u64 {
    match value.as_tuple() {
        None => hash_of_item(value),
        Some(tuple) => hash_of_tuple(&tuple),
    }
}

fn hash_of_item(value: &Value) -> u64 {
    if value.is_kind(Kind::Str) {
        // SAFETY: the kind says so; `value` keeps the string.
        return u64::from(unsafe { Str::hash_of(value.header()) });
    }
    if let Some(int) = whole(value) {
        return hash::of_int(int);
    }
    if let Some(float) = value.as_float() {
        return hash::of_float(float);
    }
    if let Some(instance) = value.as_instance()
        && let Some(hook) = instance.class().hash()
    {
        return hook(&instance);
    }
    if let Some(weak) = value.as_weakref()
        && let Ok(hash) = weak.hash()
    {
        return hash;
    }
    if let Some(hash) = hash_of_opaque(value) {
        return hash;
    }
    hash::of_address(value.bits())
}

/// The hash of a type that has no kind of its own.
fn hash_of_opaque(value: &Value) -> Option<u64> {
    if let Some(bytes) = value.as_bytes() {
        return Some(hash::of_bytes(bytes.as_slice()));
    }
    if let Some(method) = value.as_bound_method() {
        let function = Gc::address(method.function());
        let this = value_address(method.this());
        return Some(hash::mix(hash::of_address(function), this));
    }
    let view = value.as_memory_view()?;
    view.hash().ok()
}

fn value_address(value: &Value) -> u64 {
    hash::of_address(value.bits())
}

/// Equality of two objects of a type that has no kind of its own.
#[inline(never)]
fn equal_opaque(a: &Value, b: &Value) -> bool {
    if let (Some(a), Some(b)) = (a.as_bytes(), b.as_bytes()) {
        return a.as_slice() == b.as_slice();
    }
    if let (Some(a), Some(b)) = (a.as_bound_method(), b.as_bound_method()) {
        return Gc::ptr_eq(a.function(), b.function()) && a.this().is(b.this());
    }
    super::buffer::equal(a, b).unwrap_or(false)
}

/// Python's hash of any value, which runs the hooks of instances.
pub fn hash_value(value: &Value) -> u64 {
    hash_of(value)
}

/// Python's `==` of two values as keys, which runs the hooks of instances.
pub fn equal_values(a: &Value, b: &Value) -> bool {
    equal(a, b)
}

/// Mixes the items with marks where tuples begin and end, so that equal
/// nesting gives equal hashes.
fn hash_of_tuple(tuple: &Gc<Tuple>) -> u64 {
    const BEGIN: u64 = 0xA5A5_0001;
    const END: u64 = 0x5A5A_0002;
    let mut state = hash::mix(BEGIN, tuple.len() as u64);
    let mut open = vec![(tuple.clone(), 0)];
    while let Some((tuple, next)) = open.last_mut() {
        let Some(item) = tuple.get(*next) else {
            open.pop();
            state = hash::mix(state, END);
            continue;
        };
        *next += 1;
        match item.into_tuple() {
            Ok(inner) => {
                state = hash::mix(state, BEGIN ^ inner.len() as u64);
                open.push((inner, 0));
            }
            Err(item) => state = hash::mix(state, hash_of_item(&item)),
        }
    }
    state
}

/// Equality of keys. Runs the equality hook of instances.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    let mut open = Vec::new();
    let mut verdict = equal_items(a, b, &mut open);
    while verdict && let Some((a, b, next)) = open.last_mut() {
        let (Some(left), Some(right)) = (a.get(*next), b.get(*next)) else {
            open.pop();
            continue;
        };
        *next += 1;
        verdict = equal_items(&left, &right, &mut open);
    }
    verdict
}

/// Decides two items, or leaves two tuples of one length for later.
fn equal_items(a: &Value, b: &Value, open: &mut Vec<(Gc<Tuple>, Gc<Tuple>, usize)>) -> bool {
    match compare(a, b) {
        Match::Yes => true,
        Match::No => false,
        Match::Ask => match (a.as_tuple(), b.as_tuple()) {
            (Some(a), Some(b)) if a.len() == b.len() => {
                open.push((a.clone(), b.clone(), 0));
                true
            }
            (Some(_), Some(_)) => false,
            _ if a.is_kind(Kind::WeakRef) && b.is_kind(Kind::WeakRef) => {
                equal_referents(a, b, open)
            }
            _ => asked(a, b).or_else(|| asked(b, a)).unwrap_or(false),
        },
    }
}

/// Weak references are equal when both referents live and are; dead ones are
/// equal to themselves alone.
fn equal_referents(a: &Value, b: &Value, open: &mut Vec<(Gc<Tuple>, Gc<Tuple>, usize)>) -> bool {
    let referent = |value: &Value| value.as_weakref()?.upgrade();
    match (referent(a), referent(b)) {
        // A reference to a reference is not followed further: identity.
        (Some(a), Some(b)) if a.is_kind(Kind::WeakRef) || b.is_kind(Kind::WeakRef) => a.is(&b),
        (Some(a), Some(b)) => equal_items(&a, &b, open),
        _ => false,
    }
}

/// The answer of `a`'s class about `b`.
fn asked(a: &Value, b: &Value) -> Option<bool> {
    let instance = a.as_instance()?;
    let hook = instance.class().equality()?;
    Some(hook(&instance, b))
}
