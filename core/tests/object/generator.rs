use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::object::{
    Frame, Generator, GeneratorError, List, Step, Thrown, Value, WeakRef, ref_count, size_of,
};
use exuvia_core::{Callback, Gc, Heap, Trace};

/// Yields what it is sent, three times, then returns 99; its exit does as told.
#[derive(Trace)]
struct Echo {
    steps: u32,
    local: Value,
    #[trace(leaf)]
    exits: Rc<Cell<u32>>,
    #[trace(leaf)]
    exit: fn() -> Step,
}

impl Frame for Echo {
    fn resume(&mut self, _: &Heap, sent: Value) -> Step {
        self.steps += 1;
        if self.steps > 3 {
            return Step::Return(Value::small(99));
        }
        Step::Yield(sent)
    }

    fn exit(&mut self, _: &Heap) -> Step {
        self.exits.set(self.exits.get() + 1);
        (self.exit)()
    }
}

struct Setup {
    heap: Heap,
    local: Value,
    exits: Rc<Cell<u32>>,
}

impl Setup {
    fn new() -> Setup {
        let heap = crate::heap();
        Setup {
            local: Value::from(List::new(&heap)),
            exits: Rc::default(),
            heap,
        }
    }

    fn echo(&self, exit: fn() -> Step) -> Gc<Generator> {
        let frame = Echo {
            steps: 0,
            local: self.local.clone(),
            exits: self.exits.clone(),
            exit,
        };
        Generator::new(&self.heap, frame)
    }

    fn locals_released(&self) -> bool {
        ref_count(&self.local) == 1
    }
}

fn nothing() -> Step {
    Step::Return(Value::NONE)
}

#[test]
fn close_before_the_first_step_runs_nothing() {
    let s = Setup::new();
    let generator = s.echo(nothing);
    assert_eq!(generator.close(&s.heap), Ok(Value::NONE));
    assert_eq!(s.exits.get(), 0);
    assert!(generator.is_finished() && s.locals_released());
    assert_eq!(generator.next(&s.heap), Ok(None));
}

#[test]
fn close_of_a_suspended_one_exits_once_and_releases_the_locals_at_once() {
    let s = Setup::new();
    let generator = s.echo(nothing);
    assert_eq!(generator.next(&s.heap), Ok(Some(Value::NONE)));
    assert!(!s.locals_released());
    assert_eq!(generator.close(&s.heap), Ok(Value::NONE));
    assert!(s.locals_released(), "while the generator is still held");
    assert_eq!(generator.close(&s.heap), Ok(Value::NONE));
    assert_eq!(s.exits.get(), 1);
}

#[test]
fn close_returns_the_frames_value() {
    let s = Setup::new();
    let generator = s.echo(|| Step::Return(Value::small(7)));
    generator.next(&s.heap).expect("a step");
    assert_eq!(generator.close(&s.heap), Ok(Value::small(7)));
    assert_eq!(generator.close(&s.heap), Ok(Value::NONE));
}

#[test]
fn close_of_an_exhausted_one_is_nothing() {
    let s = Setup::new();
    let generator = s.echo(nothing);
    while generator.next(&s.heap).expect("a step").is_some() {}
    assert!(s.locals_released(), "the end releases the locals");
    assert_eq!(generator.close(&s.heap), Ok(Value::NONE));
    assert_eq!(s.exits.get(), 0);
}

#[test]
fn yielding_while_being_closed_is_an_error_and_goes_on() {
    let s = Setup::new();
    let generator = s.echo(|| Step::Yield(Value::TRUE));
    generator.next(&s.heap).expect("a step");
    assert_eq!(generator.close(&s.heap), Err(GeneratorError::IgnoredExit));
    assert!(!generator.is_finished());
    assert_eq!(
        generator.send(&s.heap, Value::small(4)),
        Ok(Some(Value::small(4)))
    );
    drop(generator);
    assert!(s.locals_released());
    assert_eq!(s.exits.get(), 2, "once by close, once by its death");
}

#[test]
fn sending_starts_with_none_and_arrives() {
    let s = Setup::new();
    let generator = s.echo(nothing);
    assert_eq!(
        generator.send(&s.heap, Value::TRUE),
        Err(GeneratorError::NotStarted)
    );
    assert_eq!(generator.send(&s.heap, Value::NONE), Ok(Some(Value::NONE)));
    assert_eq!(
        generator.send(&s.heap, Value::small(5)),
        Ok(Some(Value::small(5)))
    );
    assert_eq!(generator.next(&s.heap), Ok(Some(Value::NONE)));
    let end = generator.step(&s.heap, Value::TRUE);
    assert_eq!(end, Ok(Step::Return(Value::small(99))));
    assert_eq!(
        generator.step(&s.heap, Value::TRUE),
        Ok(Step::Return(Value::NONE))
    );
}

