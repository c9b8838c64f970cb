//! The differences by design: one predicate each, which says what may differ
//! and nothing else, and a counter of how often it was needed.

use std::collections::BTreeSet;

use crate::program::Lift;

/// How often each predicate covered a difference.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Hits {
    /// A tuple of tuples is untracked in another pass here than in CPython.
    pub(crate) tuples: u64,
    /// A dict is untracked here as soon as it is old and holds nothing tracked.
    pub(crate) dicts: u64,
    /// Such tuples and dicts that CPython counted as collected.
    pub(crate) counted: u64,
    /// Dicts of instances that are counted as collected here.
    pub(crate) asked: u64,
    /// A callback that a finalizer attached to its own trash does not run here.
    pub(crate) own_trash: u64,
    /// Generators closed before they ran: CPython's side released their locals.
    pub(crate) unstarted: u64,
    /// A survivor is young in CPython because its finalizer ran when another's
    /// had cut it off.
    pub(crate) mixed: u64,
    /// Programs that do the same when the trash is met in another order.
    pub(crate) reordered: u64,
}

impl Hits {
    pub(crate) fn rows(&self) -> [(&'static str, u64); 8] {
        [
            ("tuples of tuples", self.tuples),
            ("dicts that hold nothing tracked", self.dicts),
            ("of either, not counted as collected", self.counted),
            ("dicts of instances, counted as collected", self.asked),
            ("callbacks attached to own trash", self.own_trash),
            ("locals of unstarted generators", self.unstarted),
            ("survivors cut off before their finalizer", self.mixed),
            ("trash met in another order", self.reordered),
        ]
    }
}

/// What one side did between two looks: events, and the states around them.
/// States are there when the program is looked at closely.
pub(crate) struct Span<'a> {
    pub(crate) events: Vec<String>,
    pub(crate) before: &'a [String],
    pub(crate) after: &'a [String],
}

/// Compares one program's events and states, up to the one difference that the
/// program does not stay clear of.
pub(crate) struct Lenient<'a> {
    lift: Lift,
    hits: &'a mut Hits,
    /// What CPython's statistics have more than ours, by generation.
    ahead: [i64; 3],
    /// Markers of those whose finalizers ran in the last collection, if that was
    /// more than one.
    together: BTreeSet<String>,
}

