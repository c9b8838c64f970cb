//! The differences by design: one predicate each, which says what may differ
//! and nothing else, and a counter of how often it was needed.

use crate::program::Lift;

/// How often each predicate covered a difference.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Hits {
    /// A tuple of tuples is untracked in another pass here than in CPython.
    pub(crate) tuples: u64,
    /// A dict is untracked here as soon as it is old and holds nothing tracked.
    pub(crate) dicts: u64,
    /// Numbers of collected objects that leave such tuples or dicts out.
    pub(crate) collected: u64,
    /// A generator's callbacks run after its exit here.
    pub(crate) generators: u64,
    /// A callback that a finalizer attached to its own trash does not run here.
    pub(crate) own_trash: u64,
}

impl Hits {
    pub(crate) fn rows(&self) -> [(&'static str, u64); 5] {
        [
            ("tuples of tuples", self.tuples),
            ("dicts that hold nothing tracked", self.dicts),
            ("untracked ones not counted as collected", self.collected),
            ("callbacks of a dying generator", self.generators),
            ("callbacks attached to own trash", self.own_trash),
        ]
    }
}

/// Compares one program's events and states, up to the one difference that the
/// program does not stay clear of.
pub(crate) struct Lenient<'a> {
    lift: Lift,
    hits: &'a mut Hits,
    /// Objects that one may count and the other not, at the last state.
    bound: i64,
    /// What CPython's statistics have more than ours, by generation.
    ahead: [i64; 3],
}

impl Lenient<'_> {
    pub(crate) fn new(lift: Lift, hits: &mut Hits) -> Lenient<'_> {
        Lenient {
            lift,
            hits,
            bound: 0,
            ahead: [0; 3],
        }
    }

    pub(crate) fn same_events(&mut self, ours: Vec<String>, theirs: Vec<String>) -> bool {
        if ours == theirs {
            return true;
        }
        match self.lift {
            Lift::Nothing => false,
            Lift::Tuples | Lift::Dicts => self.same_but_for_numbers(&ours, &theirs),
            Lift::Generators => {
                let (ours, ours_called) = without_callbacks_of_exits(&ours);
                let right_before = callbacks_right_before_exits(&theirs);
                let (theirs, called) = without_callbacks_of_exits(&theirs);
                // One whose reference the frame held died with it here.
                let mut called = called.iter();
                let in_order = ours_called.iter().all(|event| called.any(|c| c == event));
                let same = right_before && ours == theirs && in_order;
                self.hits.generators += u64::from(same);
                same
            }
            Lift::OwnTrash => {
                let kept = without_own_callbacks(&ours, &theirs);
                self.hits.own_trash += (theirs.len() - kept.len()) as u64;
                ours == kept
            }
        }
    }

    /// Numbers of collected objects may be larger in CPython by the objects
    /// that are untracked here only; with tuples of tuples, also smaller.
    fn same_but_for_numbers(&mut self, ours: &[String], theirs: &[String]) -> bool {
        ours.len() == theirs.len()
            && ours
                .iter()
                .zip(theirs)
                .all(|(our, their)| our == their || self.is_number_of_collected(our, their))
    }

    fn is_number_of_collected(&mut self, our: &str, their: &str) -> bool {
        let Some(((of, our), (other, their))) = collected(our).zip(collected(their)) else {
            return false;
        };
        let more = their - our;
        let least = match self.lift {
            Lift::Tuples => -self.bound,
            _ => 0,
        };
        if of != other || !(least..=self.bound).contains(&more) {
            return false;
        }
        self.hits.collected += 1;
        if let Some(generation) = of.strip_prefix(')').and_then(|text| text.parse().ok()) {
            let generation: usize = generation;
            self.ahead[generation] += more;
        }
        true
    }

    pub(crate) fn same_state(&mut self, ours: &[String], theirs: &[String]) -> bool {
        let letter = match self.lift {
            Lift::Tuples => 'T',
            Lift::Dicts => 'D',
            _ => return ours == theirs,
        };
        // Untracked here or not, they may be in the next operation.
        let may_be = theirs.iter().filter(|line| is_of(line, letter)).count();
        self.bound = i64::try_from(may_be).unwrap_or(i64::MAX);
        ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(our, their)| {
                our == their
                    || self.differs_in_tracking(our, their, theirs)
                    || self.differs_in_statistics(our, their)
            })
    }

    /// A tuple that holds a tuple, or a dict that holds no container, whose
    /// tracking and generation alone differ. Such a dict is untracked here first.
    fn differs_in_tracking(&mut self, our: &str, their: &str, lines: &[String]) -> bool {
        let (Some(ours), Some(theirs)) = (fields(our), fields(their)) else {
            return false;
        };
        let same = ours.name == theirs.name && ours.rest == theirs.rest;
        if !same || ours.tracked == theirs.tracked {
            return false;
        }
        let earlier_here = ours.tracked == "t0";
        let holds = |letter| {
            let mut edges = ours
                .edges
                .split(' ')
                .filter_map(|edge| edge.strip_prefix('@'));
            edges.any(|edge| {
                lines
                    .iter()
                    .any(|line| line.starts_with(&format!("{edge}{letter} ")))
            })
        };
        match self.lift {
            Lift::Tuples if ours.name.ends_with('T') && holds('T') => self.hits.tuples += 1,
            Lift::Dicts
                if ours.name.ends_with('D') && earlier_here && !ours.edges.contains(['@', 'w']) =>
            {
                self.hits.dicts += 1;
            }
            _ => return false,
        }
        true
    }

    fn differs_in_statistics(&self, our: &str, their: &str) -> bool {
        let numbers = |line: &str| -> Option<Vec<i64>> {
            let line = line.strip_prefix("stats ")?;
            line.split([' ', ','])
                .map(|part| part.parse().ok())
                .collect()
        };
        let Some((mut ours, theirs)) = numbers(our).zip(numbers(their)) else {
            return false;
        };
        for (generation, ahead) in self.ahead.iter().enumerate() {
            if let Some(collected) = ours.get_mut(3 * generation + 1) {
                *collected += ahead;
            }
        }
        ours == theirs
    }
}

