//! A class, the names of its attributes, and instances of it.

use exuvia_core::object::{Class, Instance, MAX_SHARED_NAMES, Str, Tuple, Value};
use exuvia_core::{Gc, Heap, Root};

use crate::layout::Layout;

/// A class and the interned names of its attributes, held as declared roots.
pub(crate) struct Species {
    pub(crate) heap: Heap,
    pub(crate) class: Root<Class>,
    names: Vec<Root<Str>>,
}

impl Species {
    /// A class of a layout with `fields` attributes, after its first instances.
    pub(crate) fn new<L: Layout>(heap: Heap, fields: u64) -> Species {
        let names: Vec<String> = (0..fields).map(|field| format!("field_{field}")).collect();
        let class = L::class(&heap, &names);
        Species::settled(heap, class, &names)
    }

    /// Makes and drops the instances in which a class learns how much room the next ones need.
    pub(crate) fn settled(heap: Heap, class: Gc<Class>, names: &[String]) -> Species {
        let names = names
            .iter()
            .map(|name| heap.root(name, Str::intern(&heap, name)))
            .collect();
        let species = Species {
            class: heap.root("class", class),
            names,
            heap,
        };
        for _ in 0..=MAX_SHARED_NAMES {
            species.spawn(0);
        }
        species
    }

    /// An instance whose attributes all have this value.
    pub(crate) fn spawn(&self, value: u64) -> Gc<Instance> {
        let instance = Class::instantiate(&self.class, &self.heap);
        for name in &self.names {
            set(&instance, &self.heap, name, value);
        }
        instance
    }

    /// An instance for each value, held as a declared root.
    pub(crate) fn spawn_all(&self, values: impl ExactSizeIterator<Item = u64>) -> Root<Tuple> {
        let instances: Vec<Value> = values.map(|value| Value::from(self.spawn(value))).collect();
        let instances = Tuple::new(&self.heap, instances.into_iter());
        self.heap.root("instances", instances)
    }

    /// The name declared last: the farthest of its layout.
    pub(crate) fn last_name(&self) -> &Gc<Str> {
        self.names.last().expect("a species has an attribute")
    }
}

/// Sets an attribute; returns whether that was possible, as a number to be summed.
#[inline]
pub(crate) fn set(instance: &Gc<Instance>, heap: &Heap, name: &Gc<Str>, value: u64) -> u64 {
    let value = Value::small(value.cast_signed());
    u64::from(instance.set_attr(heap, name, value).is_ok())
}

/// An attribute's value; 0 when there is none.
#[inline]
pub(crate) fn get(instance: &Gc<Instance>, name: &Gc<Str>) -> u64 {
    let value = instance.get_attr(name).and_then(|value| value.as_int());
    value.map_or(0, i64::cast_unsigned)
}

/// `0 + 1 + .. + (n - 1)`.
pub(crate) fn sum_below(n: u64) -> u64 {
    n * (n - 1) / 2
}
