use std::cell::RefCell;

use exuvia_core::object::{
    Class, ClassError, Dict, Form, Instance, List, MAX_SHARED_NAMES, Str, Value, WeakRef,
    is_weak_referable, ref_count, weakref_count,
};
use exuvia_core::{Gc, Heap};

/// An instance with the fields `f0` .. in order.
fn filled(heap: &Heap, class: &Gc<Class>, fields: usize) -> Gc<Instance> {
    let instance = Class::instantiate(class, heap);
    for n in 0..fields {
        instance
            .set_attr(
                heap,
                &Str::intern(heap, &format!("f{n}")),
                Value::small(n as i64),
            )
            .expect("an attribute");
    }
    instance
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("f{n}")).collect()
}

#[test]
fn a_slots_instance_is_a_header_a_class_and_its_fields() {
    let heap = crate::heap();
    for (fields, bytes) in [(0, 16), (1, 32), (2, 32), (4, 48), (8, 80)] {
        let class = Class::builder(&heap, "S").slots(names(fields)).build();
        // Rare types live in mixed pages first, whose blocks are wider.
        let all: Vec<_> = (0..100).map(|_| filled(&heap, &class, fields)).collect();
        assert_eq!(all[99].size_bytes(), bytes, "{fields} fields");
        assert_eq!(all[99].get_attr(&Str::intern(&heap, "f9")), None);
    }
}

#[test]
fn a_settled_inline_instance_is_one_small_block() {
    let heap = crate::heap();
    for (fields, bytes) in [(1, 32), (2, 48), (4, 64), (8, 96)] {
        let class = Class::builder(&heap, "D").dict().build();
        let all: Vec<_> = (0..200).map(|_| filled(&heap, &class, fields)).collect();
        assert_eq!(all[199].size_bytes(), bytes, "{fields} fields");
        assert!(!all.iter().any(|instance| instance.has_dict()));
        assert!(all[0].size_bytes() > bytes, "the first ones leave room");
        assert_eq!(class.shared_name_count(), fields);
    }
}

#[test]
fn a_plain_dict_instance_has_a_dict_from_the_beginning() {
    let heap = crate::heap();
    let class = Class::builder(&heap, "P").plain_dict().build();
    let instances: Vec<_> = (0..100).map(|_| filled(&heap, &class, 2)).collect();
    let instance = &instances[99];
    assert!(instance.has_dict());
    assert_eq!(instance.size_bytes(), 32 + 32 + 8 + 5 * 16);
    assert_eq!(class.shared_name_count(), 0);
}

#[test]
fn unset_slots_are_attribute_errors() {
    let heap = crate::heap();
    let class = Class::builder(&heap, "Point").slots(["x", "y"]).build();
    let point = Class::instantiate(&class, &heap);
    let (x, z) = (Str::intern(&heap, "x"), Str::intern(&heap, "z"));
    assert_eq!(point.get_attr(&x), None);
    let error = point.del_attr(&x).expect_err("nothing to delete");
    assert_eq!(error.to_string(), "'Point' object has no attribute 'x'");
    assert!(point.lookup(&x).is_err());
    point.set_attr(&heap, &x, Value::small(1)).expect("a slot");
    assert_eq!(point.get_attr(&x), Some(Value::small(1)));
    point.del_attr(&x).expect("set before");
    assert_eq!(point.get_attr(&x), None);
    assert!(point.del_attr(&x).is_err());
    assert!(point.set_attr(&heap, &z, Value::NONE).is_err());
    assert!(point.dict(&heap).is_none());
    point.set_attr(&heap, &x, Value::NONE).expect("a slot");
    assert_eq!(point.get_attr(&x), Some(Value::NONE), "None is not unset");
}

#[test]
fn slot_names_are_checked() {
    let heap = crate::heap();
    let build = |slots: &[&str]| {
        Class::builder(&heap, "C")
            .slots(slots.iter().copied())
            .try_build()
    };
    for bad in ["", "1a", "a b", "a-b"] {
        assert_eq!(build(&[bad]).err(), Some(ClassError::BadName(bad.into())));
    }
    assert_eq!(
        build(&["a", "a"]).err(),
        Some(ClassError::DuplicateSlot("a".into()))
    );
    assert!(build(&["_a", "ä1"]).is_ok());
    let base = build(&["a"]).expect("a class");
    let sub = Class::builder(&heap, "D")
        .base(&base)
        .slots(["b", "a"])
        .try_build();
    assert_eq!(sub.err(), Some(ClassError::DuplicateSlot("a".into())));
    let clash = Class::builder(&heap, "E")
        .slots(["m"])
        .method("m", |_| Value::NONE)
        .try_build();
    assert_eq!(clash.err(), Some(ClassError::SlotIsMethod("m".into())));
}