impl Lenient<'_> {
    pub(crate) fn new(lift: Lift, hits: &mut Hits) -> Lenient<'_> {
        Lenient {
            lift,
            hits,
            ahead: [0; 3],
            together: BTreeSet::new(),
        }
    }

    pub(crate) fn same_events(&mut self, ours: &Span, theirs: &Span) -> bool {
        match self.lift {
            Lift::Nothing => ours.events == theirs.events,
            Lift::Tuples | Lift::Dicts | Lift::Asked => self.same_but_for_counted(ours, theirs),
            Lift::OwnTrash => {
                let kept = without_own_callbacks(&ours.events, &theirs.events);
                self.hits.own_trash += (theirs.events.len() - kept.len()) as u64;
                ours.events == kept
            }
            Lift::Unstarted => {
                let closed = ours.events.iter().filter(|event| event.starts_with('u'));
                self.hits.unstarted += closed.count() as u64;
                ours.events == theirs.events
            }
            Lift::Mixed => {
                if let Some(finalized) = finalized_in_last(&theirs.events) {
                    let several = finalized.len() > 1;
                    self.together = if several { finalized } else { BTreeSet::new() };
                }
                ours.events == theirs.events
            }
        }
    }

    /// Whoever is counted as collected on one side only may be, and the numbers of
    /// collected objects differ by those.
    fn same_but_for_counted(&mut self, ours: &Span, theirs: &Span) -> bool {
        let (our_events, our_numbers) = without_numbers(&ours.events);
        let (their_events, their_numbers) = without_numbers(&theirs.events);
        let (here, there) = (self.told_and_gone(ours), self.told_and_gone(theirs));
        if our_events != their_events || here.len() != there.len() {
            return false;
        }
        let mut differences = Vec::new();
        for (index, (here, there)) in here.iter().zip(&there).enumerate() {
            for marker in here.told.symmetric_difference(&there.told) {
                let is_here = here.told.contains(marker);
                if !self.may_be_counted_once(marker, is_here, ours, theirs, index > 0) {
                    return false;
                }
            }
            let only =
                |these: &Told, those: &Told| these.told.difference(&those.told).count() as i64;
            let (fewest, most) = (-only(here, there), only(there, here));
            // What a finalizer cut loose was told about, and is gone, but was not
            // counted: it died by its count.
            differences.push(match here.finalizes {
                true => fewest..=most,
                false => fewest + most..=fewest + most,
            });
            match self.lift {
                Lift::Asked => self.hits.asked += (most - fewest) as u64,
                _ => self.hits.counted += (most - fewest) as u64,
            }
        }
        let mut numbers = our_numbers.iter().zip(&their_numbers);
        let alike = numbers.all(|(our, their)| {
            let by = their.number - our.number;
            our.of
                .map_or(by == 0, |index| differences[index].contains(&by))
        });
        for (our, their) in our_numbers.iter().zip(&their_numbers) {
            if let (true, Some(index)) = (our.ends, our.of) {
                self.ahead[here[index].generation] += their.number - our.number;
            }
        }
        alike
    }

    /// The same with and without a look at the state, but for tuples of tuples that
    /// died: a look makes the next collection examine them, in which it untracks more.
    pub(crate) fn same_unseen(
        &mut self,
        seen: &[String],
        unseen: &[String],
        [before, after]: [&[String]; 2],
    ) -> bool {
        if seen == unseen || self.lift != Lift::Tuples {
            return seen == unseen;
        }
        let lines = before.iter().filter_map(|line| Line::of(line));
        let gone = lines.filter(|line| line_of(line.marker(), after).is_none());
        let most = gone
            .filter(|line| self.may_be_untracked(line, before))
            .count() as u64;
        let (seen, seen_numbers) = without_numbers(seen);
        let (unseen, unseen_numbers) = without_numbers(unseen);
        let numbers = || seen_numbers.iter().zip(&unseen_numbers);
        let apart = |(seen, unseen): (&Number, &Number)| seen.number.abs_diff(unseen.number);
        self.hits.counted += numbers()
            .filter(|(seen, _)| seen.ends)
            .map(apart)
            .sum::<u64>();
        seen == unseen && numbers().all(|pair| apart(pair) <= most)
    }

    /// `collected`: a collection of the same span has run before the one that
    /// counted the object, so that the state in front of it may be out of date.
    fn may_be_counted_once(
        &self,
        marker: &str,
        is_here: bool,
        ours: &Span,
        theirs: &Span,
        collected: bool,
    ) -> bool {
        let (Some(our), Some(their)) =
            (line_of(marker, ours.before), line_of(marker, theirs.before))
        else {
            return false;
        };
        match self.lift {
            Lift::Asked => is_here && our.letter().eq_ignore_ascii_case(&'o'),
            _ => {
                let apart = collected || self.is_apart(&our, &their);
                let side = self.lift == Lift::Tuples || !is_here;
                side && apart && self.may_be_untracked(&our, ours.before)
            }
        }
    }

    /// Of each collection, those that it told about and that are gone afterwards, or
    /// kept as garbage.
    fn told_and_gone(&self, span: &Span) -> Vec<Told> {
        let mut collections = told_in(&span.events);
        let saved = garbage(span.after);
        for index in 0..collections.len() {
            let (now, later) = collections[index..].split_at_mut(1);
            now[0].told.retain(|marker| {
                let again = later.iter().any(|later| later.told.contains(marker));
                let is_gone = line_of(marker, span.after).is_none();
                self.is_told_of(marker, span.before)
                    && !again
                    && (is_gone || saved.contains(marker))
            });
        }
        collections
    }

    /// Whether an object that a collection told about is of the kind that the
    /// program is about. (In `Asked`, dicts are told by their instance's marker.)
    fn is_told_of(&self, marker: &str, before: &[String]) -> bool {
        let letter = line_of(marker, before).map(|line| line.letter());
        match self.lift {
            Lift::Tuples => letter == Some('T'),
            Lift::Dicts => letter == Some('D'),
            _ => matches!(letter, Some('O' | 'o')),
        }
    }

    pub(crate) fn same_state(&mut self, ours: &[String], theirs: &[String]) -> bool {
        if !self.lift.by_line() {
            return ours == theirs;
        }
        let saved = [garbage(ours), garbage(theirs)];
        ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(our, their)| {
                our == their
                    || self.differs_in_tracking(our, their, ours, &saved)
                    || self.differs_in_garbage(our, their, ours, &saved)
                    || self.differs_in_generation(our, their)
                    || self.differs_in_statistics(our, their)
            })
    }

    /// A tuple that holds a tuple, or a dict that holds no container, whose
    /// tracking and generation alone differ.
    fn differs_in_tracking(
        &mut self,
        our: &str,
        their: &str,
        lines: &[String],
        saved: &[BTreeSet<String>; 2],
    ) -> bool {
        let (Some(our), Some(their)) = (Line::of(our), Line::of(their)) else {
            return false;
        };
        // The list of garbage holds one that `SAVEALL` kept on one side only.
        let held = |side: usize| i64::from(saved[side].contains(our.marker()));
        let same = our.name == their.name
            && our.count() - held(0) == their.count() - held(1)
            && our.rest[1..] == their.rest[1..]
            && our.edges == their.edges;
        // Once the next collection untracks it there too, the list's reference is all that is left.
        let kept_apart = match self.lift {
            Lift::Tuples => held(0) != held(1),
            _ => held(1) > held(0),
        };
        let apart = kept_apart || self.is_apart(&our, &their);
        if !(same && apart && self.may_be_untracked(&our, lines)) {
            return false;
        }
        match self.lift {
            Lift::Tuples => self.hits.tuples += 1,
            _ => self.hits.dicts += 1,
        }
        true
    }

    /// What `SAVEALL` kept on one side only because it was untracked on the other.
    fn differs_in_garbage(
        &self,
        our: &str,
        their: &str,
        lines: &[String],
        [here, there]: &[BTreeSet<String>; 2],
    ) -> bool {
        // Whoever else is among the garbage is the same, and in the same order.
        let rest = |line: &str| -> Option<Vec<String>> {
            let parts = line.strip_prefix("garbage ")?.split(' ');
            let of_both = |part: &&str| {
                let marker = part.strip_prefix('@');
                marker.is_none_or(|marker| here.contains(marker) == there.contains(marker))
            };
            Some(parts.filter(of_both).map(str::to_owned).collect())
        };
        let may_differ = |marker: &String| {
            let side = self.lift == Lift::Tuples || there.contains(marker);
            side && line_of(marker, lines).is_some_and(|line| self.may_be_untracked(&line, lines))
        };
        let (our, their) = (rest(our), rest(their));
        our.is_some() && our == their && here.symmetric_difference(there).all(may_differ)
    }

    /// Such a dict is untracked here first. Which of two tuples that hold each other
    /// an examination meets first is as good as random in both.
    fn is_apart(&self, our: &Line, their: &Line) -> bool {
        match self.lift {
            Lift::Tuples => our.tracked != their.tracked,
            _ => (our.tracked, their.tracked) == ("t0", "t1"),
        }
    }

    fn may_be_untracked(&self, line: &Line, lines: &[String]) -> bool {
        match self.lift {
            Lift::Tuples => {
                let mut edges = line
                    .edges
                    .split(' ')
                    .filter_map(|edge| edge.strip_prefix('@'));
                let mut holds_tuple =
                    || edges.any(|edge| line_of(edge, lines).is_some_and(|to| to.letter() == 'T'));
                line.letter() == 'T' && holds_tuple()
            }
            Lift::Dicts => line.letter() == 'D' && !line.edges.contains(['@', 'w']),
            _ => false,
        }
    }

    /// A survivor of a collection that ran several finalizers, its own among them:
    /// young in CPython when another finalizer had cut it off before.
    fn differs_in_generation(&mut self, our: &str, their: &str) -> bool {
        let (Some(our), Some(their)) = (Line::of(our), Line::of(their)) else {
            return false;
        };
        let same = our.name == their.name
            && our.rest == their.rest
            && our.edges == their.edges
            && our.tracked == their.tracked;
        let covered = self.lift == Lift::Mixed
            && same
            && (our.generation, their.generation) == ("g2", "g0")
            && self.together.contains(our.marker());
        self.hits.mixed += u64::from(covered);
        covered
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

/// The line of an object in a state.
struct Line<'a> {
    /// Marker and letter.
    name: &'a str,
    tracked: &'a str,
    generation: &'a str,
    /// Count, finalized, weak count.
    rest: [&'a str; 3],
    edges: &'a str,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Option<Line<'a>> {
        let mut parts = line.splitn(7, ' ');
        let (name, count, tracked) = (parts.next()?, parts.next()?, parts.next()?);
        let (generation, finalized, weak) = (parts.next()?, parts.next()?, parts.next()?);
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        Some(Line {
            name,
            tracked,
            generation,
            rest: [count, finalized, weak],
            edges: parts.next()?,
        })
    }

    fn marker(&self) -> &'a str {
        self.name
            .trim_end_matches(|c: char| c.is_ascii_alphabetic())
    }

    fn count(&self) -> i64 {
        let digits = self.rest[0].trim_start_matches('r');
        digits.parse().unwrap_or(-1)
    }

    fn letter(&self) -> char {
        self.name.chars().next_back().unwrap_or(' ')
    }
}