/// What a number of collected objects belongs to, and the number.
fn collected(event: &str) -> Option<(&str, i64)> {
    match event.chars().next()? {
        ')' => {
            let mut parts = event.split(':');
            let of = parts.next()?;
            let number = parts.next()?.parse().ok()?;
            (parts.next()? == "0").then_some((of, number))
        }
        '=' => Some(("=", event[1..].parse().ok()?)),
        'r' => {
            let (of, number) = event.split_once(':')?;
            Some((of, number.parse().ok()?))
        }
        _ => None,
    }
}

struct Fields<'a> {
    /// Marker and letter.
    name: &'a str,
    tracked: &'a str,
    /// Count, finalized, weak count.
    rest: [&'a str; 3],
    edges: &'a str,
}

fn fields(line: &str) -> Option<Fields<'_>> {
    let mut parts = line.splitn(7, ' ');
    let (name, count, tracked) = (parts.next()?, parts.next()?, parts.next()?);
    let (_generation, finalized, weak) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Fields {
        name,
        tracked,
        rest: [count, finalized, weak],
        edges: parts.next()?,
    })
}

fn is_of(line: &str, letter: char) -> bool {
    line.split(' ')
        .next()
        .is_some_and(|name| name.ends_with(letter))
}

/// Takes out the callbacks of generators that exit, each generator's in order.
fn without_callbacks_of_exits(events: &[String]) -> (Vec<String>, Vec<String>) {
    let exits: Vec<String> = events
        .iter()
        .filter_map(|event| Some(format!("c{}/", event.strip_prefix('x')?)))
        .collect();
    let of_exit = |event: &&String| exits.iter().any(|exit| event.starts_with(exit));
    let (mut taken, kept): (Vec<String>, Vec<String>) = {
        let (taken, kept): (Vec<&String>, Vec<&String>) = events.iter().partition(of_exit);
        let owned = |events: Vec<&String>| events.into_iter().cloned().collect();
        (owned(taken), owned(kept))
    };
    taken.sort_by_key(|event| exits.iter().position(|exit| event.starts_with(exit)));
    (kept, taken)
}

/// Whether the callbacks of each generator that exits run right before it.
fn callbacks_right_before_exits(events: &[String]) -> bool {
    events.iter().enumerate().all(|(at, event)| {
        let Some(generator) = event.strip_prefix('x') else {
            return true;
        };
        let callback = format!("c{generator}/");
        let all = events.iter().filter(|event| event.starts_with(&callback));
        let before = events[..at].iter().rev();
        let right_before = before.take_while(|event| event.starts_with(&callback));
        all.count() == right_before.count()
    })
}

/// Leaves out callbacks inside of collections that finalizers attached to their
/// own objects, unless they ran here too.
fn without_own_callbacks(ours: &[String], theirs: &[String]) -> Vec<String> {
    let own = |event: &str| {
        let (of, back) = event.strip_prefix('c')?.split_once('/')?;
        let (of, back): (i64, i64) = (of.parse().ok()?, back.parse().ok()?);
        (back == of + 20_000_000).then_some(())
    };
    let mut inside = false;
    let mut kept = Vec::with_capacity(theirs.len());
    for event in theirs {
        match event.chars().next() {
            Some('(') => inside = true,
            Some(')') => inside = false,
            _ => {}
        }
        if !(inside && own(event).is_some() && !ours.contains(event)) {
            kept.push(event.clone());
        }
    }
    kept
}
