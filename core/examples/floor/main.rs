//! `cargo run --release -p exuvia-core --example floor`: beside `Rc` on the
//! system's allocator.

mod work;

fn main() {
    work::run("Rc");
}
