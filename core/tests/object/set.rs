//! Sets: membership, algebra, hooks that interfere.

use exuvia_core::Gc;
use exuvia_core::object::{Class, List, Set, Str, Value, is_tracked};

use super::heap;

fn numbers(set: &Set) -> Vec<i64> {
    set.values().iter().filter_map(Value::as_int).collect()
}

#[test]
fn set_algebra_keeps_the_order_of_insertion() {
    let heap = heap();
    let a = Set::from_iter(&heap, [5, 1, 3].map(Value::small));
    let b = Set::from_iter(&heap, [3, 9, 5].map(Value::small));
    assert_eq!(numbers(&a.union(&heap, &b)), [5, 1, 3, 9]);
    assert_eq!(numbers(&a.intersection(&heap, &b)), [5, 3]);
    assert_eq!(numbers(&a.difference(&heap, &b)), [1]);
    assert_eq!(numbers(&a.symmetric_difference(&heap, &b)), [1, 9]);
    assert!(a.intersection(&heap, &b).is_subset(&a) && !a.is_subset(&b));
    assert!(a.difference(&heap, &b).is_disjoint(&b) && !a.is_disjoint(&b));
    assert!(a.equals(&Set::from_iter(&heap, [1, 3, 5].map(Value::small))));
    assert!(!a.equals(&b));
}

#[test]
fn members_are_distinct_by_value() {
    let heap = heap();
    let set = Set::new(&heap);
    assert!(set.add(&heap, Value::str(&heap, "a")));
    assert!(!set.add(&heap, Value::str(&heap, "a")));
    assert!(set.add(&heap, Value::small(1)));
    assert!(!set.add(&heap, Value::float(&heap, 1.0)) && !set.add(&heap, Value::TRUE));
    assert_eq!(set.len(), 2);
    assert!(set.discard(&Value::small(1)) && !set.discard(&Value::small(1)));
    assert_eq!(set.pop().unwrap().as_str(), Some("a"));
    assert!(set.is_empty() && set.pop().is_none());
    assert!(is_tracked(&Value::from(&set)));
    assert_eq!(Value::from(&set).type_name(), "set");
    assert!(Value::from(&set).into_set().is_ok());
    assert!(Value::from(List::new(&heap)).into_set().is_err());
}

#[test]
fn an_equality_that_empties_the_set_is_safe() {
    let heap = heap();
    let set_name = Str::intern(&heap, "set");
    let class = Class::builder(&heap, "K")
        .hash(|_| 1)
        .equality(|this, _| {
            let heap = Gc::heap(this);
            if let Some(set) = this.get_attr(&Str::intern(&heap, "set")) {
                set.as_set().unwrap().clear();
            }
            false
        })
        .build();
    let set = Set::new(&heap);
    for index in 0..5 {
        let key = Class::instantiate(&class, &heap);
        if index == 3 {
            key.set_attr(&heap, &set_name, Value::from(&set)).unwrap();
        }
        set.add(&heap, Value::from(key));
    }
    assert!(set.len() <= 5);
    drop(set);
    heap.collect_all();
    drop((class, set_name));
    heap.collect_all();
    assert_eq!(heap.live_objects(), 0);
}
