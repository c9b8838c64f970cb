//! One lost or doubled count change in a program, named by the audit after one iteration: type, surplus and site.
//!
//! `EXUVIA_MUTATIONS=N` and `EXUVIA_CLEAN_RUNS=N` run more than the quick test; `EXUVIA_CORPUS_FROM=S` draws their seeds from S on.
#![cfg(feature = "heap")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use exuvia_core::mutation::{self, Mutation, Recording};
use exuvia_core::object::{Class, Dict, Function, Instance, List, Str, Tuple, Value};
use exuvia_core::{Gc, Heap, Root, Trace};
use exuvia_harness::Rng;

#[derive(Trace)]
struct Node {
    edges: RefCell<Vec<Gc<Node>>>,
}

/// What the program keeps from one iteration to the next.
struct Program {
    nodes: Root<Node>,
    list: Root<List>,
    dict: Root<Dict>,
    app: Root<Instance>,
    rng: Rng,
}

fn node(heap: &Heap) -> Gc<Node> {
    heap.alloc(Node {
        edges: RefCell::default(),
    })
}

impl Program {
    fn new(heap: &Heap, seed: u64) -> Program {
        let class = Class::builder(heap, "App").slots(["log", "user"]).build();
        Program {
            nodes: heap.root("nodes", node(heap)),
            list: heap.root("list", List::new(heap)),
            dict: heap.root("dict", Dict::new(heap)),
            app: heap.root("app", Class::instantiate(&class, heap)),
            rng: Rng::with_seed(seed),
        }
    }

    fn value(&mut self, heap: &Heap) -> Value {
        match self.rng.u32(0..6) {
            0 => Value::from(Str::new(heap, "text")),
            1 => Value::from(Tuple::new(
                heap,
                [Value::small(1), self.known(heap)].into_iter(),
            )),
            2 => Value::from(Gc::erase(node(heap))),
            3 => {
                let captured = [self.known(heap)];
                Value::from(Function::new(heap, "callback", |_| Value::NONE, captured))
            }
            4 => Value::from(List::new(heap)),
            _ => self.known(heap),
        }
    }

    /// Something that is there already, with one more reference.
    fn known(&mut self, heap: &Heap) -> Value {
        let length = self.list.len();
        match self.rng.usize(0..length + 2) {
            at if at < length => self.list.get(at).expect("a position below the length"),
            at if at == length => Value::from(&*self.dict),
            _ => Value::from(Str::intern(heap, "known")),
        }
    }

    /// One iteration: some forty operations, most of them on what earlier ones left.
    fn iterate(&mut self, heap: &Heap) {
        for _ in 0..40 {
            match self.rng.u32(0..9) {
                0 | 1 => {
                    let value = self.value(heap);
                    self.list.push(heap, value);
                }
                2 => drop(self.list.pop()),
                3 | 4 => {
                    let (key, value) = (self.rng.i64(0..12), self.value(heap));
                    self.dict.insert(heap, Value::small(key), value);
                }
                5 => drop(self.dict.remove(&Value::small(self.rng.i64(0..12)))),
                6 => {
                    let name = Str::intern(heap, if self.rng.bool() { "log" } else { "user" });
                    let value = self.value(heap);
                    self.app.set_attr(heap, &name, value).expect("a slot");
                }
                7 => {
                    let new = node(heap);
                    new.edges.borrow_mut().push(Gc::clone(&self.nodes));
                    let edges = &mut *self.nodes.edges.borrow_mut();
                    if let Some(other) = edges.get(self.rng.usize(0..edges.len().max(1))) {
                        new.edges.borrow_mut().push(other.clone());
                    }
                    edges.push(new);
                }
                _ => {
                    let length = self.nodes.edges.borrow().len();
                    if length > 0 {
                        let at = self.rng.usize(0..length);
                        drop(self.nodes.edges.borrow_mut().swap_remove(at));
                    }
                }
            }
        }
    }
}

