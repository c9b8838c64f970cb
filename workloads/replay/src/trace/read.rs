//! Reads and checks a trace in one pass, event by event.

use std::io::Read;

use super::{Action, Event, Trace};
use crate::fault::{Fault, ReadError};
use crate::text::Text;

const EVENT_BYTES: usize = 8;

pub(super) fn read(text: &mut Text<'_>) -> Result<Trace, ReadError> {
    let cursor = text.cursor();
    let mut check = Check::default();
    let mut events = Vec::new();
    while let Some(event) = next_event(text, events.len() as u64)? {
        if let Err(fault) = check.apply(events.len() as u64, event) {
            cursor.fail(cursor.at() - EVENT_BYTES as u64, fault);
            return Err(text.error(Fault::Unrecognised));
        }
        events.push(event);
    }
    let peak = check.peak_live_bytes;
    text.limits()
        .check_content("the live blocks reach", peak, cursor.at())
        .map_err(|fault| text.error(fault))?;
    Ok(Trace {
        ids: check.live.len(),
        peak_live_bytes: peak,
        peak_event: check.peak_event as usize,
        live_blocks_at_end: check.live.iter().flatten().count(),
        events,
    })
}

fn next_event(text: &mut Text<'_>, event: u64) -> Result<Option<Event>, ReadError> {
    let mut raw = [0; EVENT_BYTES];
    let mut filled = 0;
    while filled < EVENT_BYTES {
        match text.read(&mut raw[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => {
                return Err(text.error(Fault::PartialEvent {
                    event,
                    bytes: filled,
                }));
            }
            Ok(count) => filled += count,
            Err(error) => return Err(text.error(error.into())),
        }
    }
    let word = |at: usize| u32::from_le_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]]);
    Ok(Some(Event {
        id: word(0),
        word: word(4),
    }))
}

/// Which ids are live, with how many bytes.
#[derive(Default)]
struct Check {
    live: Vec<Option<u32>>,
    live_bytes: u64,
    peak_live_bytes: u64,
    peak_event: u64,
}

impl Check {
    fn apply(&mut self, event: u64, e: Event) -> Result<(), Fault> {
        let id = e.id;
        match e.action() {
            Action::Allocate(bytes) => self.allocate(event, id, bytes as u32)?,
            Action::Resize(bytes) => match self.live.get_mut(e.id()) {
                Some(Some(old)) => {
                    self.live_bytes -= u64::from(*old);
                    *old = bytes as u32;
                    self.live_bytes += bytes as u64;
                }
                _ => return Err(Fault::ResizedDead { event, id }),
            },
            Action::Free => match self.live.get_mut(e.id()).and_then(Option::take) {
                Some(old) => self.live_bytes -= u64::from(old),
                None => return Err(Fault::FreedDead { event, id }),
            },
        }
        if self.live_bytes > self.peak_live_bytes {
            self.peak_live_bytes = self.live_bytes;
            self.peak_event = event;
        }
        Ok(())
    }

