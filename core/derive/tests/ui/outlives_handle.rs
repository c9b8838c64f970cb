//! No reference to a value outlives the handle it was read through.

use exuvia_core::{Gc, Heap};

fn main() {
    let heap = Heap::new();
    let strong = heap.alloc(String::from("gone"));
    let weak = Gc::downgrade(&strong);
    let inside: &String = weak.upgrade().as_deref().unwrap();
    println!("{inside}");
    let text: &String = &strong;
    drop(strong);
    println!("{text}");
}