fn line_of<'a>(marker: &str, lines: &'a [String]) -> Option<Line<'a>> {
    lines
        .iter()
        .filter(|line| line.starts_with(marker))
        .filter_map(|line| Line::of(line))
        .find(|line| line.marker() == marker)
}

/// Markers in the list of garbage.
fn garbage(lines: &[String]) -> BTreeSet<String> {
    let line = lines.iter().find_map(|line| line.strip_prefix("garbage "));
    let parts = line.unwrap_or("").split(' ');
    parts
        .filter_map(|part| part.strip_prefix('@'))
        .map(str::to_owned)
        .collect()
}

/// What is known of one collection.
#[derive(Default)]
struct Told {
    generation: usize,
    /// Whether a finalizer ran in it.
    finalizes: bool,
    /// Whom it told about.
    told: BTreeSet<String>,
}

fn told_in(events: &[String]) -> Vec<Told> {
    let mut collections: Vec<Told> = Vec::new();
    let mut finalizes = false;
    for event in events {
        match event.chars().next() {
            Some('(') => finalizes = false,
            Some('f' | 'x') => finalizes = true,
            Some(')') => {
                let generation = event[1..].split(':').next();
                collections.push(Told {
                    generation: generation.and_then(|text| text.parse().ok()).unwrap_or(0),
                    finalizes,
                    told: BTreeSet::new(),
                });
            }
            Some('t') => {
                let markers = event[1..].split(',').map(str::to_owned);
                if let Some(last) = collections.last_mut() {
                    last.told.extend(markers);
                }
            }
            _ => {}
        }
    }
    collections
}

