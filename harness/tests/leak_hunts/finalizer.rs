//! **A cycle through a finalizer.** A job and its watcher refer to each other, so a collection has to free them. The job
//! has a finalizer that files it under "failed" when nobody has marked it done. A finalizer may do that: it resurrects.
//! ---
//! The class is *reachable growth*, not an uncollected cycle: the collector did its work, and the finalizer put the job
//! back into reach. The path says where: behind `=>` is what grows, before it who holds it. The watcher hangs below each
//! job and is part of the same finding. With a finalizer that files what is needed of the job instead of the job itself:

use std::cell::{Cell, RefCell};

use exuvia_core::{Finalize, Gc, Heap, Root, Trace};

#[derive(Trace)]
pub(super) struct Failed {
    jobs: RefCell<Vec<Gc<Job>>>,
    numbers: RefCell<Vec<u64>>,
}

#[derive(Trace)]
#[trace(finalize)]
struct Job {
    number: u64,
    watcher: RefCell<Option<Gc<Watcher>>>,
    failed: Gc<Failed>,
    files_itself: Cell<bool>,
}

#[derive(Trace)]
struct Watcher {
    job: Gc<Job>,
}

impl Finalize for Job {
    fn finalize(this: &Gc<Self>) {
        if this.files_itself.get() {
            this.failed.jobs.borrow_mut().push(this.clone());
        } else {
            let mut numbers = this.failed.numbers.borrow_mut();
            numbers.truncate(99);
            numbers.push(this.number);
        }
    }
}

pub(super) fn prepare(heap: &Heap) -> Root<Failed> {
    let (jobs, numbers) = Default::default();
    heap.root("failed", heap.alloc(Failed { jobs, numbers }))
}

fn run(heap: &Heap, failed: &Root<Failed>, files_itself: bool) {
    let job = heap.alloc(Job {
        number: 7,
        watcher: RefCell::default(),
        failed: (**failed).clone(),
        files_itself: Cell::new(files_itself),
    });
    let watcher = heap.alloc(Watcher { job: job.clone() });
    assert_eq!(watcher.job.number, 7);
    *job.watcher.borrow_mut() = Some(watcher);
}

pub(super) fn leaking(heap: &Heap, failed: &mut Root<Failed>) {
    run(heap, failed, true);
}

pub(super) fn mended(heap: &Heap, failed: &mut Root<Failed>) {
    run(heap, failed, false);
}
