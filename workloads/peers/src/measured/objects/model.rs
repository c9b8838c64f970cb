//! Python's objects as the works use them.

/// How a class keeps the attributes of its instances.
#[derive(Clone, Copy)]
pub(in crate::measured) enum Attributed {
    /// In two slots.
    Slots,
    /// As an ordinary class does.
    Ordinary,
}

/// A heap of Python's objects.
pub(in crate::measured) trait Model {
    /// Any object.
    type Value: Clone;

    fn new() -> Self;
    fn int(&self, value: i64) -> Self::Value;
    fn as_int(&self, value: &Self::Value) -> i64;

    /// An instance with its two attributes set.
    fn instance(&self, kind: Attributed) -> Self::Value;
    /// Reads the second attribute.
    fn get(&self, instance: &Self::Value) -> Self::Value;
    /// Writes the second attribute.
    fn set(&self, instance: &Self::Value, value: &Self::Value);

    fn empty_dict(&self) -> Self::Value;
    fn insert(&self, dict: &Self::Value, key: &Self::Value, value: &Self::Value);
    fn dict_len(&self, dict: &Self::Value) -> usize;
    /// A dict with two items, its keys interned.
    fn dict_of_two(&self) -> Self::Value;

    fn empty_list(&self) -> Self::Value;
    /// A list of ten references to one object.
    fn list_of_ten(&self) -> Self::Value;
    fn append(&self, list: &Self::Value, item: Self::Value);
    fn list_len(&self, list: &Self::Value) -> usize;

    fn text(&self, text: &str) -> Self::Value;
    /// A str whose hash is known already.
    fn hashed_text(&self, text: &str) -> Self::Value;

    /// An object that weak references can refer to: an instance of a class with two slots and that ability.
    fn referent(&self) -> Self::Value;
    fn weakref(&self, to: &Self::Value) -> Self::Value;
    /// Follows a weak reference and drops what it gave.
    fn is_alive(&self, weak: &Self::Value) -> bool;

    /// A generator that yields the same object again and again.
    fn generator(&self) -> Self::Value;
    fn step(&self, generator: &Self::Value) -> Self::Value;
}