type StepResult = Result<Option<Value>, GeneratorError>;

/// A frame that uses its own generator.
#[derive(Trace)]
struct Reentrant {
    me: RefCell<Option<Gc<Generator>>>,
    #[trace(leaf)]
    seen: Rc<RefCell<Vec<StepResult>>>,
}

impl Frame for Reentrant {
    fn resume(&mut self, heap: &Heap, sent: Value) -> Step {
        if let Some(me) = sent.as_generator() {
            *self.me.borrow_mut() = Some(me.clone());
        }
        if let Some(me) = &*self.me.borrow() {
            assert!(me.is_running());
            self.seen.borrow_mut().push(me.next(heap));
            let closed = me.close(heap).map(Some);
            self.seen.borrow_mut().push(closed);
            heap.collect_all();
        }
        Step::Yield(Value::NONE)
    }
}

#[test]
fn reentry_is_an_error_and_a_collection_meanwhile_keeps_the_frame() {
    let heap = crate::heap();
    let seen: Rc<RefCell<Vec<_>>> = Rc::default();
    let frame = Reentrant {
        me: RefCell::default(),
        seen: seen.clone(),
    };
    let generator = Generator::new(&heap, frame);
    generator.next(&heap).expect("a step");
    let me = Value::from(&generator);
    assert_eq!(generator.send(&heap, me), Ok(Some(Value::NONE)));
    assert_eq!(
        *seen.borrow(),
        vec![Err(GeneratorError::AlreadyExecuting); 2]
    );
    assert_eq!(Gc::ref_count(&generator), 2, "its frame holds it");
    drop(generator);
    // Closing it cuts the cycle: it dies by its count, as in CPython.
    assert_eq!(heap.collect_all(), 0, "a generator that was sent itself");
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn a_suspended_generator_is_closed_once_when_it_dies() {
    let s = Setup::new();
    let by_count = s.echo(nothing);
    by_count.next(&s.heap).expect("a step");
    drop(by_count);
    assert_eq!(s.exits.get(), 1);
    let in_cycle = s.echo(nothing);
    in_cycle.next(&s.heap).expect("a step");
    s.local
        .as_list()
        .expect("a list")
        .push(&s.heap, Value::from(in_cycle));
    let Setup { heap, local, exits } = s;
    drop(local);
    assert_eq!(exits.get(), 1);
    // Closing released the frame, so the list died by its count.
    heap.collect_all();
    assert_eq!(exits.get(), 2);
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn an_unstarted_generator_dies_without_running() {
    let s = Setup::new();
    drop(s.echo(nothing));
    assert!(s.locals_released());
    s.local
        .as_list()
        .expect("a list")
        .push(&s.heap, Value::from(s.echo(nothing)));
    let Setup { heap, local, exits } = s;
    drop(local);
    assert_eq!(heap.collect_all(), 2);
    assert_eq!(exits.get(), 0);
}

#[derive(Trace)]
struct Panics(Value);

impl Frame for Panics {
    fn resume(&mut self, _: &Heap, _: Value) -> Step {
        panic!("in the frame")
    }
}

#[test]
fn a_panic_in_the_frame_ends_the_generator() {
    let heap = crate::heap();
    let local = Value::from(List::new(&heap));
    let generator = Generator::new(&heap, Panics(local.clone()));
    let step = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| generator.next(&heap)));
    assert!(step.is_err());
    assert!(generator.is_finished());
    assert_eq!(ref_count(&local), 1);
    assert_eq!(generator.next(&heap), Ok(None));
}

#[test]
fn the_frame_is_inside_the_object() {
    let heap = crate::heap();
    let all: Vec<_> = (0..100)
        .map(|_| Generator::from_fn(&heap, (0_i64, 0_i64), |_, _| None))
        .collect();
    // Header 8, code 8, state 8, two numbers and a function pointer.
    assert_eq!(size_of(&Value::from(&all[99])), 48);
    assert_eq!(heap.memory().buffer_bytes, 0);
}

