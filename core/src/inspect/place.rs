//! Where an edge stands inside its object: a field, and an index or key in it.

/// A place inside an object, as the object's `trace` announces it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// Empty for objects that are one container (list, dict, tuple).
    pub(crate) field: &'static str,
    pub(crate) element: Element,
}

/// Which element of the field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Element {
    /// The field itself.
    #[default]
    None,
    /// An element by position.
    Index(usize),
    /// An element by key; the text only where it was asked for and the key has one.
    Key(Option<String>),
}

impl Place {
    /// The place without its position or key: all elements of a field are one. The places of an instance are its
    /// attributes and stay apart.
    pub(crate) fn generalised(&self, of_instance: bool) -> Label {
        Label {
            field: self.field,
            is_element: self.element != Element::None,
            attribute: match self.element {
                Element::Index(place) if of_instance => u16::try_from(place + 1).unwrap_or(0),
                _ => 0,
            },
        }
    }
}

/// A [`Place`] whose elements are not told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Label {
    pub(crate) field: &'static str,
    pub(crate) is_element: bool,
    /// Place of an instance plus one; 0 elsewhere.
    pub(crate) attribute: u16,
}

impl Label {
    /// Whether the labels are equal, quickly; false also for equal field names that stand in two places.
    #[inline]
    pub(crate) fn is_same(self, other: Label) -> bool {
        std::ptr::eq(self.field, other.field)
            && self.is_element == other.is_element
            && self.attribute == other.attribute
    }

    /// A few bits that tell most labels apart.
    pub(crate) fn hash_bits(self) -> usize {
        (self.field.as_ptr().addr() >> 2) ^ (usize::from(self.attribute) << 3)
    }
}