#[test]
fn slots_are_inherited_and_their_values_die_with_the_instance() {
    let heap = crate::heap();
    let base = Class::builder(&heap, "Base").slots(["f0", "f1"]).build();
    let open = Class::builder(&heap, "Open").base(&base).build();
    let leaf = Class::builder(&heap, "Leaf")
        .base(&open)
        .slots(["f2"])
        .build();
    let closed = Class::builder(&heap, "Closed")
        .base(&base)
        .slots(["f2"])
        .build();
    assert_eq!(
        open.form(),
        Form::Inline,
        "a subclass without slots takes any attribute"
    );
    assert_eq!(leaf.form(), Form::Inline, "and so do its subclasses");
    assert_eq!(closed.form(), Form::Slots);
    assert_eq!(leaf.slot_count(), 3);
    assert!(Class::is_subclass_of(&leaf, &base) && !Class::is_subclass_of(&base, &leaf));
    let mark = Value::from(List::new(&heap));
    for (class, fields) in [(&base, 2), (&open, 5), (&leaf, 5), (&closed, 3)] {
        let instance = Class::instantiate(class, &heap);
        for n in 0..fields {
            let name = Str::intern(&heap, &format!("f{n}"));
            instance
                .set_attr(&heap, &name, mark.clone())
                .expect("an attribute");
        }
        let beyond = instance.set_attr(&heap, &Str::intern(&heap, "more"), mark.clone());
        assert_eq!(beyond.is_ok(), class.form() != Form::Slots);
        assert_eq!(
            instance.attributes().len(),
            fields + usize::from(beyond.is_ok())
        );
        assert_eq!(ref_count(&mark), 1 + fields + usize::from(beyond.is_ok()));
        drop(instance);
        assert_eq!(ref_count(&mark), 1);
    }
}

#[test]
fn key_sharing_holds_for_thirty_names_and_is_lost_by_the_next() {
    let heap = crate::heap();
    let class = Class::builder(&heap, "Wide").build();
    let instance = filled(&heap, &class, MAX_SHARED_NAMES);
    assert!(!instance.has_dict());
    assert_eq!(class.shared_name_count(), MAX_SHARED_NAMES);
    let before = instance.size_bytes();
    let last = Str::intern(&heap, "one_more");
    instance.set_attr(&heap, &last, Value::TRUE).expect("open");
    assert!(instance.has_dict());
    assert_eq!(class.shared_name_count(), MAX_SHARED_NAMES);
    assert!(instance.size_bytes() > before + 32 + 31 * 16);
    let attributes = instance.attributes();
    assert_eq!(attributes.len(), 31);
    for (n, (name, value)) in attributes[..30].iter().enumerate() {
        assert_eq!(name.as_str(), Some(format!("f{n}").as_str()));
        assert_eq!(value, &Value::small(n as i64));
    }
    assert_eq!(attributes[30].1, Value::TRUE);
}

#[test]
fn names_set_in_another_order_keep_sharing_and_their_own_order() {
    let heap = crate::heap();
    let class = Class::builder(&heap, "Ordered").build();
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..100 {
        let mut order: Vec<usize> = (0..25).collect();
        random.shuffle(&mut order);
        let instance = Class::instantiate(&class, &heap);
        for &n in &order {
            let name = Str::intern(&heap, &format!("f{n}"));
            instance
                .set_attr(&heap, &name, Value::small(n as i64))
                .expect("open");
        }
        let gone = Str::intern(&heap, &format!("f{}", order.remove(3)));
        instance.del_attr(&gone).expect("set");
        let found = instance.attributes();
        let found: Vec<Option<i64>> = found.iter().map(|(_, value)| value.as_int()).collect();
        let wanted: Vec<Option<i64>> = order.iter().map(|&n| Some(n as i64)).collect();
        assert_eq!(found, wanted);
        assert!(!instance.has_dict());
    }
    assert_eq!(class.shared_name_count(), 25);
}

