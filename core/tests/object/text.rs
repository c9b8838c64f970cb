use exuvia_core::Gc;
use exuvia_core::object::{
    Class, Str, Tuple, Value, interned_count, is_tracked, ref_count, size_of,
};

#[test]
fn interning_gives_one_string_per_text() {
    let heap = crate::heap();
    let a = Str::intern(&heap, "name");
    let b = Str::intern(&heap, &["na", "me"].concat());
    assert!(Gc::ptr_eq(&a, &b));
    assert!(!Gc::ptr_eq(&a, &Str::intern(&heap, "names")));
    assert!(!Gc::ptr_eq(&a, &Str::new(&heap, "name")));
    assert!(Gc::<Str>::is_interned(&a));
}

#[test]
fn an_interned_string_dies_with_its_last_handle() {
    let heap = crate::heap();
    let kept = Str::intern(&heap, "kept");
    let gone = Str::intern(&heap, "gone");
    assert_eq!(interned_count(&heap), 2);
    assert_eq!(Gc::ref_count(&gone), 1, "the table does not count");
    drop(gone);
    assert_eq!(interned_count(&heap), 1);
    let again = Str::intern(&heap, "gone");
    assert_eq!(again.as_str(), "gone");
    assert_eq!(interned_count(&heap), 2);
    drop((kept, again));
    assert_eq!(interned_count(&heap), 0);
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn the_table_of_interned_strings_agrees_with_a_set() {
    let heap = crate::heap();
    let mut held: Vec<Gc<Str>> = Vec::new();
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..20_000 {
        if random.bool() || held.is_empty() {
            let text = format!("name{}", random.u16(..600));
            let string = Str::intern(&heap, &text);
            assert_eq!(string.as_str(), text);
            for known in held.iter().filter(|known| known.as_str() == text) {
                assert!(Gc::ptr_eq(known, &string));
            }
            held.push(string);
        } else {
            held.swap_remove(random.usize(..held.len()));
        }
    }
    let mut texts: Vec<&str> = held.iter().map(|s| s.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(interned_count(&heap), texts.len());
}

#[test]
fn interned_strings_survive_their_heap_and_die_quietly() {
    let heap = crate::heap();
    let string = Str::intern(&heap, "late");
    drop(heap);
    assert_eq!(string.as_str(), "late");
}

#[test]
fn short_strings_are_small_and_long_ones_whole() {
    let heap = crate::heap();
    let short = Str::new(&heap, "thirteen char");
    assert_eq!(size_of(&Value::from(short)), 32);
    let long = "é".repeat(20_000);
    let value = Value::str(&heap, &long);
    assert_eq!(value.as_str(), Some(long.as_str()));
    assert_eq!(Value::str(&heap, "").as_str(), Some(""));
}

#[test]
fn a_tuple_keeps_its_items_and_drops_each_once() {
    let heap = crate::heap();
    let item = Value::str(&heap, "shared");
    let tuple = Tuple::new(&heap, vec![item.clone(); 5].into_iter());
    assert_eq!(ref_count(&item), 6);
    assert_eq!(tuple.get(4), Some(item.clone()));
    assert_eq!(tuple.get(5), None);
    drop(tuple);
    assert_eq!(ref_count(&item), 1);
    let pair = Tuple::new(&heap, [Value::NONE, Value::TRUE].into_iter());
    assert_eq!(size_of(&Value::from(pair)), 32);
}

#[test]
fn tuples_of_atoms_are_untracked_by_a_collection() {
    let heap = crate::heap();
    let atoms = Value::from(Tuple::new(
        &heap,
        [Value::small(1), Value::str(&heap, "a")].into_iter(),
    ));
    let list = Value::from(exuvia_core::object::List::new(&heap));
    let mixed = Value::from(Tuple::new(&heap, [list].into_iter()));
    let empty = Value::from(Tuple::new(&heap, std::iter::empty()));
    assert!(is_tracked(&atoms) && is_tracked(&mixed) && !is_tracked(&empty));
    heap.collect_all();
    assert!(!is_tracked(&atoms));
    assert!(is_tracked(&mixed));
}

#[test]
fn a_panicking_iterator_leaves_no_tuple_behind() {
    let heap = crate::heap();
    let item = Value::str(&heap, "kept");
    let items = (0..4).map(|n| {
        if n == 3 {
            panic!("no fourth item")
        } else {
            item.clone()
        }
    });
    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Tuple::new(&heap, items)));
    assert!(made.is_err());
    assert_eq!(ref_count(&item), 1);
    assert_eq!(heap.objects(None).expect("any generation").len(), 0);
    heap.verify().expect("a sound heap");
}

#[test]
fn attribute_names_that_are_not_interned_mean_the_same_attribute() {
    let heap = crate::heap();
    let class = Class::builder(&heap, "Named").build();
    let instance = Class::instantiate(&class, &heap);
    let loose = Str::new(&heap, "loose");
    instance
        .set_attr(&heap, &loose, Value::small(1))
        .expect("open");
    let interned = Str::intern(&heap, "loose");
    assert_eq!(instance.get_attr(&interned), Some(Value::small(1)));
    let other = Str::new(&heap, "loose");
    assert_eq!(instance.get_attr(&other), Some(Value::small(1)));
}
