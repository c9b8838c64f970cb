//! Workloads that go wrong, one way each, and some that leak.
use std::cell::RefCell;

use exuvia_harness::{Alloc, Suite, Workload};

#[global_allocator]
static ALLOC: Alloc = Alloc::system();

thread_local! {
    static KEPT: RefCell<Vec<Box<u64>>> = const { RefCell::new(Vec::new()) };
}

fn numbers(p: &exuvia_harness::Params) -> Vec<u64> {
    (0..p["n"]).collect()
}

fn sums(w: &mut Workload) {
    w.param("n", [1_000]).expect(|p| p["n"] * (p["n"] - 1) / 2);
    w.variant("right", |p, _| numbers(p), |v| v.iter().sum());
    w.variant("wrong", |p, _| numbers(p), |v| v.iter().sum::<u64>() + 1);
    w.variant("emptied", |p, _| numbers(p), |_| 0);
    let mut runs = 0;
    w.variant("wrong_later", |p, _| numbers(p), move |v| {
        runs += 1;
        v.iter().sum::<u64>() + u64::from(runs == 5)
    });
}

fn ends(w: &mut Workload) {
    w.variant("abort", |_, _| (), |()| std::process::abort());
    w.variant("panic", |_, _| (), |()| panic!("this workload panics"));
    w.variant("fine", |_, _| vec![1_u64; 100], |v| v.iter().sum());
}

fn hangs(w: &mut Workload) {
    w.variant("forever", |_, _| (), |()| loop {
        std::thread::sleep(std::time::Duration::from_millis(50));
    });
}

fn leaks(w: &mut Workload) {
    w.variant("clean", |_, _| (), |()| *std::hint::black_box(Box::new(1)));
    w.variant("grows", |_, _| (), |()| {
        KEPT.with_borrow_mut(|kept| kept.push(std::hint::black_box(Box::new(1))));
        1
    });
}

fn chatter(w: &mut Workload) {
    w.rss();
    w.once("prints", |_, _| vec![0_u8; 1 << 20], |v| {
        println!("{{\"protocol\":1}}");
        println!("hello from the workload");
        v.into_iter().map(u64::from).sum()
    });
}

exuvia_harness::main!(suite = |suite: &mut Suite| {
    suite.workload("broken/sums", sums);
    suite.workload("broken/ends", ends);
    suite.workload("broken/hangs", hangs);
    suite.workload("broken/leaks", leaks);
    suite.workload("broken/chatter", chatter);
});
