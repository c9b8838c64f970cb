//! Creating instances of two attributes, reading one and writing one.
//!
//! Stresses allocation (one block or three), the lookup of a name (a place of the class, or a dict's table), and the
//! replacement of a value in place. Each run ends by making sure that the layout is still the one it asked for.

use exuvia_core::Root;
use exuvia_core::object::{Tuple, Value};
use exuvia_harness::{Params, Rng, Workload};

use crate::layout::{Inline, Layout, PlainDict, Slots};
use crate::population::{Species, get, set, sum_below};

/// Attributes of each instance.
const FIELDS: u64 = 2;

/// A class, and a value for each instance.
struct Nursery {
    species: Species,
    /// `0..n` in an order that depends on the seed.
    values: Vec<u64>,
}

/// Instances that are alive before the run.
struct Living {
    nursery: Nursery,
    instances: Root<Tuple>,
}

impl Nursery {
    fn new<L: Layout>(p: &Params, rng: &mut Rng) -> Nursery {
        let mut values: Vec<u64> = (0..p["n"]).collect();
        rng.shuffle(&mut values);
        Nursery {
            species: Species::new::<L>(p.heap(), FIELDS),
            values,
        }
    }
}

impl Living {
    fn new<L: Layout>(p: &Params, rng: &mut Rng) -> Living {
        let nursery = Nursery::new::<L>(p, rng);
        let instances = nursery.species.spawn_all(nursery.values.iter().copied());
        Living { nursery, instances }
    }
}

/// Instances that are made, read once and dropped.
pub(crate) fn create(w: &mut Workload) {
    w.ask("What does creating an instance with two attributes cost in each layout?");
    w.param("n", [1_000, 10_000, 100_000]).seed(1);
    w.leak_at([("n", 20)]).ops(|p| p["n"]);
    w.expect(|p| sum_below(p["n"]));
    w.variant("slots", Nursery::new::<Slots>, |nursery| {
        create_all::<Slots>(nursery)
    });
    w.variant("inline", Nursery::new::<Inline>, |nursery| {
        create_all::<Inline>(nursery)
    });
    w.variant("dict", Nursery::new::<PlainDict>, |nursery| {
        create_all::<PlainDict>(nursery)
    });
}

fn create_all<L: Layout>(nursery: &Nursery) -> u64 {
    let mut sum = 0;
    for value in &nursery.values {
        let instance = nursery.species.spawn(*value);
        if L::holds_for(&instance) {
            sum += get(&instance, nursery.species.last_name());
        }
    }
    sum
}

/// Instances whose last attribute is read.
pub(crate) fn read(w: &mut Workload) {
    w.ask("What does reading an attribute cost in each layout?");
    w.param("n", [1_000, 10_000, 100_000]).seed(2);
    w.leak_at([("n", 20)]).ops(|p| p["n"]);
    w.expect(|p| sum_below(p["n"]));
    w.variant("slots", Living::new::<Slots>, |living| {
        read_all::<Slots>(living)
    });
    w.variant("inline", Living::new::<Inline>, |living| {
        read_all::<Inline>(living)
    });
    w.variant("dict", Living::new::<PlainDict>, |living| {
        read_all::<PlainDict>(living)
    });
}

fn read_all<L: Layout>(living: &Living) -> u64 {
    let name = living.nursery.species.last_name();
    let instances = living.instances.as_slice();
    let value_of = |instance: &Value| {
        instance
            .as_instance()
            .map_or(0, |instance| get(&instance, name))
    };
    let sum = instances.iter().map(value_of).sum();
    keeps_layout::<L>(instances, sum)
}

/// Instances whose last attribute is written.
pub(crate) fn write(w: &mut Workload) {
    w.ask("What does writing an attribute cost in each layout?");
    w.param("n", [1_000, 10_000, 100_000]).seed(3);
    w.leak_at([("n", 20)]).ops(|p| p["n"]);
    // the writes that succeeded, and what the last one left
    w.expect(|p| p["n"] + (p["n"] - 1));
    w.variant("slots", Living::new::<Slots>, |living| {
        write_all::<Slots>(living)
    });
    w.variant("inline", Living::new::<Inline>, |living| {
        write_all::<Inline>(living)
    });
    w.variant("dict", Living::new::<PlainDict>, |living| {
        write_all::<PlainDict>(living)
    });
}

fn write_all<L: Layout>(living: &Living) -> u64 {
    let Species { heap, .. } = &living.nursery.species;
    let name = living.nursery.species.last_name();
    let instances = living.instances.as_slice();
    let mut written = 0;
    for (value, instance) in instances.iter().enumerate() {
        let instance = instance.as_instance();
        written += instance.map_or(0, |instance| set(&instance, heap, name, value as u64));
    }
    let last = instances.last().and_then(Value::as_instance);
    let left = last.map_or(0, |instance| get(&instance, name));
    keeps_layout::<L>(instances, written + left)
}

/// `result`, unless the first instance has another layout by now: then nothing that was measured counts.
fn keeps_layout<L: Layout>(instances: &[Value], result: u64) -> u64 {
    let first = instances.first().and_then(Value::as_instance);
    if first.is_some_and(|first| L::holds_for(&first)) {
        result
    } else {
        0
    }
}
