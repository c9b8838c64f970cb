//! Three small ordinary programs without a managed heap, each with one planted leak and each also without it: the same
//! attribute finds the leak with its rate, its bytes, and the line that allocates (by dhat).
#![cfg(all(feature = "leak-test", feature = "dhat"))]

use exuvia_harness::{Alloc, leak_test};

#[global_allocator]
static ALLOC: Alloc = Alloc::system();

/// A word counter with a cache of results by text, that never forgets one.
mod word_count {
    use std::cell::RefCell;
    use std::collections::HashMap;

    thread_local! {
        static CACHE: RefCell<HashMap<String, usize>> = RefCell::default();
    }

    pub(super) fn count(text: &str, remember: bool) -> usize {
        let words = text.split_whitespace().count();
        if remember {
            CACHE.with_borrow_mut(|cache| cache.insert(text.to_owned(), words));
        }
        words
    }
}

/// Widgets that know their window, and windows that know their widgets.
mod window {
    use std::cell::RefCell;
    use std::rc::{Rc, Weak};

    pub(super) struct Window {
        widgets: RefCell<Vec<Widget>>,
    }

    enum Widget {
        Strong(Rc<Window>),
        Weak(Weak<Window>),
    }

    pub(super) fn open(keeps_its_window: bool) -> usize {
        let window = Rc::new(Window {
            widgets: RefCell::default(),
        });
        let widget = if keeps_its_window {
            Widget::Strong(Rc::clone(&window))
        } else {
            Widget::Weak(Rc::downgrade(&window))
        };
        window.widgets.borrow_mut().push(widget);
        let widgets = window.widgets.borrow();
        let alive = widgets.iter().filter(|widget| match widget {
            Widget::Strong(window) => Rc::strong_count(window) > 0,
            Widget::Weak(window) => window.upgrade().is_some(),
        });
        alive.count()
    }
}

/// Jobs sent to a worker that is asked for them, or not.
mod queue {
    use std::sync::mpsc::{Receiver, Sender, channel};

    pub(super) struct Queue {
        jobs: Sender<Box<[u64; 16]>>,
        worker: Receiver<Box<[u64; 16]>>,
    }

    impl Queue {
        pub(super) fn new() -> Self {
            let (jobs, worker) = channel();
            Self { jobs, worker }
        }

        pub(super) fn send(&self) {
            self.jobs.send(Box::new([7; 16])).expect("the worker lives");
        }

        pub(super) fn work(&self) -> usize {
            self.worker.try_iter().count()
        }
    }
}

fn unique_text() -> String {
    use std::cell::Cell;
    thread_local!(static NEXT: Cell<u64> = const { Cell::new(0) });
    let number = NEXT.get();
    NEXT.set(number + 1);
    format!("text number {number}")
}

#[leak_test]
fn words_are_counted_without_a_cache() {
    assert_eq!(word_count::count(&unique_text(), false), 3);
}

#[leak_test]
#[should_panic(
    expected = "1.0000 (objects) per iteration (17.0 B), held by blocks of 17 B from {closure#0}, \
                allocated at harness/tests/leaks_in_ordinary_programs.rs:22:61"
)]
fn a_cache_by_text_is_a_leak() {
    assert_eq!(word_count::count(&unique_text(), true), 3);
}

#[leak_test]
fn a_weak_link_upwards_frees_the_window() {
    assert_eq!(window::open(false), 1);
}

#[leak_test]
#[should_panic(
    expected = "1.0000 (objects) per iteration (48.0 B), held by blocks of 48 B from open, \
                allocated at harness/tests/leaks_in_ordinary_programs.rs:43:22"
)]
fn a_strong_link_upwards_keeps_it() {
    assert_eq!(window::open(true), 1);
}

thread_local!(static QUEUE: queue::Queue = queue::Queue::new());

#[leak_test]
fn a_drained_channel_is_clean() {
    QUEUE.with(|queue| {
        queue.send();
        assert_eq!(queue.work(), 1);
    });
}

#[leak_test]
#[should_panic(
    expected = "1.0000 (objects) per iteration (128.0 B), held by blocks of 128 B from send, \
                allocated at harness/tests/leaks_in_ordinary_programs.rs:77:28"
)]
fn a_channel_that_nobody_drains_is_a_leak() {
    QUEUE.with(queue::Queue::send);
}
