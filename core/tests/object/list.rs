use exuvia_core::Gc;
use exuvia_core::object::{Class, List, Value, size_of};

/// CPython's growth of a list by appends, written down independently: the
/// capacities it passes through.
fn cpython_capacities(appends: usize) -> Vec<usize> {
    let mut capacities = vec![0];
    let mut capacity = 0;
    for len in 1..=appends {
        if len > capacity {
            capacity = (len + len / 8 + 6) / 4 * 4;
            capacities.push(capacity);
        }
    }
    capacities
}

#[test]
fn a_million_appends_grow_as_in_cpython() {
    const APPENDS: usize = 1_000_000;
    let heap = crate::heap();
    let list = List::new(&heap);
    let mut capacities = vec![list.capacity()];
    for n in 0..APPENDS {
        list.push(&heap, Value::small(n as i64));
        if capacities.last() != Some(&list.capacity()) {
            capacities.push(list.capacity());
        }
    }
    assert_eq!(capacities, cpython_capacities(APPENDS));
    assert_eq!(
        capacities[..14],
        [0, 4, 8, 16, 24, 32, 40, 52, 64, 76, 92, 108, 128, 148]
    );
    assert_eq!(list.get(999_999), Some(Value::small(999_999)));
}

#[test]
fn a_list_is_32_bytes_and_its_items() {
    let heap = crate::heap();
    let list = List::new(&heap);
    assert_eq!(Gc::erase(list.clone()).size(), 32);
    assert_eq!(size_of(&Value::from(&list)), 32);
    list.push(&heap, Value::NONE);
    assert_eq!(size_of(&Value::from(&list)), 32 + 4 * 8);
}

#[test]
fn popping_below_half_gives_memory_back() {
    let heap = crate::heap();
    let list = List::from_iter(&heap, (0..100).map(Value::small));
    assert_eq!(list.capacity(), 100);
    let mut capacities = Vec::new();
    while let Some(value) = list.pop() {
        assert_eq!(value, Value::small(list.len() as i64));
        capacities.push(list.capacity());
    }
    assert_eq!(capacities[49], 100, "50 left: still half full");
    assert_eq!(capacities[50], 60, "49 left: as if grown to 49");
    assert_eq!(capacities.last(), Some(&0));
    assert!(capacities.is_sorted_by(|a, b| a >= b));
}

#[test]
fn exact_capacities_stay_exact() {
    let heap = crate::heap();
    assert_eq!(List::repeat(&heap, &Value::TRUE, 10).capacity(), 10);
    assert_eq!(List::with_capacity(&heap, 7).capacity(), 7);
    let list = List::new(&heap);
    list.extend(&heap, (0..21).map(Value::small));
    assert_eq!(list.capacity(), 24, "a bulk extension takes what it needs");
}

#[test]
fn operations_agree_with_a_vector() {
    let heap = crate::heap();
    let list = List::new(&heap);
    let mut model: Vec<i64> = Vec::new();
    let mut random = fastrand::Rng::with_seed(11);
    for step in 0..20_000_i64 {
        let index = random.usize(..model.len() + 2);
        match random.u8(..8) {
            0..3 => {
                list.push(&heap, Value::small(step));
                model.push(step);
            }
            3 => {
                list.insert(&heap, index, Value::small(step));
                model.insert(index.min(model.len()), step);
            }
            4 => {
                let removed = (index < model.len()).then(|| model.remove(index));
                assert_eq!(list.remove(index), removed.map(Value::small));
            }
            5 => assert_eq!(list.pop(), model.pop().map(Value::small)),
            6 if index < model.len() => {
                let old = std::mem::replace(&mut model[index], step);
                assert_eq!(list.replace(index, Value::small(step)), Value::small(old));
            }
            _ => assert_eq!(list.get(index), model.get(index).copied().map(Value::small)),
        }
        if step % 5_000 == 4_999 {
            list.clear();
            model.clear();
        }
        assert_eq!(list.len(), model.len());
    }
    let items: Vec<i64> = list.iter().filter_map(|value| value.as_int()).collect();
    assert_eq!(items, model);
    heap.verify().expect("a sound heap");
}

#[test]
fn a_list_in_itself_is_one_object_of_garbage() {
    let heap = crate::heap();
    let list = List::new(&heap);
    list.push(&heap, Value::from(&list));
    list.push(&heap, Value::from(&list));
    drop(list);
    assert_eq!(heap.collect_all(), 1);
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn clear_leaves_a_usable_list_to_the_finalizers_it_runs() {
    let heap = crate::heap();
    let list = List::new(&heap);
    let class = Class::builder(&heap, "Pusher")
        .slots(["list"])
        .finalizer(|this| {
            let heap = Gc::heap(this);
            let name = exuvia_core::object::Str::intern(&heap, "list");
            let value = this.get_attr(&name).expect("slots are readable");
            let list = value.as_list().expect("a list");
            list.push(&heap, Value::small(list.len() as i64));
        })
        .build();
    let name = exuvia_core::object::Str::intern(&heap, "list");
    for _ in 0..3 {
        let pusher = Class::instantiate(&class, &heap);
        pusher
            .set_attr(&heap, &name, Value::from(&list))
            .expect("a slot");
        list.push(&heap, Value::from(pusher));
    }
    list.clear();
    let seen: Vec<Value> = list.snapshot();
    assert_eq!(seen, [0, 1, 2].map(Value::small));
    list.set(0, Value::NONE);
    assert_eq!(list.get(0), Some(Value::NONE));
}

#[test]
fn a_failed_growth_changes_nothing() {
    let heap = crate::heap();
    let list = List::from_iter(&heap, (0..4).map(Value::small));
    heap.fail_allocations_after(Some(0));
    assert!(list.try_push(&heap, Value::small(4)).is_err());
    heap.fail_allocations_after(None);
    assert_eq!(list.len(), 4);
    list.push(&heap, Value::small(4));
    assert_eq!(list.len(), 5);
}
