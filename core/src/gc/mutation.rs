//! Loses or doubles one count change of a running program, so that tests can see the audit name it.
//!
//! Compiled with the feature `mutation` only, which is not `testing`: that one is on in every example of this crate, also in
//! those that measure. Every count change of a mutator passes a hook here, has a *site* (the line that changes the count: the
//! caller's for clones, the handle's own for drops) and a number. A program is recorded, a change chosen by site or number,
//! and the same program run again with that change lost or doubled.
//!
//! What the collector does to counts in bulk passes no hook: mutate what runs between collections.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::handle::{release_exactly, retain_exactly};
use super::header::{COUNT_MASK, Header};
use crate::alloc::page::{core_of, describe};
use crate::inspect::tracemalloc::Site;

/// What a count change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// One reference more.
    Increment,
    /// One reference less.
    Decrement,
}

/// What is done to a count change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutation {
    /// It does not happen.
    Lost,
    /// It happens twice.
    Doubled,
}

impl Mutation {
    /// How much the count is above the references afterwards.
    #[must_use]
    pub fn surplus(self, change: Change) -> i64 {
        match (self, change) {
            (Mutation::Lost, Change::Decrement) | (Mutation::Doubled, Change::Increment) => 1,
            (Mutation::Lost, Change::Increment) | (Mutation::Doubled, Change::Decrement) => -1,
        }
    }
}

/// One count change of a recorded program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it does.
    pub change: Change,
    /// The line that does it.
    pub site: &'static Location<'static>,
    /// The Rust name of the object's type.
    pub type_name: &'static str,
    /// The object's address.
    pub address: usize,
    /// Where the object was allocated, while its heap traces allocations.
    pub allocated_at: Option<Site>,
    /// The count after it.
    pub count: u32,
}

/// The count changes of a program in the order in which they happened.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// All of them; an event's number is its position.
    pub events: Vec<Event>,
}

impl Recording {
    /// Whether the program survives a mutation of this event: a surplus always, a deficit when the object lives to the end
    /// of the recording and at least one count was to spare all the while. Anything else is a use after free.
    #[must_use]
    pub fn survives(&self, number: usize, mutation: Mutation) -> bool {
        let event = &self.events[number];
        if mutation.surplus(event.change) > 0 {
            return true;
        }
        let later = &self.events[number..];
        let same = later.iter().filter(|other| other.address == event.address);
        same.fold(u32::MAX, |least, other| least.min(other.count)) > 1
    }

    /// Numbers of the events by site.
    #[must_use]
    pub fn by_site(&self) -> HashMap<(String, Change), Vec<usize>> {
        let mut sites: HashMap<_, Vec<usize>> = HashMap::new();
        for (number, event) in self.events.iter().enumerate() {
            let key = (event.site.to_string(), event.change);
            sites.entry(key).or_default().push(number);
        }
        sites
    }
}

enum Mode {
    Record(Recording),
    Mutate {
        number: usize,
        mutation: Mutation,
        done: Option<Event>,
    },
}

struct State {
    next: usize,
    mode: Mode,
}

/// Threads that record or mutate: the hooks look no further while there are none.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Runs a program and records its count changes on this thread.
pub fn record<R>(body: impl FnOnce() -> R) -> (R, Recording) {
    match run(Mode::Record(Recording::default()), body) {
        (result, Mode::Record(recording)) => (result, recording),
        _ => unreachable!("the mode stays"),
    }
}

/// A mutation that was made, to be undone before the heap is used on.
#[must_use = "the count stays wrong until this is undone"]
pub struct Mutated {
    /// The event as it would have been.
    pub event: Event,
    surplus: i64,
}

impl Mutated {
    /// Puts the count right again. As with a corruption of a heap, nothing may be freed between the end of the mutated
    /// program and this: the object must be alive.
    pub fn undo(self) {
        let header = std::ptr::with_exposed_provenance::<Header>(self.event.address);
        // SAFETY: the object is alive, as the caller was told; the surplus is a count that nobody owns.
        unsafe {
            match self.surplus {
                1.. => release_exactly(header),
                _ => retain_exactly(header),
            }
        }
    }
}

