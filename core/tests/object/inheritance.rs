use std::cell::RefCell;

use exuvia_core::object::{Class, ClassError, Str, Value};
use exuvia_core::{Gc, Heap};

fn names(line: &[Gc<Class>]) -> String {
    let names = line.iter().map(|class| class.name().as_str());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn several_bases_lend_methods_and_at_most_one_layout() {
    let heap = crate::heap();
    let make = |name, slots: &[&str]| {
        let builder = Class::builder(&heap, name).slots(slots.iter().copied());
        builder.method("who", |_| Value::small(1)).build()
    };
    let (solid, other) = (make("Solid", &["a"]), make("Other", &["b"]));
    let empty = Class::builder(&heap, "Empty")
        .slots([""; 0])
        .method("extra", |_| Value::small(2))
        .build();
    let both = Class::builder(&heap, "Both")
        .bases([&empty, &solid])
        .slots(["c"])
        .build();
    assert_eq!(both.slot_count(), 2);
    assert!(Class::is_subclass_of(&both, &empty) && Class::is_subclass_of(&both, &solid));
    assert_eq!(both.bases().count(), 2);
    let instance = Class::instantiate(&both, &heap);
    for (name, result) in [("who", 1), ("extra", 2)] {
        let called = instance.call(&heap, &Str::intern(&heap, name), &[]);
        assert_eq!(called, Ok(Value::small(result)));
    }
    let conflict = Class::builder(&heap, "X")
        .bases([&solid, &other])
        .try_build();
    assert_eq!(conflict.unwrap_err(), ClassError::LayoutConflict);
    let heir = Class::builder(&heap, "H").base(&solid).slots(["d"]).build();
    let fine = Class::builder(&heap, "Y")
        .bases([&heir, &solid])
        .try_build();
    assert_eq!(fine.unwrap().slot_count(), 2);
}

/// The example of the paper that CPython's documentation of the order cites.
#[test]
fn classes_are_searched_in_the_order_of_c3() {
    let heap = crate::heap();
    let [a, b, c, d, e] = ["A", "B", "C", "D", "E"].map(|name| Class::builder(&heap, name).build());
    let k1 = Class::builder(&heap, "K1").bases([&a, &b, &c]).build();
    let k2 = Class::builder(&heap, "K2").bases([&d, &b, &e]).build();
    let k3 = Class::builder(&heap, "K3").bases([&d, &a]).build();
    let z = Class::builder(&heap, "Z").bases([&k1, &k2, &k3]).build();
    assert_eq!(names(&Class::linearization(&z)), "Z K1 K2 K3 D A B C E");
    let heir = Class::builder(&heap, "Heir").base(&z).build();
    assert_eq!(
        names(&Class::linearization(&heir)),
        "Heir Z K1 K2 K3 D A B C E"
    );
    assert_eq!(names(&Class::linearization(&a)), "A");
}

#[test]
fn in_a_diamond_the_nearer_class_wins_over_the_shared_base() {
    let heap = crate::heap();
    let word = Str::intern(&heap, "word");
    let top = Class::builder(&heap, "Top")
        .attribute("word", Value::small(1))
        .method("who", |_| Value::small(1))
        .finalizer(|_| note("top"))
        .hash(|_| 1)
        .build();
    let left = Class::builder(&heap, "Left").base(&top).build();
    let right = Class::builder(&heap, "Right")
        .base(&top)
        .attribute("word", Value::small(2))
        .method("who", |_| Value::small(2))
        .finalizer(|_| note("right"))
        .build();
    let bottom = Class::builder(&heap, "Bottom")
        .bases([&left, &right])
        .build();
    let instance = Class::instantiate(&bottom, &heap);
    assert_eq!(bottom.attribute(&word), Some(Value::small(2)));
    assert_eq!(instance.lookup(&word), Ok(Value::small(2)));
    let who = Str::intern(&heap, "who");
    assert_eq!(instance.call(&heap, &who, &[]), Ok(Value::small(2)));
    drop(instance);
    assert_eq!(taken(), ["right"]);
    // An attribute is an attribute or a method, whatever comes first.
    let shadow = Class::builder(&heap, "Shadow")
        .base(&bottom)
        .method("word", |_| Value::NONE)
        .build();
    let instance = Class::instantiate(&shadow, &heap);
    assert!(instance.lookup(&word).unwrap().as_function().is_some());
    assert_eq!(shadow.attribute(&word), Some(Value::small(2)));
}

#[test]
fn bases_without_a_common_order_are_refused() {
    let heap = crate::heap();
    let a = Class::builder(&heap, "A").build();
    let b = Class::builder(&heap, "B").base(&a).build();
    let refused = |bases: [&Gc<Class>; 2]| {
        let error = Class::builder(&heap, "C").bases(bases).try_build();
        error.unwrap_err().to_string()
    };
    assert_eq!(
        refused([&a, &b]),
        "no consistent method resolution order for bases A, B; reorder them"
    );
    assert!(refused([&b, &b]).contains("bases B, B"));
    let c = Class::builder(&heap, "C").bases([&b, &a]).build();
    assert_eq!(names(&Class::linearization(&c)), "C B A");
}

#[test]
fn what_a_class_inherits_from_is_held_and_found_by_collections() {
    let heap = crate::heap();
    let me = Str::intern(&heap, "me");
    let [a, b] = ["A", "B"].map(|name| Class::builder(&heap, name).build());
    let both = Class::builder(&heap, "Both").bases([&a, &b]).build();
    a.set_attribute(&heap, &me, Value::from(&both)); // A cycle through a base.
    let watch = Gc::downgrade(&b);
    drop((a, b));
    heap.collect_all();
    heap.verify().unwrap();
    assert!(!watch.is_dead());
    drop(both);
    assert_eq!(heap.collect_all(), 3);
    assert!(watch.is_dead());
}

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note(text: &str) {
    LOG.with_borrow_mut(|log| log.push(text.to_owned()));
}

fn taken() -> Vec<String> {
    LOG.take()
}

/// An instance whose finalizer notes a word.
fn tell_tale(heap: &Heap, word: &str) -> Value {
    let name = Str::intern(heap, "word");
    let class = Class::builder(heap, "TellTale")
        .slots(["word"])
        .finalizer(|this| {
            let name = Str::intern(&Gc::heap(this), "word");
            let word = this.get_attr(&name).expect("a word");
            note(word.as_str().expect("text"));
        })
        .build();
    let instance = Class::instantiate(&class, heap);
    instance
        .set_attr(heap, &name, Value::from(Str::new(heap, word)))
        .expect("a slot");
    Value::from(instance)
}

#[test]
fn a_dying_instance_gives_up_the_slots_of_its_class_by_name_then_those_of_the_base() {
    let heap = crate::heap();
    let base = Class::builder(&heap, "Base").slots(["n", "c"]).build();
    let sub = Class::builder(&heap, "Sub")
        .base(&base)
        .slots(["z", "b"])
        .build();
    let open = Class::builder(&heap, "Open").base(&sub).build();
    let declared = sub.slot_names().iter().map(|name| name.as_str());
    assert_eq!(declared.collect::<Vec<_>>(), ["b", "z", "c", "n"]);
    let instance = Class::instantiate(&open, &heap);
    for word in ["y", "a", "n", "c", "z", "b"] {
        let name = Str::intern(&heap, word);
        instance
            .set_attr(&heap, &name, tell_tale(&heap, word))
            .unwrap();
    }
    drop(instance);
    assert_eq!(taken(), ["b", "z", "c", "n", "y", "a"]);
}
