//! The works on Python's object model: this heap and CPython.
//!
//! Ints are above the range that either of the two keeps without an object of their own.

mod model;
mod ours;
mod python;

use std::hint::black_box;

pub(super) use self::ours::Ours;
pub(super) use self::python::Python;

use self::model::{Attributed, Model};
use super::clock::{self, per_operation};
use super::memory::{resident_bytes, resident_vec};
use super::outcome::Outcome;

/// An int that is an object in both.
const FAR: i64 = 1 << 61;

/// The work of that name.
pub(super) fn run<M: Model>(work: &str) -> Option<Outcome> {
    let model = M::new();
    let outcome = match work {
        "slots" => made("slots", |_| model.instance(Attributed::Slots)),
        "instance" => made("instance", |_| model.instance(Attributed::Ordinary)),
        "dict" => made("dict", |_| model.dict_of_two()),
        "list_of_10" => made("list_of_10", |_| model.list_of_ten()),
        "empty_list" => made("empty_list", |_| model.empty_list()),
        "text" => made("str", |_| model.text("Hello, World!")),
        "generator" => generator(&model),
        "attributes" => attributes(&model),
        "weakrefs" => weakrefs(&model),
        "list_append" => list_append(&model),
        "dict_insert" => dict_insert(&model),
        _ => return None,
    };
    Some(outcome)
}

const MANY: usize = 1_000_000;
const SOME: usize = 100_000;

/// Objects that are kept: bytes of the first million, then the median time to make and to drop a tenth of that.
fn made<V: Clone>(name: &str, make: impl Fn(usize) -> V) -> Outcome {
    let filler = make(0);
    let mut kept = resident_vec(MANY, || filler.clone());
    let before = resident_bytes();
    kept.extend((0..MANY).map(&make));
    let bytes = (resident_bytes() - before) / MANY as f64;
    kept.clear();
    let mut drops = Vec::new();
    let create = clock::median(|| {
        let create = per_operation(SOME, || kept.extend((0..SOME).map(&make)));
        drops.push(per_operation(SOME, || kept.clear()));
        create
    });
    Outcome::default()
        .value(&format!("{name}_create"), create)
        .value(&format!("{name}_drop"), clock::middle(drops))
        .value(&format!("{name}_bytes"), bytes)
}

fn generator<M: Model>(model: &M) -> Outcome {
    let outcome = made("generator", |_| model.generator());
    let generator = model.generator();
    let yielded = model.step(&generator);
    let step = clock::median(|| {
        per_operation(MANY, || {
            for _ in 0..MANY {
                drop(black_box(model.step(&generator)));
            }
        })
    });
    outcome
        .value("generator_step", step)
        .check("yielded", model.as_int(&yielded).cast_unsigned())
}

fn attributes<M: Model>(model: &M) -> Outcome {
    let mut outcome = Outcome::default();
    let mut sum = 0;
    for (kind, get, set) in [
        (Attributed::Slots, "slots_get", "slots_set"),
        (Attributed::Ordinary, "instance_get", "instance_set"),
    ] {
        let instance = model.instance(kind);
        let value = model.int(FAR + 7);
        let written = clock::median(|| {
            per_operation(MANY, || {
                for _ in 0..MANY {
                    model.set(black_box(&instance), &value);
                }
            })
        });
        let read = clock::median(|| {
            per_operation(MANY, || {
                for _ in 0..MANY {
                    drop(black_box(model.get(black_box(&instance))));
                }
            })
        });
        sum += model.as_int(&model.get(&instance)).cast_unsigned();
        outcome = outcome.value(get, read).value(set, written);
    }
    outcome.check("sum", sum)
}

fn weakrefs<M: Model>(model: &M) -> Outcome {
    let referents = |n: usize| -> Vec<M::Value> { (0..n).map(|_| model.referent()).collect() };
    let held = referents(MANY);
    let filler = model.weakref(&held[0]);
    let mut kept = resident_vec(MANY, || filler.clone());
    let before = resident_bytes();
    kept.extend(held.iter().map(|held| model.weakref(held)));
    let bytes = (resident_bytes() - before) / MANY as f64;
    kept.clear();
    drop(held);
    let (mut derefs, mut deaths, mut alive) = (Vec::new(), Vec::new(), 0);
    let create = clock::median(|| {
        let held = referents(SOME);
        let create = per_operation(SOME, || {
            kept.extend(held.iter().map(|held| model.weakref(held)))
        });
        alive = 0;
        derefs.push(per_operation(SOME, || {
            for weak in &kept {
                alive += u64::from(model.is_alive(black_box(weak)));
            }
        }));
        deaths.push(per_operation(SOME, || drop(held)));
        alive += kept.iter().filter(|weak| model.is_alive(weak)).count() as u64;
        kept.clear();
        create
    });
    Outcome::default()
        .value("weakref_create", create)
        .value("weakref_deref", clock::middle(derefs))
        .value("weakref_die", clock::middle(deaths))
        .value("weakref_bytes", bytes)
        .check("alive", alive)
}

fn list_append<M: Model>(model: &M) -> Outcome {
    let mut length = 0;
    let append = clock::median(|| {
        let list = model.empty_list();
        let append = per_operation(MANY, || {
            for i in 0..MANY {
                model.append(&list, model.int(FAR + i as i64));
            }
        });
        length = model.list_len(&list);
        append
    });
    Outcome::default()
        .value("list_append", append)
        .check("length", length as u64)
}

fn dict_insert<M: Model>(model: &M) -> Outcome {
    let keys: Vec<_> = (0..MANY)
        .map(|i| model.hashed_text(&format!("key-{i:07}")))
        .collect();
    let value = model.int(FAR);
    let mut length = 0;
    let insert = clock::median(|| {
        let dict = model.empty_dict();
        let insert = per_operation(MANY, || {
            for key in &keys {
                model.insert(&dict, key, &value);
            }
        });
        length = model.dict_len(&dict);
        insert
    });
    Outcome::default()
        .value("dict_insert", insert)
        .check("length", length as u64)
}
