//! **A forgotten handle.** A server hands each session to a library that knows only numbers. `hand_out` turns the handle
//! into such a number and gives up its ownership, `take_back` makes it a handle again. A request that fails in between
//! never comes back.
//! ---
//! The class is a *count leak*: the counts of these sessions are above the references that exist, so nothing on the heap
//! holds them, and the path begins at "no known reference". Look for a handle that was given up, starting from the line
//! that allocates. Every fourth request fails, which is the rate. With a guard that takes the session back also when the
//! request fails:

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use exuvia_core::{Gc, Heap, Trace};

#[derive(Trace)]
struct Session {
    user: RefCell<Option<Gc<Session>>>,
}

/// What the library keeps: a session without its ownership.
struct Token(ManuallyDrop<Gc<Session>>);

fn hand_out(heap: &Heap) -> Token {
    let user = RefCell::default();
    Token(ManuallyDrop::new(heap.alloc(Session { user })))
}

fn take_back(token: Token) -> Gc<Session> {
    ManuallyDrop::into_inner(token.0)
}

fn request(number: u64) -> Result<(), &'static str> {
    if number.is_multiple_of(4) {
        Err("no such page")
    } else {
        Ok(())
    }
}

pub(super) fn leaking(heap: &Heap, number: &mut u64) {
    *number += 1;
    let token = hand_out(heap);
    if request(*number).is_ok() {
        assert!(take_back(token).user.borrow().is_none());
    }
}

pub(super) fn mended(heap: &Heap, number: &mut u64) {
    *number += 1;
    let token = hand_out(heap);
    let answer = request(*number);
    let session = take_back(token);
    assert!(answer.is_err() || session.user.borrow().is_none());
}