/// Runs a program with the count change of this number lost or doubled; `None` when there was no such change.
pub fn mutate<R>(
    number: usize,
    mutation: Mutation,
    body: impl FnOnce() -> R,
) -> (R, Option<Mutated>) {
    let mode = Mode::Mutate {
        number,
        mutation,
        done: None,
    };
    match run(mode, body) {
        (result, Mode::Mutate { done, .. }) => {
            let mutated = done.map(|event| Mutated {
                surplus: mutation.surplus(event.change),
                event,
            });
            (result, mutated)
        }
        _ => unreachable!("the mode stays"),
    }
}

fn run<R>(mode: Mode, body: impl FnOnce() -> R) -> (R, Mode) {
    /// Ends the run also when the body panics.
    struct Active;
    impl Drop for Active {
        fn drop(&mut self) {
            ACTIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let before = STATE.replace(Some(State { next: 0, mode }));
    assert!(before.is_none(), "programs are mutated one at a time");
    ACTIVE.fetch_add(1, Ordering::Relaxed);
    let active = Active;
    let result = body();
    drop(active);
    let state = STATE.take().expect("it was put there");
    (result, state.mode)
}

/// Hook of a count change; whether it is lost. A doubled one is made here once.
///
/// # Safety
/// 1. `header` belongs to a live object, whose count the caller's handle is part of when it is a decrement.
#[inline]
#[track_caller]
pub(crate) unsafe fn loses(change: Change, header: *const Header) -> bool {
    // SAFETY: duty 1.
    match unsafe { meet(change, header, Location::caller()) } {
        Some(Mutation::Lost) => true,
        Some(Mutation::Doubled) => {
            // SAFETY: duty 1; that a count is to spare is what `Recording::survives` says.
            unsafe { once_more(change, header) };
            false
        }
        None => false,
    }
}

/// # Safety
/// As [`loses`], with a count to spare for a decrement.
#[cold]
unsafe fn once_more(change: Change, header: *const Header) {
    // SAFETY: the caller's.
    unsafe {
        match change {
            Change::Increment => retain_exactly(header),
            Change::Decrement => release_exactly(header),
        }
    }
}

/// # Safety
/// 1. `header` belongs to a live object.
#[inline]
unsafe fn meet(
    change: Change,
    header: *const Header,
    site: &'static Location<'static>,
) -> Option<Mutation> {
    if ACTIVE.load(Ordering::Relaxed) == 0 {
        return None;
    }
    // SAFETY: duty 1.
    unsafe { meet_active(change, header, site) }
}

/// # Safety
/// As [`meet`].
#[cold]
unsafe fn meet_active(
    change: Change,
    header: *const Header,
    site: &'static Location<'static>,
) -> Option<Mutation> {
    // SAFETY: duty 1.
    if unsafe { (*header).is_immortal() } {
        return None;
    }
    // A handle that dies with its thread is no event.
    let met = STATE.try_with(|state| {
        let mut state = state.try_borrow_mut().ok()?;
        let state = state.as_mut()?;
        let number = state.next;
        state.next += 1;
        // SAFETY: duty 1.
        let event = || unsafe { event_of(change, header, site) };
        match &mut state.mode {
            Mode::Record(recording) => {
                recording.events.push(event());
                None
            }
            Mode::Mutate {
                number: chosen,
                mutation,
                done,
            } if number == *chosen => {
                *done = Some(event());
                Some(*mutation)
            }
            Mode::Mutate { .. } => None,
        }
    });
    met.ok().flatten()
}

/// # Safety
/// As [`meet`].
unsafe fn event_of(
    change: Change,
    header: *const Header,
    site: &'static Location<'static>,
) -> Event {
    // SAFETY: duty 1; an object's core outlives it.
    let (before, type_name, tracer) = unsafe {
        (
            (*header).word.get() & COUNT_MASK,
            describe(header).0.name(),
            &(*core_of(header)).tracer,
        )
    };
    Event {
        change,
        site,
        type_name,
        address: header.expose_provenance(),
        allocated_at: tracer.site(header.addr()),
        count: match change {
            Change::Increment => before + 1,
            Change::Decrement => before - 1,
        },
    }
}