/// A heap with the program some iterations on, at a quiet point with nothing wrong.
fn prepared(seed: u64) -> (Heap, Program) {
    let heap = Heap::new();
    heap.disable();
    heap.tracemalloc().start(1).expect("the feature is on");
    let mut program = Program::new(&heap, seed);
    (0..3).for_each(|_| program.iterate(&heap));
    heap.collect_all();
    assert_eq!(heap.audit().findings, [], "seed {seed}");
    (heap, program)
}

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// A mutation of the program that leaves it running; the site first, so that rare ones are drawn as often as common ones.
fn draw(recording: &Recording, rng: &mut Rng) -> Option<(usize, Mutation)> {
    let sites: BTreeMap<_, _> = recording
        .by_site()
        .into_iter()
        .map(|((site, change), events)| ((site, change == mutation::Change::Increment), events))
        .collect();
    (0..64).find_map(|_| {
        let events = sites.values().nth(rng.usize(0..sites.len()))?;
        let number = events[rng.usize(0..events.len())];
        let mutation = if rng.bool() {
            Mutation::Lost
        } else {
            Mutation::Doubled
        };
        recording
            .survives(number, mutation)
            .then_some((number, mutation))
    })
}

#[test]
fn each_lost_or_doubled_count_change_is_named_after_one_iteration() {
    let from = number("EXUVIA_CORPUS_FROM", 1);
    let (mut surpluses, mut deficits, mut faults) = (0, 0, Vec::new());
    let (mut sites, mut types) = (BTreeSet::new(), BTreeSet::new());
    for seed in from..from + number("EXUVIA_MUTATIONS", 500) {
        let (heap, mut program) = prepared(seed);
        let ((), recording) = mutation::record(|| program.iterate(&heap));
        let (number, mutation) =
            draw(&recording, &mut Rng::with_seed(seed)).expect("some change can be mutated");
        drop(program);
        // The same program again, with one change wrong.
        let (heap, mut program) = prepared(seed);
        let ((), mutated) = mutation::mutate(number, mutation, || program.iterate(&heap));
        let mutated = mutated.expect("the same program has the same changes");
        let event = mutated.event.clone();
        let recorded = &recording.events[number];
        assert_eq!(
            (event.site, event.type_name),
            (recorded.site, recorded.type_name)
        );
        let surplus = mutation.surplus(event.change);
        // Nothing is collected before the audit: rings of the iteration wait for it beside the fault.
        let audit = heap.audit();
        let findings: Vec<_> = audit.findings.iter().filter(|f| f.surplus != 0).collect();
        let named = matches!(&findings[..], [found] if found.type_name == event.type_name
            && found.surplus == surplus
            && found.address == event.address
            && found.site == event.allocated_at
            && found.site.is_some());
        if !named {
            faults.push(format!(
                "seed {seed}: {mutation:?} of {event:?}: {findings:?}"
            ));
        }
        _ = sites.insert((event.site.to_string(), mutation == Mutation::Lost));
        types.insert(event.type_name);
        if surplus > 0 {
            surpluses += 1
        } else {
            deficits += 1
        }
        mutated.undo();
        heap.collect_all();
        assert_eq!(heap.audit().findings, [], "undone, seed {seed}");
        drop(program);
    }
    let runs = surpluses + deficits;
    println!(
        "mutations: {runs} runs ({surpluses} surpluses, {deficits} deficits; {} sites and ways, {} types), {} not named",
        sites.len(),
        types.len(),
        faults.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(types.len() >= 5 && sites.len() >= 10, "{types:?} {sites:?}");
}

#[test]
fn clean_programs_give_no_finding() {
    let from = number("EXUVIA_CORPUS_FROM", 1);
    let runs = number("EXUVIA_CLEAN_RUNS", 3_000);
    let mut alarms = 0;
    for seed in from..from + runs {
        let (heap, mut program) = prepared(seed);
        program.iterate(&heap);
        heap.collect_all();
        alarms += heap.audit().findings.len();
    }
    println!("clean: {runs} runs, {alarms} alarms");
    assert_eq!(alarms, 0);
}
