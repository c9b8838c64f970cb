use std::cell::Cell;

use exuvia_core::object::{
    Class, Dict, Instance, List, Str, Tuple, Value, is_tracked, ref_count, size_of,
};
use exuvia_core::{Gc, Heap};

/// The naive model: pairs in order of insertion, found by walking.
#[derive(Default)]
struct Model(Vec<(Value, Value)>);

impl Model {
    fn position(&self, key: &Value) -> Option<usize> {
        self.0.iter().position(|(known, _)| known == key)
    }

    fn insert(&mut self, key: Value, value: Value) -> Option<Value> {
        match self.position(&key) {
            Some(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            None => {
                self.0.push((key, value));
                None
            }
        }
    }

    fn remove(&mut self, key: &Value) -> Option<Value> {
        self.position(key).map(|at| self.0.remove(at).1)
    }

    fn get(&self, key: &Value) -> Option<Value> {
        self.position(key).map(|at| self.0[at].1.clone())
    }
}

/// Runs generated operations on a dict and the model; `key` makes one of
/// `range` keys.
fn compare(seed: u64, steps: i64, range: u32, key: impl Fn(&Heap, u32) -> Value) {
    let heap = crate::heap();
    let dict = Dict::new(&heap);
    let mut model = Model::default();
    let mut random = fastrand::Rng::with_seed(seed);
    for step in 0..steps {
        let wanted = key(&heap, random.u32(..range));
        // Phases of growing and of shrinking.
        let grows = if step / 500 % 2 == 0 { 6 } else { 2 };
        match random.u8(..10) {
            n if n < grows => {
                let value = Value::small(step);
                assert_eq!(
                    dict.insert(&heap, wanted.clone(), value.clone()),
                    model.insert(wanted, value)
                );
            }
            6 | 7 => assert_eq!(dict.get(&wanted), model.get(&wanted)),
            8 => assert_eq!(dict.pop_item(), model.0.pop()),
            9 if step % 997 == 0 => {
                dict.clear();
                model.0.clear();
            }
            _ => assert_eq!(dict.remove(&wanted), model.remove(&wanted)),
        }
        assert_eq!(dict.len(), model.0.len());
        if step % 101 == 0 {
            assert_eq!(dict.items(), model.0);
            dict.check().expect("a sound table");
        }
    }
    assert_eq!(dict.items(), model.0);
    let (keys, values): (Vec<Value>, Vec<Value>) = model.0.into_iter().unzip();
    assert_eq!((dict.keys(), dict.values()), (keys, values));
    heap.verify().expect("a sound heap");
}

#[test]
fn a_dict_of_strings_agrees_with_the_model() {
    for (seed, range) in [(1, 12), (2, 90), (3, 700)] {
        compare(seed, 6_000, range, |heap, n| {
            Value::str(heap, &format!("k{n}"))
        });
    }
}

#[test]
fn a_dict_of_ints_agrees_with_the_model() {
    for (seed, range) in [(4, 12), (5, 90), (6, 700)] {
        // Keys that collide in small tables: multiples of 64.
        compare(seed, 6_000, range, |_, n| Value::small(i64::from(n) * 64));
    }
}

#[test]
fn a_dict_of_mixed_keys_agrees_with_the_model() {
    compare(7, 8_000, 200, |heap, n| match n % 4 {
        0 => Value::small(i64::from(n)),
        1 => Value::float(heap, f64::from(n) + 0.5),
        2 => Value::str(heap, &n.to_string()),
        _ => Value::int(heap, i64::MAX - i64::from(n)),
    });
}

/// A class whose instances are equal by their `id`, and collide by `id % 4`.
fn colliding(heap: &Heap) -> Gc<Class> {
    fn id(this: &Gc<Instance>) -> i64 {
        let name = Str::intern(&Gc::heap(this), "id");
        this.get_attr(&name)
            .and_then(|id| id.as_int())
            .unwrap_or(-1)
    }
    Class::builder(heap, "Key")
        .slots(["id"])
        .hash(|this| (id(this) % 4).cast_unsigned())
        .equality(|this, other| {
            other
                .as_instance()
                .is_some_and(|other| id(this) == id(&other))
        })
        .build()
}

fn key_of(heap: &Heap, class: &Gc<Class>, id: i64) -> Value {
    let key = Class::instantiate(class, heap);
    key.set_attr(heap, &Str::intern(heap, "id"), Value::small(id))
        .expect("a slot");
    Value::from(key)
}

#[test]
fn keys_with_their_own_hash_and_equality_collide_and_are_told_apart() {
    let heap = crate::heap();
    let class = colliding(&heap);
    let dict = Dict::new(&heap);
    let mut model: Vec<(i64, i64)> = Vec::new();
    let mut random = fastrand::Rng::with_seed(9);
    for step in 0..3_000 {
        let id = random.i64(0..60);
        let key = key_of(&heap, &class, id);
        let at = model.iter().position(|&(known, _)| known == id);
        if random.u8(..3) > 0 {
            let old = dict.insert(&heap, key, Value::small(step));
            assert_eq!(old, at.map(|at| Value::small(model[at].1)));
            match at {
                Some(at) => model[at].1 = step,
                None => model.push((id, step)),
            }
        } else {
            assert_eq!(
                dict.remove(&key),
                at.map(|at| Value::small(model.remove(at).1))
            );
        }
        dict.check().expect("a sound table");
    }
    let values: Vec<Value> = model.iter().map(|&(_, step)| Value::small(step)).collect();
    assert_eq!(dict.values(), values);
}

#[test]
fn tuples_are_keys_by_their_items() {
    let heap = crate::heap();
    let dict = Dict::new(&heap);
    let class = colliding(&heap);
    let pair = |a: i64, b: i64| {
        let inner = Tuple::new(
            &heap,
            [Value::small(b), key_of(&heap, &class, a)].into_iter(),
        );
        Value::from(Tuple::new(
            &heap,
            [Value::small(a), Value::from(inner)].into_iter(),
        ))
    };
    for n in 0..50 {
        dict.insert(&heap, pair(n, n * n), Value::small(n));
    }
    for n in 0..50 {
        assert_eq!(dict.get(&pair(n, n * n)), Some(Value::small(n)));
        assert_eq!(dict.get(&pair(n, n * n + 1)), None);
    }
    let flat = [Value::small(1), Value::small(1)];
    assert_eq!(
        dict.get(&Value::from(Tuple::new(&heap, flat.into_iter()))),
        None
    );
}

#[test]
fn nested_tuples_of_any_depth_are_hashed_and_compared() {
    let heap = crate::heap();
    let tower = |top: i64| {
        let mut value = Value::small(top);
        for _ in 0..20_000 {
            value = Value::from(Tuple::new(&heap, [value].into_iter()));
        }
        value
    };
    let dict = Dict::new(&heap);
    dict.insert(&heap, tower(1), Value::TRUE);
    assert_eq!(dict.get(&tower(1)), Some(Value::TRUE));
    assert_eq!(dict.get(&tower(2)), None);
}

#[test]
fn equal_numbers_are_one_key_and_the_first_one_stays() {
    let heap = crate::heap();
    let dict = Dict::new(&heap);
    dict.insert(&heap, Value::small(1), Value::str(&heap, "int"));
    dict.insert(&heap, Value::TRUE, Value::str(&heap, "bool"));
    dict.insert(&heap, Value::float(&heap, 1.0), Value::str(&heap, "float"));
    assert_eq!(dict.len(), 1);
    assert_eq!(dict.keys()[0].as_int(), Some(1));
    assert_eq!(dict.get(&Value::small(1)), Some(Value::str(&heap, "float")));
    let nan = Value::float(&heap, f64::NAN);
    dict.insert(&heap, nan.clone(), Value::NONE);
    assert_eq!(dict.get(&nan), Some(Value::NONE), "identity comes first");
}

#[test]
fn a_dict_grows_as_in_cpython_and_never_shrinks_by_deletion() {
    let heap = crate::heap();
    let dict = Dict::new(&heap);
    // (entries before, bytes of index + 16 per usable entry) by CPython's rule.
    let sizes = [
        (1, 8 + 5 * 16),
        (6, 16 + 10 * 16),
        (11, 32 + 21 * 16),
        (22, 64 + 42 * 16),
        (43, 128 + 85 * 16),
        (86, 2 * 256 + 170 * 16),
    ];
    for n in 1..=86 {
        dict.insert(&heap, Value::str(&heap, &n.to_string()), Value::NONE);
        let expected = sizes
            .iter()
            .rev()
            .find(|(from, _)| *from <= n)
            .map(|(_, bytes)| *bytes);
        assert_eq!(
            Some(size_of(&Value::from(&dict)) - 32),
            expected,
            "{n} entries"
        );
    }
    for key in dict.keys() {
        dict.remove(&key);
    }
    assert_eq!(size_of(&Value::from(&dict)) - 32, sizes[5].1);
    assert_eq!(size_of(&Value::from(Dict::new(&heap))), 32);
}

#[test]
fn popping_every_item_takes_them_newest_first_and_stays_linear() {
    let heap = crate::heap();
    let dict = Dict::new(&heap);
    for n in 0..50_000 {
        dict.insert(&heap, Value::small(n), Value::small(-n));
    }
    for n in (0..50_000).rev() {
        assert_eq!(dict.pop_item(), Some((Value::small(n), Value::small(-n))));
        if n % 5_000 == 0 {
            dict.check().expect("a sound table");
        }
    }
    assert_eq!(dict.pop_item(), None);
    // Alternating with insertions of ever new keys must not fill the index.
    for n in 0..10_000 {
        dict.insert(&heap, Value::small(n * 7), Value::NONE);
        dict.pop_item();
    }
    dict.check().expect("a sound table");
}

#[test]
fn a_dict_is_tracked_only_while_it_holds_what_could_be_in_a_cycle() {
    let heap = crate::heap();
    let dict = Dict::new(&heap);
    let value = Value::from(&dict);
    assert!(!is_tracked(&value));
    dict.insert(&heap, Value::str(&heap, "k"), Value::small(1));
    assert!(!is_tracked(&value));
    dict.insert(&heap, Value::str(&heap, "l"), Value::from(List::new(&heap)));
    assert!(is_tracked(&value));
    dict.insert(&heap, Value::str(&heap, "l"), Value::NONE);
    assert!(is_tracked(&value));
    heap.collect(0).expect("a generation");
    assert!(is_tracked(&value), "a young collection untracks no dict");
    heap.collect_all();
    assert!(!is_tracked(&value));
    dict.insert(&heap, Value::small(1), value.clone());
    assert!(is_tracked(&value));
    drop((dict, value));
    assert_eq!(heap.collect_all(), 1);
}

#[test]
fn a_dict_in_its_own_cycle_is_collected() {
    let heap = crate::heap();
    let dict = Dict::new(&heap);
    dict.insert(&heap, Value::str(&heap, "self"), Value::from(&dict));
    let list = List::new(&heap);
    list.push(&heap, Value::from(&dict));
    dict.insert(&heap, Value::small(0), Value::from(list));
    drop(dict);
    assert_eq!(heap.collect_all(), 2);
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn keys_and_values_are_held_once_and_given_back() {
    let heap = crate::heap();
    let dict = Dict::new(&heap);
    let (key, value) = (Value::str(&heap, "key"), Value::from(List::new(&heap)));
    for _ in 0..3 {
        dict.insert(&heap, key.clone(), value.clone());
        assert_eq!((ref_count(&key), ref_count(&value)), (2, 2));
    }
    assert!(dict.remove(&key).is_some());
    assert_eq!((ref_count(&key), ref_count(&value)), (1, 1));
    dict.insert(&heap, key.clone(), value.clone());
    drop(dict);
    assert_eq!((ref_count(&key), ref_count(&value)), (1, 1));
}

#[test]
fn a_failed_growth_leaves_the_dict_as_it_was() {
    let heap = crate::heap();
    let dict = Dict::new(&heap);
    for n in 0..5 {
        dict.insert(&heap, Value::small(n), Value::small(n));
    }
    heap.fail_allocations_after(Some(0));
    let refused = dict.try_insert(&heap, Value::small(5), Value::NONE);
    heap.fail_allocations_after(None);
    assert!(refused.is_err());
    assert_eq!(dict.len(), 5);
    dict.check().expect("a sound table");
    dict.insert(&heap, Value::small(5), Value::NONE);
    assert_eq!(dict.len(), 6);
}

thread_local! {
    /// How often the equality below has meddled, and with which dict.
    static MEDDLED: Cell<u32> = const { Cell::new(0) };
}

/// A class whose equality changes the dict that is stored in the key.
fn meddling(heap: &Heap) -> Gc<Class> {
    Class::builder(heap, "Meddler")
        .slots(["dict"])
        .hash(|_| 5)
        .equality(|this, other| {
            let heap = Gc::heap(this);
            let name = Str::intern(&heap, "dict");
            let times = MEDDLED.get();
            MEDDLED.set(times + 1);
            if let Some(value) = this.get_attr(&name)
                && let Some(dict) = value.as_dict()
                && times < 40
            {
                match times % 4 {
                    0 => dict.clear(),
                    1 => (0..30).for_each(|n| {
                        dict.insert(&heap, Value::small(n), Value::small(n));
                    }),
                    2 => drop(dict.pop_item()),
                    _ => drop(dict.insert(&heap, Value::from(this), Value::TRUE)),
                }
            }
            other
                .as_instance()
                .is_some_and(|other| Gc::ptr_eq(this, &other))
        })
        .build()
}

#[test]
fn an_equality_that_changes_the_dict_finds_a_sound_one() {
    let heap = crate::heap();
    let class = meddling(&heap);
    let name = Str::intern(&heap, "dict");
    for rounds in 1..12 {
        MEDDLED.set(0);
        let dict = Dict::new(&heap);
        for _ in 0..rounds {
            let key = Class::instantiate(&class, &heap);
            key.set_attr(&heap, &name, Value::from(&dict))
                .expect("a slot");
            dict.insert(&heap, Value::from(&key), Value::NONE);
            dict.insert(&heap, Value::small(5), Value::NONE);
            dict.check().expect("a sound table");
            dict.contains(&Value::small(5));
            dict.remove(&Value::from(&key));
            dict.insert(&heap, Value::from(key), Value::NONE);
            dict.check().expect("a sound table");
        }
        assert!(rounds < 2 || MEDDLED.get() > 0, "the hook ran");
        dict.clear();
    }
    heap.collect_all();
    heap.verify().expect("a sound heap");
}

#[test]
fn a_value_dropped_by_replacement_may_use_the_dict() {
    let heap = crate::heap();
    let dict = Dict::new(&heap);
    let class = Class::builder(&heap, "Late")
        .slots(["dict"])
        .finalizer(|this| {
            let heap = Gc::heap(this);
            let value = this.get_attr(&Str::intern(&heap, "dict")).expect("set");
            let dict = value.as_dict().expect("a dict");
            (0..20).for_each(|n| drop(dict.insert(&heap, Value::small(n), Value::TRUE)));
        })
        .build();
    let late = Class::instantiate(&class, &heap);
    late.set_attr(&heap, &Str::intern(&heap, "dict"), Value::from(&dict))
        .expect("a slot");
    dict.insert(&heap, Value::small(3), Value::from(late));
    dict.insert(&heap, Value::small(3), Value::FALSE);
    assert_eq!(dict.len(), 20);
    assert_eq!(
        dict.get(&Value::small(3)),
        Some(Value::TRUE),
        "the finalizer came last"
    );
    dict.check().expect("a sound table");
}

#[test]
fn string_keys_and_texts_find_each_other() {
    let heap = crate::heap();
    let dict = Dict::with_capacity(&heap, 3);
    dict.insert(&heap, Value::from(Str::intern(&heap, "a")), Value::small(1));
    assert_eq!(dict.get_str("a"), Some(Value::small(1)));
    assert_eq!(dict.get(&Value::str(&heap, "a")), Some(Value::small(1)));
    assert_eq!(dict.get_str("b"), None);
    dict.insert(&heap, Value::NONE, Value::small(2));
    assert_eq!(
        dict.get_str("a"),
        Some(Value::small(1)),
        "a table of any keys"
    );
    assert!(dict.contains(&Value::NONE) && !dict.contains(&Value::FALSE));
}

#[test]
fn large_dicts_grow_with_all_that_is_live_in_order() {
    const KEYS: i64 = 30_000;
    let heap = Heap::new();
    let texts = |n: i64| Value::str(&heap, &format!("key {n}"));
    let numbers = Value::small;
    for key in [&texts as &dyn Fn(i64) -> Value, &numbers] {
        let dict = Dict::new(&heap);
        for n in 0..KEYS {
            dict.insert(&heap, key(n), Value::small(n));
            if n % 3 == 2 {
                assert_eq!(dict.remove(&key(n - 1)), Some(Value::small(n - 1)));
            }
        }
        dict.check().unwrap();
        let live: Vec<Value> = (0..KEYS).filter(|n| n % 3 != 1).map(Value::small).collect();
        assert_eq!(dict.values(), live);
    }
}
