//! Whether the heap did what CPython did, after the rules of
//! `docs/differences.md` ("The oracle").
//!
//! Outside of collections the sequence of events is compared exactly. Inside
//! one collection the events of each object (its finalizer, the callbacks of
//! its weak references, what they did) are compared in order, objects among
//! themselves as a set. States are compared exactly, by checksum.

use crate::design::{Hits, Lenient, Span};
use crate::machine::Outcome;
use crate::program::Lift;
use crate::python::Said;

/// Where heap and CPython went apart.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
    pub(crate) ours: String,
    pub(crate) theirs: String,
}

/// The object that an event belongs to.
fn group(event: &str) -> String {
    event[1..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect()
}

/// Sorts what happened inside of each collection by object, keeping the order
/// of each object's events.
fn canonical(events: &[String]) -> Vec<String> {
    let mut result: Vec<String> = Vec::with_capacity(events.len());
    let mut inside: Option<Vec<String>> = None;
    for event in events {
        if event.starts_with('(') {
            result.push(event.clone());
            inside = Some(Vec::new());
        } else if event.starts_with(')') {
            let mut events = inside.take().unwrap_or_default();
            events.sort_by_key(|event| group(event));
            result.append(&mut events);
            result.push(event.clone());
        } else if let Some(inside) = &mut inside {
            inside.push(event.clone());
        } else {
            result.push(event.clone());
        }
    }
    result.extend(inside.unwrap_or_default());
    result
}

fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(!0, |mut crc: u32, byte| {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
        crc
    })
}

/// The generations that CPython collected by itself after an operation.
pub(crate) fn automatic(said: &[Said], at: usize) -> Vec<usize> {
    let events = said.get(at).map_or(&[][..], |said| &said.automatic);
    events
        .iter()
        .filter_map(|event| event.strip_prefix('(')?.parse().ok())
        .collect()
}

/// The first difference of a program that is not by design, if there is one.
/// `hits` counts those that are.
pub(crate) fn compare(
    lift: Lift,
    ours: &[Outcome],
    theirs: &[Said],
    hits: &mut Hits,
) -> Option<Difference> {
    let silent = Said::default();
    let mut lenient = Lenient::new(lift, hits);
    // The last states; kept only where they may excuse what follows.
    let (mut ours_before, mut theirs_before): (&[String], &[String]) = (&[], &[]);
    for (at, outcome) in ours.iter().enumerate() {
        let said = theirs.get(at).unwrap_or(&silent);
        let ours_after = outcome.state.as_deref().unwrap_or_default();
        // In front of an automatic collection there is a state of its own.
        let (ours_between, theirs_between): (&[String], &[String]) = match outcome.before.is_empty()
        {
            true => (ours_after, &said.state),
            false => (&outcome.before, &said.before),
        };
        let spans = [
            (
                "events",
                (&outcome.events, ours_before, ours_between),
                (&said.events, theirs_before, theirs_between),
            ),
            (
                "automatic collection",
                (&outcome.automatic, ours_between, ours_after),
                (&said.automatic, theirs_between, &said.state[..]),
            ),
        ];
        for (what, ours, theirs) in spans {
            let span = |(events, before, after): (&Vec<String>, _, _)| Span {
                events: canonical(events),
                before,
                after,
            };
            if !lenient.same_events(&span(ours), &span(theirs)) {
                return Some(Difference {
                    at,
                    what,
                    ours: ours.0.join(" "),
                    theirs: theirs.0.join(" "),
                });
            }
            if what == "events"
                && !outcome.before.is_empty()
                && !lenient.same_state(ours_between, theirs_between)
            {
                return Some(Difference {
                    at,
                    what: "state in front of the automatic collection",
                    ours: ours_between.join("\n"),
                    theirs: theirs_between.join("\n"),
                });
            }
        }
        if let (Some(state), Some(crc)) = (&outcome.state, said.crc) {
            let text = state.join("\n");
            let same = crc32(text.bytes()) == crc;
            let alike = !said.state.is_empty() && lenient.same_state(state, &said.state);
            if !same && !alike {
                return Some(Difference {
                    at,
                    what: "state",
                    ours: text,
                    theirs: said.state.join("\n"),
                });
            }
            (ours_before, theirs_before) = (state, &said.state);
        }
    }
    None
}

/// Whether the heap does the same when nobody looks at it: a look at the state
/// takes handles, and what a handle was dropped on is examined by the next
/// collection in any case.
pub(crate) fn compare_unseen(
    lift: Lift,
    seen: &[Outcome],
    unseen: &[Outcome],
    hits: &mut Hits,
) -> Option<Difference> {
    let mut lenient = Lenient::new(lift, hits);
    let mut before: &[String] = &[];
    let told = |events: &[String]| -> Vec<String> {
        let canonical = canonical(events).into_iter();
        canonical.filter(|event| !event.starts_with('t')).collect()
    };
    for (at, (outcome, unseen)) in seen.iter().zip(unseen).enumerate() {
        let all = |outcome: &Outcome| [told(&outcome.events), told(&outcome.automatic)].concat();
        let (seen, unseen) = (all(outcome), all(unseen));
        let after = outcome.state.as_deref().unwrap_or(before);
        let states = [before, after];
        before = after;
        if !lenient.same_unseen(&seen, &unseen, states) {
            return Some(Difference {
                at,
                what: "events when nobody looks",
                ours: unseen.join(" "),
                theirs: seen.join(" "),
            });
        }
    }
    None
}