/// The model of an open instance: names and values in order of insertion.
#[test]
fn open_instances_agree_with_a_model_in_every_form() {
    let heap = crate::heap();
    let base = Class::builder(&heap, "Base").slots(["s0", "s1"]).build();
    let inline = Class::builder(&heap, "Inline").base(&base).build();
    let plain = Class::builder(&heap, "Plain")
        .base(&base)
        .plain_dict()
        .build();
    let mut random = fastrand::Rng::with_seed(21);
    for round in 0..300 {
        let class = if round % 5 == 0 { &plain } else { &inline };
        let instance = Class::instantiate(class, &heap);
        let mut model: Vec<(String, i64)> = Vec::new();
        let width = [3, 12, 24, 36][round % 4];
        let mut dict = None;
        for step in 0..120 {
            let text = format!("f{}", random.usize(..width));
            let name = Str::intern(&heap, &text);
            let at = model.iter().position(|(known, _)| *known == text);
            match random.u8(..8) {
                0..4 => {
                    instance
                        .set_attr(&heap, &name, Value::small(step))
                        .expect("open");
                    match at {
                        Some(at) => model[at].1 = step,
                        None => model.push((text, step)),
                    }
                }
                4 => assert_eq!(
                    instance.del_attr(&name).is_ok(),
                    at.map(|at| model.remove(at)).is_some()
                ),
                5 if random.u8(..20) == 0 => dict = instance.dict(&heap),
                _ => assert_eq!(
                    instance.get_attr(&name),
                    at.map(|at| Value::small(model[at].1))
                ),
            }
        }
        let expected: Vec<(Option<&str>, Option<i64>)> = model
            .iter()
            .map(|(name, value)| (Some(name.as_str()), Some(*value)))
            .collect();
        let found = instance.attributes();
        let read = |pairs: &[(Value, Value)]| -> Vec<(Option<String>, Option<i64>)> {
            pairs
                .iter()
                .map(|(n, v)| (n.as_str().map(str::to_owned), v.as_int()))
                .collect()
        };
        let found: Vec<_> = read(&found);
        assert!(
            found
                .iter()
                .map(|(n, v)| (n.as_deref(), *v))
                .eq(expected.iter().copied())
        );
        if let Some(dict) = dict {
            assert_eq!(
                read(&dict.items()),
                found,
                "instance and dict are of one mind"
            );
            drop(instance);
            assert_eq!(read(&dict.items()), found, "the dict outlives the instance");
        }
    }
    heap.verify().expect("a sound heap");
}

#[test]
fn dict_and_instance_see_each_others_writes() {
    let heap = crate::heap();
    let class = Class::builder(&heap, "Both").build();
    let instance = filled(&heap, &class, 2);
    let dict = instance.dict(&heap).expect("open");
    dict.insert(&heap, Value::str(&heap, "f0"), Value::TRUE);
    dict.insert(&heap, Value::str(&heap, "new"), Value::FALSE);
    assert_eq!(
        instance.get_attr(&Str::intern(&heap, "f0")),
        Some(Value::TRUE)
    );
    assert_eq!(
        instance.get_attr(&Str::intern(&heap, "new")),
        Some(Value::FALSE)
    );
    let f1 = Str::intern(&heap, "f1");
    instance.del_attr(&f1).expect("set");
    assert_eq!(dict.get_str("f1"), None);
    instance
        .set_attr(&heap, &f1, Value::small(5))
        .expect("open");
    assert_eq!(dict.get_str("f1"), Some(Value::small(5)));
    let again = instance.dict(&heap).expect("open");
    assert!(Gc::ptr_eq(&dict, &again));
}

#[test]
fn a_late_name_costs_early_instances_a_dict_and_later_ones_nothing() {
    let heap = crate::heap();
    let class = Class::builder(&heap, "Late").build();
    let settled: Vec<_> = (0..100).map(|_| filled(&heap, &class, 2)).collect();
    let late: Vec<Gc<Str>> = (0..3)
        .map(|n| Str::intern(&heap, &format!("late{n}")))
        .collect();
    let old = &settled[99];
    for name in &late {
        old.set_attr(&heap, name, Value::TRUE).expect("open");
    }
    assert!(old.has_dict());
    assert_eq!(old.attributes().len(), 5);
    for _ in 0..100 {
        let young = filled(&heap, &class, 2);
        for name in &late {
            young.set_attr(&heap, name, Value::TRUE).expect("open");
            assert_eq!(young.get_attr(name), Some(Value::TRUE));
            assert_eq!(settled[50].get_attr(name), None);
        }
        assert!(!young.has_dict());
        assert_eq!(young.size_bytes(), 64);
    }
}

