//! **A cache without a limit.** Answers are kept by question, and every second question is a new one.
//! ---
//! The path names the container, `=>` the place in it that grows; what it retains is what letting go would free, with the
//! text below each answer. No cache of a bounded size can look like this: one that fills is *fading* and then *clean*. If
//! the growth is meant, `expect_growth("Answer")` leaves the type out. With a limit:

use std::cell::RefCell;
use std::collections::BTreeMap;

use exuvia_core::object::Str;
use exuvia_core::{Gc, Heap, Root, Trace};

#[derive(Trace)]
pub(super) struct Cache {
    by_question: RefCell<BTreeMap<u64, Gc<Answer>>>,
}

#[derive(Trace)]
struct Answer {
    text: Gc<Str>,
}

pub(super) struct Service {
    cache: Root<Cache>,
    requests: u64,
}

pub(super) fn prepare(heap: &Heap) -> Service {
    let by_question = RefCell::default();
    Service {
        cache: heap.root("cache", heap.alloc(Cache { by_question })),
        requests: 0,
    }
}

fn ask(heap: &Heap, service: &mut Service) {
    service.requests += 1;
    let mut answers = service.cache.by_question.borrow_mut();
    let answer = answers.entry(service.requests / 2).or_insert_with(|| {
        let text = Str::new(heap, "forty-two");
        heap.alloc(Answer { text })
    });
    assert_eq!(answer.text.as_str(), "forty-two");
}

pub(super) fn leaking(heap: &Heap, service: &mut Service) {
    ask(heap, service);
}

pub(super) fn mended(heap: &Heap, service: &mut Service) {
    ask(heap, service);
    let mut answers = service.cache.by_question.borrow_mut();
    if answers.len() > 100 {
        answers.pop_first();
    }
}
