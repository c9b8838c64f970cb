//! The three places where the attributes of an instance can live.

use exuvia_core::object::{Class, Form, Instance};
use exuvia_core::{Gc, Heap};

/// How the instances of a class hold their attributes.
pub(crate) trait Layout: 'static {
    /// What a class of this layout says of itself.
    const FORM: Form;

    /// A class with this layout and these attributes.
    fn class(heap: &Heap, names: &[String]) -> Gc<Class>;

    /// Whether the instance still has this layout: no dict appeared, and none went.
    fn holds_for(instance: &Gc<Instance>) -> bool {
        let wants_dict = Self::FORM == Form::Dict;
        instance.class().form() == Self::FORM && instance.has_dict() == wants_dict
    }
}

/// `__slots__`: a fixed place for each attribute.
pub(crate) struct Slots;

/// The default of a class: values in the instance, names shared by all instances.
pub(crate) struct Inline;

/// A dict of its own for each instance.
pub(crate) struct PlainDict;

impl Layout for Slots {
    const FORM: Form = Form::Slots;

    fn class(heap: &Heap, names: &[String]) -> Gc<Class> {
        Class::builder(heap, "Slots")
            .slots(names.iter().cloned())
            .build()
    }
}

impl Layout for Inline {
    const FORM: Form = Form::Inline;

    fn class(heap: &Heap, _: &[String]) -> Gc<Class> {
        Class::builder(heap, "Inline").dict().build()
    }
}

impl Layout for PlainDict {
    const FORM: Form = Form::Dict;

    fn class(heap: &Heap, _: &[String]) -> Gc<Class> {
        Class::builder(heap, "PlainDict").plain_dict().build()
    }
}
