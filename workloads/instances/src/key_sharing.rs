//! The 31st name: the instances of a class share at most 30 names, and what does not fit needs a dict.
//!
//! Stresses the same two attributes in three classes: one that knows no other names, one whose instances used 28 others
//! before, and one whose instances used 29, so that the second attribute no longer fits.

use std::rc::Rc;

use exuvia_core::Heap;
use exuvia_core::object::{Class, MAX_SHARED_NAMES, Str, Value};
use exuvia_harness::{Params, Rng, Workload};

use crate::population::{Species, sum_below};
use crate::size::{Measured, populate, report_bytes};

/// A class, and how many instances to make.
struct Crowd {
    species: Species,
    instances: u64,
}

impl Crowd {
    fn new(p: &Params, other_names: usize) -> Crowd {
        let heap = p.heap();
        let class = Class::builder(&heap, "Crowd").dict().build();
        use_names(&heap, &class, other_names);
        let names = ["x", "y"].map(str::to_owned);
        Crowd {
            species: Species::settled(heap, class, &names),
            instances: p["n"],
        }
    }
}

/// One instance that uses other names and is gone again: the class remembers them.
fn use_names(heap: &Heap, class: &exuvia_core::Gc<Class>, count: usize) {
    let instance = Class::instantiate(class, heap);
    for index in 0..count {
        let name = Str::intern(heap, &format!("other_{index}"));
        let known = instance.set_attr(heap, &name, Value::NONE);
        known.expect("a class without slots takes any name");
    }
}

/// Instances with two attributes each.
pub(crate) fn key_sharing(w: &mut Workload) {
    w.ask("What does the 31st attribute name of a class cost, when each instance uses two?");
    w.param("n", [1_000, 10_000]).seed(5);
    w.leak_at([("n", 20)]).ops(|p| p["n"]);
    w.expect(|p| sum_below(p["n"]));
    let measured = report_bytes(w);
    add::<2>(w, "two_names", &measured);
    add::<MAX_SHARED_NAMES>(w, "thirty_names", &measured);
    add::<{ MAX_SHARED_NAMES + 1 }>(w, "thirty_one_names", &measured);
}

fn add<const NAMES: usize>(w: &mut Workload, name: &str, measured: &Measured) {
    let measured = Rc::clone(measured);
    let prepare = |p: &Params, _: &mut Rng| Crowd::new(p, NAMES - 2);
    w.variant(name, prepare, move |crowd| {
        count_bytes::<NAMES>(crowd, &measured)
    });
}

/// Only instances whose names are shared as this many names allow are counted.
fn count_bytes<const NAMES: usize>(crowd: &Crowd, measured: &Measured) -> u64 {
    let loses_sharing = NAMES > MAX_SHARED_NAMES;
    let shared = NAMES.min(MAX_SHARED_NAMES);
    let (sum, bytes) = populate(&crowd.species, crowd.instances, |instance| {
        instance.has_dict() == loses_sharing && instance.class().shared_name_count() == shared
    });
    measured.set(bytes);
    sum
}
