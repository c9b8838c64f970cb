//! CPython as a heap of nodes: instances of a class with two slots, which is the smallest object that can be in a cycle.
//! A node has no integer: that would be one more object.

use crate::foreign::python::{Class, Interpreter, Object};

use super::Peer;

/// The interpreter, its class of nodes, and a function to call when it should look after what it has put off.
pub(crate) struct Python {
    interpreter: Interpreter,
    class: Class,
    noop: Object,
    roots: Vec<Object>,
}

impl Peer for Python {
    const HAS_VALUE: bool = false;
    type Ref<'gc> = Object;
    type Heap<'gc> = &'gc Class;

    fn new() -> Self {
        let interpreter = Interpreter::start();
        interpreter.run("class Node:\n    __slots__ = ('a', 'b')\ndef noop():\n    pass\n");
        Python {
            class: Class::of_two_slots(interpreter.named("Node")),
            noop: interpreter.named("noop"),
            interpreter,
            roots: Vec::new(),
        }
    }

    #[inline]
    fn enter<R>(&mut self, work: impl for<'gc> FnOnce(&'gc Class, &mut Vec<Object>) -> R) -> R {
        work(&self.class, &mut self.roots)
    }

    #[inline]
    fn node<'gc>(
        class: Self::Heap<'gc>,
        a: Option<Self::Ref<'gc>>,
        b: Option<Self::Ref<'gc>>,
        _value: u64,
    ) -> Self::Ref<'gc> {
        class.instance(a, b)
    }

    fn value(_node: &Object) -> u64 {
        0
    }

    #[inline]
    fn a<'gc>(node: &Self::Ref<'gc>) -> Option<Self::Ref<'gc>> {
        Class::slot_of_two(node, 0)
    }

    #[inline]
    fn set_a<'gc>(_: Self::Heap<'gc>, node: &Self::Ref<'gc>, to: Option<Self::Ref<'gc>>) {
        Class::set_slot_of_two(node, 0, to);
    }

    #[inline]
    fn set_b<'gc>(_: Self::Heap<'gc>, node: &Self::Ref<'gc>, to: Option<Self::Ref<'gc>>) {
        Class::set_slot_of_two(node, 1, to);
    }

    fn count(node: &Object) -> u64 {
        let under = |slot| Class::lend_slot_of_two(node, slot, Self::count).unwrap_or(0);
        1 + under(0) + under(1)
    }

    fn collect(&mut self) -> Option<usize> {
        Some(self.interpreter.collect())
    }

    /// Since 3.12 an allocation only asks for a collection, and the interpreter's loop does it.
    fn pace(&mut self, _allocations: usize) {
        self.noop.call();
    }

    fn automatic(&mut self, on: bool) {
        self.interpreter.automatic(on);
    }

    fn held_bytes(&self) -> Option<u64> {
        None
    }
}