/// A number of collected objects in an event.
struct Number {
    number: i64,
    /// The collection that it is of: the last one that came to its end.
    of: Option<usize>,
    /// Whether it stands in the event that ends it.
    ends: bool,
}

/// Events without the numbers of collected objects, and those.
fn without_numbers(events: &[String]) -> (Vec<String>, Vec<Number>) {
    let mut inside = false;
    let mut of = None;
    let mut numbers = Vec::new();
    let mut rest = Vec::new();
    for event in events {
        let kind = event.chars().next().unwrap_or(' ');
        match kind {
            't' => continue,
            '(' => inside = true,
            ')' => {
                inside = false;
                of = Some(of.map_or(0, |of| of + 1));
            }
            _ => {}
        }
        let mut parts: Vec<&str> = event.split([':', '=']).collect();
        let number = parts.get(1).and_then(|number| number.parse().ok());
        match number {
            Some(number) if matches!(kind, ')' | '=' | 'r') && !inside => {
                parts[1] = "";
                rest.push(parts.join(":"));
                numbers.push(Number {
                    number,
                    of,
                    ends: kind == ')',
                });
            }
            _ => rest.push(event.clone()),
        }
    }
    (rest, numbers)
}

/// Markers whose finalizers ran in the last collection; `None` when there was none.
fn finalized_in_last(events: &[String]) -> Option<BTreeSet<String>> {
    let start = events.iter().rposition(|event| event.starts_with('('))?;
    let inside = events[start..]
        .iter()
        .take_while(|event| !event.starts_with(')'));
    let markers = inside.filter_map(|event| event.strip_prefix(['f', 'x']));
    Some(markers.map(str::to_owned).collect())
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
