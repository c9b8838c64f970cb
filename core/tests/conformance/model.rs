//! Sections 4 to 6: slots, generators, buffers (`test_descr`,
//! `test_generators`, `test_memoryview`).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::object::{
    Bytes, Class, Frame, Function, Generator, List, MemoryView, SlotError, Step, Str, Value,
    WeakRef,
};
use exuvia_core::{Gc, Heap, Trace};

use crate::{Log, quiet};

#[test]
fn test_slots_descriptor() {
    let heap = quiet();
    let a = Str::intern(&heap, "a");
    let base = Class::builder(&heap, "Base").slots(["a"]).build();
    let derived = Class::builder(&heap, "Derived").base(&base).build();
    let other = Class::builder(&heap, "Other").slots(["a"]).build();
    let slot = Class::slot_accessor(&derived, &a).expect("an inherited slot");
    for class in [&base, &derived] {
        let object = Value::from(Class::instantiate(class, &heap));
        assert!(matches!(slot.get(&object), Err(SlotError::Unset(_))));
        slot.set(&heap, &object, Value::small(5)).expect("a slot");
        assert_eq!(slot.get(&object), Ok(Value::small(5)));
        slot.delete(&object).expect("set before");
        assert!(matches!(slot.delete(&object), Err(SlotError::Unset(_))));
    }
    let foreign = [
        (Value::from(Class::instantiate(&other, &heap)), "Other"),
        (Value::small(1), "int"),
        (Value::from(List::new(&heap)), "list"),
    ];
    for (object, name) in foreign {
        let errors = [
            slot.get(&object).map(|_| ()),
            slot.set(&heap, &object, Value::NONE),
            slot.delete(&object),
        ];
        for error in errors {
            let text = error.expect_err("a foreign type").to_string();
            let wanted = format!("descriptor 'a' for 'Base' objects doesn't apply to a '{name}'");
            assert!(text.starts_with(&wanted), "{text}");
        }
    }
    assert!(Class::slot_accessor(&base, &Str::intern(&heap, "b")).is_none());
}

/// A suspended frame in a cycle with its generator; its exit saves something.
#[derive(Trace)]
struct Rising {
    me: RefCell<Option<Gc<Generator>>>,
    local: Value,
    #[trace(leaf)]
    saved: Rc<RefCell<Vec<Value>>>,
    #[trace(leaf)]
    exits: Rc<Cell<u32>>,
    #[trace(leaf)]
    saves: fn(&Rising) -> Value,
}

impl Frame for Rising {
    fn resume(&mut self, _: &Heap, sent: Value) -> Step {
        if let Some(me) = sent.as_generator() {
            *self.me.borrow_mut() = Some(me.clone());
        }
        Step::Yield(Value::NONE)
    }

    fn exit(&mut self, _: &Heap) -> Step {
        self.exits.set(self.exits.get() + 1);
        let value = (self.saves)(self);
        self.saved.borrow_mut().push(value);
        Step::Return(Value::NONE)
    }
}

/// A suspended generator that only its own frame holds, with a weak reference
/// to it, what was saved, and how often it exited.
type Lost = (WeakRef, Rc<RefCell<Vec<Value>>>, Rc<Cell<u32>>);

fn lost(heap: &Heap, saves: fn(&Rising) -> Value) -> Lost {
    let (saved, exits) = (Rc::default(), Rc::default());
    let frame = Rising {
        me: RefCell::default(),
        local: Value::from(List::from_iter(heap, [Value::small(7)])),
        saved: Rc::clone(&saved),
        exits: Rc::clone(&exits),
        saves,
    };
    let generator = Generator::new(heap, frame);
    generator.next(heap).expect("a step");
    let me = Value::from(&generator);
    generator.send(heap, me).expect("a step");
    (WeakRef::new(&generator), saved, exits)
}

#[test]
fn test_frame_resurrect() {
    let heap = quiet();
    let (weak, saved, exits) = lost(&heap, |frame| frame.local.clone());
    assert!(!weak.is_dead());
    heap.collect_all();
    assert!(weak.is_dead(), "the generator is gone");
    let local = saved.borrow_mut().pop().expect("saved by the exit");
    let list = local.as_list().expect("the local").clone();
    assert_eq!(list.get(0), Some(Value::small(7)), "intact");
    assert_eq!(exits.get(), 1);
    drop((local, list, weak));
    heap.collect_all();
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn test_generator_resurrect() {
    let heap = quiet();
    let (weak, saved, exits) = lost(&heap, |frame| {
        Value::from(frame.me.borrow().as_ref().expect("was sent itself"))
    });
    heap.collect_all();
    let risen = saved.borrow_mut().pop().expect("saved by the exit");
    let generator = risen.as_generator().expect("a generator").clone();
    assert!(generator.is_finished(), "its frame is gone");
    assert_eq!(generator.next(&heap), Ok(None));
    assert_eq!(generator.close(&heap), Ok(Value::NONE));
    heap.verify().expect("a sound heap");
    drop((risen, generator, weak));
    heap.collect_all();
    assert_eq!(exits.get(), 1, "it does not exit again");
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn test_memoryview_weakref() {
    let heap = quiet();
    let view = || {
        let bytes = Value::from(Bytes::new(&heap, b"abc"));
        MemoryView::new(&heap, &bytes).expect("bytes")
    };
    let log = List::new(&heap);
    let note = Function::new(
        &heap,
        "note",
        |call| {
            let log = call.captured[0].as_list().expect("a list").clone();
            log.push(call.heap, call.arguments[0].clone());
            Value::NONE
        },
        [Value::from(&log)],
    );
    let first = view();
    let weak = WeakRef::with_callback(&first, note);
    let same = weak.upgrade().expect("alive");
    assert!(same.is(&Value::from(&first)));
    drop(same);
    let slice = first.slice(&heap, Some(1), None, 1).expect("a slice");
    drop(first);
    assert!(weak.is_dead(), "a slice does not keep the view");
    assert_eq!(log.len(), 1, "called once");
    let seen = log.get(0).expect("the reference");
    assert!(seen.is(&Value::from(weak)));
    assert_eq!(slice.to_bytes(), Ok(b"bc".to_vec()));
}

/// Yields what it was sent last; notes its exit.
#[derive(Trace)]
struct Echo {
    sent: Value,
    #[trace(leaf)]
    log: Log,
}

impl Frame for Echo {
    fn resume(&mut self, _: &Heap, sent: Value) -> Step {
        self.sent = sent;
        Step::Yield(self.sent.clone())
    }
    fn exit(&mut self, _: &Heap) -> Step {
        self.log.note("exit");
        Step::Return(Value::NONE)
    }
}

/// A suspended generator that was sent itself is closed by the collector, once, and
/// is no garbage.
#[test]
fn test_refcycle() {
    let heap = quiet();
    let log = Log::default();
    let frame = Echo {
        sent: Value::NONE,
        log: log.clone(),
    };
    let generator = Generator::new(&heap, frame);
    generator.next(&heap).expect("a step");
    let echoed = generator.send(&heap, Value::from(&generator));
    assert_eq!(echoed, Ok(Some(Value::from(&generator))));
    drop(echoed);
    let watch = WeakRef::new(&generator);
    drop(generator);
    assert!(log.take().is_empty() && !watch.is_dead(), "it holds itself");
    heap.collect_all();
    assert_eq!(log.take(), ["exit"]);
    assert!(watch.is_dead() && heap.garbage().is_empty());
    drop(watch);
    assert_eq!(heap.live_objects(), 0);
}
