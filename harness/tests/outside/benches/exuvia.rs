//! The example of the documentation: what a user writes.
use exuvia_harness::{Alloc, Workload};
use my_crate as my;

#[global_allocator]
static ALLOC: Alloc = Alloc::system();

/// Does interning make lookups cheaper?
fn lookup(w: &mut Workload) {
    w.param("keys", [100, 10_000]).seed(7).ops(|p| p["keys"]);
    w.expect(|p| p["keys"] * 3);
    w.variant("hash", |p, rng| my::hashed(p["keys"], rng), |t| t.sum());
    w.variant("intern", |p, rng| my::interned(p["keys"], rng), |t| t.sum());
}

fn session(w: &mut Workload) {
    w.once("open_close", |_, _| my::Server::new(), |s| s.serve_one()); // consumes; drop measured
    w.metric("cache_hits", || my::hits()); // exact, votes
}

exuvia_harness::main!(lookup, session);