#[test]
fn cycles_through_slots_values_dict_and_class_are_collected() {
    let heap = crate::heap();
    let slots = Class::builder(&heap, "S").slots(["f0"]).build();
    let inline = Class::builder(&heap, "I").build();
    let plain = Class::builder(&heap, "P").plain_dict().build();
    let f0 = Str::intern(&heap, "f0");
    for (class, garbage) in [(&slots, 1), (&inline, 1), (&plain, 2)] {
        let instance = Class::instantiate(class, &heap);
        instance
            .set_attr(&heap, &f0, Value::from(&instance))
            .expect("an attribute");
        drop(instance);
        assert_eq!(heap.collect_all(), garbage);
    }
    let instance = Class::instantiate(&inline, &heap);
    let dict = instance.dict(&heap).expect("open");
    dict.insert(&heap, Value::from(&f0), Value::from(&instance));
    drop((instance, dict));
    assert_eq!(heap.collect_all(), 2);
    // A class whose method captured an instance of it.
    let cell = List::new(&heap);
    let own = Class::builder(&heap, "Own")
        .method_with(
            "cell",
            |call| call.captured[0].clone(),
            vec![Value::from(&cell)],
        )
        .build();
    let instance = Class::instantiate(&own, &heap);
    let got = instance
        .call(&heap, &Str::intern(&heap, "cell"), &[])
        .expect("a method");
    assert!(got.is(&Value::from(&cell)));
    cell.push(&heap, Value::from(instance));
    drop((own, cell, got));
    assert_eq!(heap.collect_all(), 4, "class, function, list, instance");
    drop((slots, inline, plain, f0));
    heap.collect_all();
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn methods_are_found_along_the_bases() {
    let heap = crate::heap();
    let base = Class::builder(&heap, "Base")
        .method("double", |call| {
            let n = call.arguments[0].as_int().unwrap_or(0);
            Value::small(n * 2)
        })
        .method("me", |call| call.this.clone())
        .build();
    let sub = Class::builder(&heap, "Sub")
        .base(&base)
        .method("me", |_| Value::NONE)
        .build();
    let instance = Class::instantiate(&sub, &heap);
    let [double, me, none] = ["double", "me", "none"].map(|name| Str::intern(&heap, name));
    assert_eq!(
        instance.call(&heap, &double, &[Value::small(4)]),
        Ok(Value::small(8))
    );
    assert_eq!(
        instance.call(&heap, &me, &[]),
        Ok(Value::NONE),
        "the nearest wins"
    );
    let other = Class::instantiate(&base, &heap);
    assert_eq!(other.call(&heap, &me, &[]), Ok(Value::from(&other)));
    assert!(instance.call(&heap, &none, &[]).is_err());
    assert!(
        instance
            .lookup(&double)
            .is_ok_and(|f| f.as_function().is_some())
    );
}

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_finalizer_runs_once_with_its_attributes_and_may_resurrect() {
    let heap = crate::heap();
    let class = Class::builder(&heap, "Phoenix")
        .slots(["name", "nest"])
        .finalizer(|this| {
            let heap = Gc::heap(this);
            let [name, nest] = ["name", "nest"].map(|n| Str::intern(&heap, n));
            let text = this.get_attr(&name).expect("readable");
            LOG.with_borrow_mut(|log| log.push(text.as_str().unwrap_or("?").to_owned()));
            if let Some(nest) = this.get_attr(&nest) {
                nest.as_list()
                    .expect("a list")
                    .push(&heap, Value::from(this));
            }
        })
        .build();
    let sub = Class::builder(&heap, "Sub").base(&class).build();
    let plain = Class::builder(&heap, "Plain").build();
    assert!(!Gc::is_finalized(&Class::instantiate(&plain, &heap)));
    let [name, nest] = ["name", "nest"].map(|n| Str::intern(&heap, n));
    let ashes = List::new(&heap);
    let make = |class: &Gc<Class>, text: &str, keeps: bool| {
        let bird = Class::instantiate(class, &heap);
        bird.set_attr(&heap, &name, Value::str(&heap, text))
            .expect("a slot");
        if keeps {
            bird.set_attr(&heap, &nest, Value::from(&ashes))
                .expect("a slot");
        }
        bird
    };
    drop(make(&class, "simple", false));
    drop(make(&sub, "inherited", false));
    drop(make(&class, "risen", true));
    assert_eq!(ashes.len(), 1);
    ashes.clear();
    assert_eq!(ashes.len(), 0, "no second call");
    LOG.with_borrow_mut(|log| {
        assert_eq!(*log, ["simple", "inherited", "risen"]);
        log.clear();
    });
    let ring = make(&class, "ring", false);
    ring.set_attr(
        &heap,
        &nest,
        Value::from(List::from_iter(&heap, [Value::from(&ring)])),
    )
    .expect("a slot");
    drop(ring);
    assert_eq!(heap.collect_all(), 2, "its list is trash too: no way back");
    LOG.with_borrow(|log| assert_eq!(*log, ["ring"]));
}

#[test]
fn a_class_in_a_cycle_with_itself_and_its_instances_is_collected() {
    let heap = crate::heap();
    let (me, one) = (Str::intern(&heap, "me"), Str::intern(&heap, "one"));
    let class = Class::builder(&heap, "C")
        .attribute("answer", Value::small(42))
        .method("m", |call| call.this.clone())
        .build();
    let heir = Class::builder(&heap, "D").base(&class).build();
    class.set_attribute(&heap, &me, Value::from(&class));
    let instance = Class::instantiate(&heir, &heap);
    class.set_attribute(&heap, &one, Value::from(&instance));
    let answer = Str::intern(&heap, "answer");
    assert_eq!(instance.lookup(&answer), Ok(Value::small(42)));
    assert_eq!(heir.attribute(&answer), Some(Value::small(42)));
    heir.set_attribute(&heap, &answer, Value::small(43));
    assert_eq!(instance.lookup(&answer), Ok(Value::small(43)));
    assert_eq!(class.attribute(&answer), Some(Value::small(42)));
    let watch = Gc::downgrade(&class);
    drop((class, heir, instance));
    assert!(!watch.is_dead());
    // Two classes, an instance, a function.
    assert_eq!(heap.collect_all(), 4);
    assert!(watch.is_dead());
    heap.verify().unwrap();
}

#[test]
fn special_and_private_slot_names_follow_python() {
    let heap = crate::heap();
    let bare = Class::builder(&heap, "Bare")
        .slots(["__private", "_one"])
        .build();
    let names: Vec<&str> = bare.slot_names().iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["_Bare__private", "_one"]);
    assert!(!bare.has_weak_instances());
    let object = Value::from(Class::instantiate(&bare, &heap));
    let refused = WeakRef::of(&object).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot create weak reference to 'Bare' object"
    );
    assert_eq!(weakref_count(&object), 0);
    let weak = Class::builder(&heap, "Weak")
        .slots(["x", "__weakref__"])
        .build();
    assert_eq!((weak.slot_count(), weak.form()), (1, Form::Slots));
    let object = Value::from(Class::instantiate(&weak, &heap));
    assert!(WeakRef::of(&object).is_ok() && is_weak_referable(&object));
    let open = Class::builder(&heap, "Open")
        .slots(["x", "__dict__"])
        .build();
    assert_eq!(
        (open.form(), open.has_weak_instances()),
        (Form::Inline, false)
    );
    let heir = Class::builder(&heap, "Heir").base(&bare).build();
    assert!(heir.has_weak_instances() && heir.form() == Form::Inline);
    let clash = Class::builder(&heap, "Clash")
        .slots(["x"])
        .attribute("x", Value::NONE);
    assert_eq!(
        clash.try_build().unwrap_err(),
        ClassError::SlotIsMethod("x".to_owned())
    );
    assert!(!is_weak_referable(&Value::from(Dict::new(&heap))));
}

