//! Bytes of an instance in each layout.
//!
//! Stresses size classes: an instance is measured with everything it owns alone, its dict and the dict's table included,
//! as the heap's live bytes over the second half of many instances: the first few share a page with other types, and pay
//! for it. The values are immediates and weigh nothing.

use std::cell::Cell;
use std::rc::Rc;

use exuvia_core::object::{List, Value};
use exuvia_harness::{Better, Params, Rng, Workload};

use crate::layout::{Inline, Layout, PlainDict, Slots};
use crate::population::{Species, get, sum_below};

/// Bytes per instance of the last run in this process.
pub(crate) type Measured = Rc<Cell<f64>>;

/// A class, and how many instances to make.
struct Census {
    species: Species,
    instances: u64,
}

impl Census {
    fn new<L: Layout>(p: &Params, _: &mut Rng) -> Census {
        Census {
            species: Species::new::<L>(p.heap(), p["fields"]),
            instances: p["n"],
        }
    }
}

/// Instances that are alive all at once.
pub(crate) fn size(w: &mut Workload) {
    w.ask("How many bytes does an instance take in each layout, with 1, 2, 4 and 8 attributes?");
    w.param("fields", [1, 2, 4, 8])
        .param("n", [1_000, 10_000])
        .seed(4);
    w.count_at([("fields", 2), ("n", 1_000)])
        .leak_at([("fields", 2), ("n", 20)]);
    w.ops(|p| p["n"]).expect(|p| sum_below(p["n"]));
    let measured = report_bytes(w);
    add::<Slots>(w, "slots", &measured);
    add::<Inline>(w, "inline", &measured);
    add::<PlainDict>(w, "dict", &measured);
}

fn add<L: Layout>(w: &mut Workload, name: &str, measured: &Measured) {
    let measured = Rc::clone(measured);
    w.variant(name, Census::new::<L>, move |census| {
        count_bytes::<L>(census, &measured)
    });
}

fn count_bytes<L: Layout>(census: &Census, measured: &Measured) -> u64 {
    let (sum, bytes) = populate(&census.species, census.instances, L::holds_for);
    measured.set(bytes);
    sum
}

/// Declares the metric `bytes_per_instance`; what it reports is what a run stores in the result.
pub(crate) fn report_bytes(w: &mut Workload) -> Measured {
    let measured = Measured::default();
    let read = Rc::clone(&measured);
    w.metric_of("bytes_per_instance", "B", Better::Less, move |_| read.get());
    measured
}

/// Makes instances that all live at once; returns the sum of what those that are `as_wanted` hold, and the bytes of one.
pub(crate) fn populate(
    species: &Species,
    instances: u64,
    as_wanted: impl Fn(&exuvia_core::Gc<exuvia_core::object::Instance>) -> bool,
) -> (u64, f64) {
    let living = List::with_capacity(&species.heap, instances as usize);
    let spawn = |value| living.push(&species.heap, Value::from(species.spawn(value)));
    let half = instances / 2;
    (0..half).for_each(spawn);
    let before = species.heap.memory().live_bytes;
    (half..instances).for_each(spawn);
    let bytes = species.heap.memory().live_bytes - before;
    let held = |instance: Value| {
        let instance = instance.as_instance()?;
        as_wanted(&instance).then(|| get(&instance, species.last_name()))
    };
    let sum = living.iter().filter_map(held).sum();
    (sum, bytes as f64 / (instances - half) as f64)
}
