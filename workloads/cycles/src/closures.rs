//! Functions that refer to themselves through a cell, and instances that keep a method bound to themselves.
//!
//! Stresses cycles of small objects of different types: cell and function, instance and bound method. Cutting the cycle by
//! hand leaves the collector nothing to do.

use exuvia_core::Heap;
use exuvia_core::object::{Class, ClosureCell, Function, Str, Value};
use exuvia_harness::Workload;

use crate::scene::{Scene, payload_sum};

/// Functions that know themselves.
pub(crate) fn closures(w: &mut Workload) {
    w.ask("What does a function cost that refers to itself through a cell, and what when the cell is emptied by hand?");
    w.param("n", [1_000, 10_000]).seed(9);
    w.leak_at([("n", 20)]).ops(|p| p["n"]);
    w.expect(|p| payload_sum(p["n"]) + p["n"]);
    w.variant("collected", Scene::new, |scene| {
        scene.run(|heap, payloads| functions(heap, payloads, false))
    });
    w.variant("cut_by_hand", Scene::new, |scene| {
        scene.run(|heap, payloads| functions(heap, payloads, true))
    });
}

fn functions(heap: &Heap, payloads: &[u64], cut: bool) -> u64 {
    let mut sum = 0;
    for payload in payloads {
        let cell = ClosureCell::new(heap, None);
        let captured = [Value::from(&cell), Value::small(payload.cast_signed())];
        let function = Function::new(heap, "itself", |call| call.captured[1].clone(), captured);
        cell.set(Value::from(&function));
        sum += number(&function.call(heap, &Value::NONE, &[]));
        if cut {
            cell.clear();
        }
    }
    heap.collect_all();
    sum
}

/// Instances with a method of their own in an attribute.
pub(crate) fn methods(w: &mut Workload) {
    w.ask("What does an instance cost that keeps a method bound to itself, and what when it is bound at each call?");
    w.param("n", [1_000, 10_000]).seed(10);
    w.leak_at([("n", 20)]).ops(|p| p["n"]);
    w.expect(|p| payload_sum(p["n"]) + p["n"]);
    w.variant("kept", Scene::new, |scene| {
        scene.run(|heap, payloads| instances(heap, payloads, true))
    });
    w.variant("bound_at_call", Scene::new, |scene| {
        scene.run(|heap, payloads| instances(heap, payloads, false))
    });
}

fn instances(heap: &Heap, payloads: &[u64], keep: bool) -> u64 {
    let [get, kept, payload_name] = ["get", "kept", "payload"].map(|name| Str::intern(heap, name));
    let class = Class::builder(heap, "Holder")
        .slots(["payload", "kept"])
        .method("get", |call| {
            let name = Str::intern(call.heap, "payload");
            let this = call.this.as_instance();
            this.and_then(|this| this.get_attr(&name))
                .unwrap_or(Value::NONE)
        })
        .build();
    let mut sum = 0;
    for payload in payloads {
        let instance = Class::instantiate(&class, heap);
        let payload = Value::small(payload.cast_signed());
        let stored = instance.set_attr(heap, &payload_name, payload);
        stored.expect("the class has this slot");
        let method = instance
            .bind(heap, &get)
            .expect("the class has this method");
        if keep {
            let stored = instance.set_attr(heap, &kept, Value::from(&method));
            stored.expect("the class has this slot");
        }
        sum += number(&method.call(heap, &[]));
    }
    heap.collect_all();
    sum
}

fn number(value: &Value) -> u64 {
    value.as_int().unwrap_or(0).cast_unsigned()
}
