//! User code must never run on a half-dead graph.

use exuvia_core::{Gc, Trace};

#[derive(Trace)]
struct Node {
    next: Option<Gc<Node>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(next) = &self.next {
            println!("{:p}", &**next);
        }
    }
}

#[derive(Trace)]
struct Generic<T> {
    item: T,
}

impl<T> Drop for Generic<T> {
    fn drop(&mut self) {}
}

fn main() {}
