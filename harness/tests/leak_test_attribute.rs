//! `#[leak_test]` as a user writes it: each test runs in a process of its own, and fails with a readable report.
#![cfg(all(feature = "leak-test", feature = "heap"))]

use std::cell::RefCell;

use exuvia_core::object::{List, Str, Value};
use exuvia_core::{Gc, Heap, Root, Trace};
use exuvia_harness::{Alloc, leak_test};

#[global_allocator]
static ALLOC: Alloc = Alloc::system();

#[derive(Trace)]
struct Session {
    peer: RefCell<Option<Gc<Session>>>,
}

fn session(heap: &Heap) -> Gc<Session> {
    let peer = RefCell::default();
    heap.alloc(Session { peer })
}

#[leak_test(iterations = 4096)]
fn rings_are_collected(heap: &Heap) {
    let pair = [session(heap), session(heap)];
    *pair[0].peer.borrow_mut() = Some(pair[1].clone());
    *pair[1].peer.borrow_mut() = Some(pair[0].clone());
}

#[leak_test(iterations = 4096)]
#[should_panic(expected = "count leak: 1.0000 leak_test_attribute::Session per iteration")]
fn a_forgotten_handle_fails_with_its_class(heap: &Heap) {
    std::mem::forget(session(heap));
}

fn queue(heap: &Heap) -> Root<List> {
    heap.root("queue", List::new(heap))
}

#[leak_test(iterations = 4096, setup = queue)]
fn what_setup_made_is_not_counted(heap: &Heap, queue: &mut Root<List>) {
    queue.push(heap, Value::from(Str::new(heap, "a job")));
    queue.pop();
}

#[leak_test(iterations = 4096, setup = queue)]
#[should_panic(expected = "root \"queue\" -> list[")]
fn a_queue_that_is_never_drained_is_named_by_its_path(heap: &Heap, queue: &mut Root<List>) {
    queue.push(heap, Value::from(Str::new(heap, "a job")));
}

#[leak_test(iterations = 4096)]
fn plain_code_that_frees_is_clean() {
    drop(std::hint::black_box(vec![1_u8; 100]));
}

#[leak_test(iterations = 4096)]
#[should_panic(expected = "leak_test_attribute.rs:")]
fn plain_code_that_leaks_names_its_line() {
    Box::leak(std::hint::black_box(Box::new([0_u64; 8])));
}

#[leak_test(iterations = 4096, max_live_bytes = 1000)]
#[should_panic(expected = "over budget: 2000 live bytes at the peak, 1000 allowed")]
fn a_budget_on_plain_code_is_its_peak() {
    drop(std::hint::black_box(vec![1_u8; 2000]));
}

#[cfg(target_os = "linux")]
#[leak_test(iterations = 512, budget_ms = 8000)]
#[should_panic(expected = "(open files) per iteration")]
fn open_files_are_counted_too() {
    // A descriptor that is never closed, in a process whose limit is usually 1,024.
    let file = std::fs::File::open("/dev/null").expect("there is one");
    std::mem::forget(file);
}