    fn allocate(&mut self, event: u64, id: u32, bytes: u32) -> Result<(), Fault> {
        let next = self.live.len() as u64;
        if u64::from(id) > next {
            return Err(Fault::SkippedId { event, id, next });
        }
        if u64::from(id) == next {
            self.live.push(None);
        }
        let slot = &mut self.live[id as usize];
        if slot.is_some() {
            return Err(Fault::AllocatedTwice { event, id });
        }
        *slot = Some(bytes);
        self.live_bytes += u64::from(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Limits;

    const RESIZE: u32 = 1 << 31;

    fn bytes(events: &[(u32, u32)]) -> Vec<u8> {
        events
            .iter()
            .flat_map(|&(id, word)| [id, word])
            .flat_map(u32::to_le_bytes)
            .collect()
    }

    fn parse(events: &[(u32, u32)]) -> Result<Trace, ReadError> {
        Trace::from_bytes("t.trace", &bytes(events), Limits::default())
    }

    #[test]
    fn a_good_trace_is_summed_up() {
        let trace = parse(&[(0, 10), (1, 20), (0, 0), (0, 5), (1, RESIZE | 100), (1, 0)]).unwrap();
        assert_eq!(trace.events().len(), 6);
        assert_eq!(trace.ids(), 2);
        assert_eq!(trace.peak_live_bytes(), 105);
        assert_eq!(trace.peak_event(), 4);
        assert_eq!(trace.live_blocks_at_end(), 1);
    }

    #[test]
    fn every_contradiction_names_its_event_and_its_byte() {
        type Case = (&'static [(u32, u32)], u64, fn(&Fault) -> bool);
        let cases: [Case; 6] = [
            (&[(0, 8), (0, 0), (0, 0)], 16, |f| {
                matches!(f, Fault::FreedDead { event: 2, id: 0 })
            }),
            (&[(0, 8), (0, 8)], 8, |f| {
                matches!(f, Fault::AllocatedTwice { event: 1, id: 0 })
            }),
            (&[(0, 8), (0, 0), (0, RESIZE | 9)], 16, |f| {
                matches!(f, Fault::ResizedDead { event: 2, id: 0 })
            }),
            (&[(0, 8), (2, 8)], 8, |f| {
                matches!(
                    f,
                    Fault::SkippedId {
                        event: 1,
                        id: 2,
                        next: 1
                    }
                )
            }),
            (&[(u32::MAX, 0)], 0, |f| {
                matches!(f, Fault::FreedDead { event: 0, .. })
            }),
            (&[(u32::MAX, RESIZE)], 0, |f| {
                matches!(f, Fault::ResizedDead { event: 0, .. })
            }),
        ];
        for (events, offset, is) in cases {
            let error = parse(events).unwrap_err();
            assert!(is(&error.fault), "{events:?}: {error}");
            assert_eq!(error.offset, offset, "{events:?}");
            assert!(error.to_string().starts_with("t.trace: byte "), "{error}");
        }
    }

    #[test]
    fn every_length_that_is_no_multiple_of_eight_is_refused() {
        let whole = bytes(&[(0, 8), (1, 9), (0, 0)]);
        for length in 0..=whole.len() {
            let result = Trace::from_bytes("t", &whole[..length], Limits::default());
            match length % EVENT_BYTES {
                0 => assert_eq!(result.unwrap().events().len(), length / EVENT_BYTES),
                left => {
                    let error = result.unwrap_err();
                    assert!(
                        matches!(error.fault, Fault::PartialEvent { bytes, .. } if bytes == left)
                    );
                    assert_eq!(error.offset, length as u64);
                }
            }
        }
    }

    #[test]
    fn a_few_events_cannot_ask_for_terabytes() {
        let events: Vec<_> = (0..1000).map(|id| (id, RESIZE - 1)).collect();
        let error = parse(&events).unwrap_err();
        assert!(
            matches!(error.fault, Fault::ContentTooLarge { .. }),
            "{error}"
        );
    }

    #[test]
    fn no_mutation_makes_the_reader_panic_or_accept_a_contradiction() {
        let mut rng = fastrand::Rng::with_seed(11);
        let good = bytes(&[(0, 8), (1, 9), (0, 0), (0, RESIZE - 2), (1, 0), (0, 0)]);
        for _ in 0..20_000 {
            let mut bad = good.clone();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..bad.len());
                bad[at] = rng.u8(..);
            }
            if let Ok(trace) = Trace::from_bytes("t", &bad, Limits::default()) {
                replay_on_a_model(&trace);
            }
        }
    }

    /// Plays the events on a plain set, with assertions where the reader has checks.
    fn replay_on_a_model(trace: &Trace) {
        let mut live = std::collections::HashMap::new();
        for event in trace.events() {
            match event.action() {
                Action::Allocate(bytes) => assert!(live.insert(event.id(), bytes).is_none()),
                Action::Resize(bytes) => assert!(live.insert(event.id(), bytes).is_some()),
                Action::Free => assert!(live.remove(&event.id()).is_some()),
            }
        }
        assert_eq!(live.len(), trace.live_blocks_at_end());
    }
}
