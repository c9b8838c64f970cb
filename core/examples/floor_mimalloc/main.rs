//! `cargo run --release -p exuvia-core --example floor_mimalloc`: beside `Rc`
//! on mimalloc.

#[path = "../floor/work.rs"]
mod work;

#[global_allocator]
static ALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    work::run("Rc+mimalloc");
}