#[test]
fn locals_that_drop_use_the_finished_generator() {
    struct Late(Rc<RefCell<Option<Gc<Generator>>>>, Heap, Rc<Cell<bool>>);
    impl Drop for Late {
        fn drop(&mut self) {
            if let Some(generator) = self.0.take() {
                assert_eq!(generator.next(&self.1), Ok(None));
                assert_eq!(generator.close(&self.1), Ok(Value::NONE));
                self.2.set(true);
            }
        }
    }
    #[derive(Trace)]
    struct Holder {
        #[trace(leaf)]
        late: Late,
    }
    impl Frame for Holder {
        fn resume(&mut self, _: &Heap, _: Value) -> Step {
            let _ = &self.late;
            Step::Return(Value::NONE)
        }
    }
    let heap = crate::heap();
    let (slot, ran) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(false)));
    let late = Late(slot.clone(), heap.clone(), ran.clone());
    let generator = Generator::new(&heap, Holder { late });
    *slot.borrow_mut() = Some(generator.clone());
    assert_eq!(generator.next(&heap), Ok(None));
    assert!(ran.get());
}

/// Yields forever; takes errors as its kind says.
#[derive(Trace)]
struct Catcher {
    kind: i64,
    held: Value,
}

impl Frame for Catcher {
    fn resume(&mut self, _: &Heap, _: Value) -> Step {
        Step::Yield(self.held.clone())
    }
    fn throw(&mut self, _: &Heap, error: Value) -> Result<Step, Value> {
        match self.kind {
            0 => Ok(Step::Yield(error)),
            1 => Ok(Step::Return(error)),
            _ => Err(Value::small(99)),
        }
    }
}

#[test]
fn an_error_is_caught_returned_or_leaves_the_frame() {
    let heap = crate::heap();
    let error = || Value::small(7);
    let started = |kind| {
        let held = Value::from(List::new(&heap));
        let watch = WeakRef::of(&held).unwrap();
        let generator = Generator::new(&heap, Catcher { kind, held });
        drop(generator.next(&heap));
        (generator, watch)
    };
    let (catching, watch) = started(0);
    assert_eq!(catching.throw(&heap, error()), Ok(Step::Yield(error())));
    assert!(!catching.is_finished() && !watch.is_dead());
    let (returning, watch) = started(1);
    assert_eq!(returning.throw(&heap, error()), Ok(Step::Return(error())));
    assert!(
        returning.is_finished() && watch.is_dead(),
        "locals are released"
    );
    let (raising, watch) = started(2);
    let raised = Err(Thrown::Error(Value::small(99)));
    assert_eq!(raising.throw(&heap, error()), raised);
    assert!(raising.is_finished() && watch.is_dead());
    assert_eq!(raising.next(&heap), Ok(None));
    assert_eq!(raising.throw(&heap, error()), Err(Thrown::Error(error())));
    let fresh = Generator::new(
        &heap,
        Catcher {
            kind: 0,
            held: Value::NONE,
        },
    );
    assert_eq!(fresh.throw(&heap, error()), Err(Thrown::Error(error())));
    assert!(fresh.is_finished());
    let plain = Generator::from_fn(&heap, 0, |_, _| Some(Value::NONE));
    drop(plain.next(&heap));
    assert_eq!(plain.throw(&heap, error()), Err(Thrown::Error(error())));
    assert!(plain.is_finished());
}

#[derive(Trace)]
struct Tells(#[trace(leaf)] Rc<RefCell<Vec<&'static str>>>);

impl Callback for Tells {
    fn call(&self, _: &Heap) {
        self.0.borrow_mut().push("callback");
    }
}

#[derive(Trace)]
struct Exits {
    held: Option<Value>,
    #[trace(leaf)]
    log: Rc<RefCell<Vec<&'static str>>>,
}

impl Frame for Exits {
    fn resume(&mut self, _: &Heap, sent: Value) -> Step {
        self.held = Some(sent);
        Step::Yield(Value::NONE)
    }
    fn exit(&mut self, _: &Heap) -> Step {
        self.log.borrow_mut().push("exit");
        Step::Return(Value::NONE)
    }
}

#[test]
fn callbacks_on_a_dying_generator_run_before_its_exit_even_its_own() {
    for held_by_the_frame in [false, true] {
        let heap = crate::heap();
        let log = Rc::new(RefCell::new(Vec::new()));
        let frame = Exits {
            held: None,
            log: log.clone(),
        };
        let generator = Generator::new(&heap, frame);
        generator.next(&heap).unwrap();
        let watch = WeakRef::with_callback(&generator, heap.alloc(Tells(log.clone())));
        let watch = Value::from(watch);
        let outside = match held_by_the_frame {
            true => {
                generator.send(&heap, watch).unwrap();
                None
            }
            false => Some(watch),
        };
        drop(generator);
        assert_eq!(*log.borrow(), ["callback", "exit"]);
        drop(outside);
        assert_eq!(heap.live_objects(), 0);
    }
}
