//! The examples of the usual tutorials on Python's memory management, on this
//! heap: each prints what it shows, then what the tutorials get wrong.
//!
//! `cargo run -p exuvia-core --example tutorials`; `tests/tutorials.rs` holds
//! the output.

mod shown;

fn main() {
    print!("{}", shown::everything());
}