#[test]
fn an_instance_dict_can_be_replaced_and_deleted() {
    let heap = crate::heap();
    let (a, b) = (Str::intern(&heap, "a"), Str::intern(&heap, "b"));
    let class = Class::builder(&heap, "C").build();
    for materialised in [false, true] {
        let object = Class::instantiate(&class, &heap);
        object.set_attr(&heap, &a, Value::small(1)).unwrap();
        let old = materialised.then(|| object.dict(&heap).unwrap());
        let other = Dict::new(&heap);
        other.insert(&heap, Value::from(&b), Value::small(2));
        object.set_dict(&heap, &other).unwrap();
        assert_eq!(
            (object.get_attr(&a), object.get_attr(&b)),
            (None, Some(Value::small(2)))
        );
        object.set_attr(&heap, &a, Value::small(3)).unwrap();
        assert_eq!(other.get_str("a"), Some(Value::small(3)));
        if let Some(old) = old {
            assert_eq!(old.get_str("a"), Some(Value::small(1)));
        }
        object.del_dict(&heap).unwrap();
        assert_eq!((object.get_attr(&a), other.len()), (None, 2));
        assert!(object.dict(&heap).unwrap().is_empty());
    }
    let slots = Class::builder(&heap, "S").slots(["x"]).build();
    let object = Class::instantiate(&slots, &heap);
    assert!(object.set_dict(&heap, &Dict::new(&heap)).is_err());
}
