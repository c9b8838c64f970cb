//! Whether heap and model agree.

use exuvia_core::{Gc, GcAny};

use super::{Checked, Machine};
use crate::kinds::{Big, Event, Heavy, Id, Slots, Wide};
use crate::model::{FROZEN, Object, Verdict, Watched};
use crate::typed;

impl Machine {
    /// Takes in what user code did, and follows collections that ran first.
    pub(super) fn observe(&mut self) -> Checked {
        for birth in self.world.births.take() {
            self.model.watched.push(Watched {
                by: birth.by,
                caller: birth.caller,
                caller_made: birth.caller_made,
                weak: birth.weak.as_ref().map(|(id, _)| *id),
            });
            self.weaks.extend(birth.weak);
        }
        self.events.append(&mut self.world.log.borrow_mut());
        while let Some(Event::Start(generation)) = self.events.first().copied() {
            let is_stop = |event: &Event| matches!(event, Event::Stop(..));
            let end = self.events.iter().position(is_stop);
            let end = end.ok_or("a collection that does not stop")?;
            let segment: Vec<Event> = self.events.drain(..=end).collect();
            let verdict = self.model.collect(generation as u8);
            self.tally.collections += 1;
            self.tally.cycles += verdict.unreachable as u64;
            self.tally.resurrections += verdict.resurrected as u64;
            self.tally.pairs += verdict.released as u64;
            let expected = std::mem::take(&mut self.model.log);
            judge(generation, &segment, expected, &verdict)?;
        }
        Ok(())
    }

    /// The rest of the events happened by count: their order is exact.
    pub(super) fn settle(&mut self) -> Checked {
        self.observe()?;
        let (events, expected) = (
            std::mem::take(&mut self.events),
            std::mem::take(&mut self.model.log),
        );
        ensure!(
            events == expected,
            "happened: {events:?}\n expected: {expected:?}"
        );
        for event in events {
            self.tally.callbacks += u64::from(matches!(event, Event::Called(_)));
            self.tally.deaths += u64::from(matches!(event, Event::Died(_)));
        }
        let mut raised = std::mem::take(&mut self.model.raised);
        for (by, object) in self.world.raised.take() {
            let known = raised.iter().position(|(other, _)| *other == by);
            let known = known.ok_or_else(|| format!("{by} raised an object"))?;
            self.tally.resurrections += 1;
            self.handles.push((raised.swap_remove(known).1, object));
        }
        ensure!(raised.is_empty(), "nobody raised {raised:?}");
        Ok(())
    }

    pub(super) fn compare(&self) -> Checked {
        let live = self.heap.live_objects();
        ensure!(
            live == self.model.live,
            "{live} objects live, {} in the model",
            self.model.live
        );
        for (id, object) in &self.handles {
            let model = self.model.get(*id);
            let expected = if model.immortal {
                u32::MAX as usize
            } else {
                model.refs
            };
            let count = object.ref_count();
            ensure!(
                model.exists() && count == expected,
                "{id}: {count} references, {expected} in the model"
            );
            ensure!(
                object.is_finalized() == model.finalized,
                "{id}: finalized or not?"
            );
        }
        for (id, weak) in &self.weaks {
            let target = self.model.get(*id).target;
            ensure!(
                weak.dead() == target.is_none(),
                "weak reference {id} is dead or not? {target:?}"
            );
        }
        Ok(())
    }

    /// Structures, generations, edges: too slow for every step.
    pub(super) fn compare_deeply(&self) -> Checked {
        let report = self.heap.verify().map_err(|error| error.to_string())?;
        let edges: usize = self.model.all().map(|(_, o)| edges_of(&o.slots)).sum();
        ensure!(
            report.edges == edges,
            "{} edges, {edges} in the model",
            report.edges
        );
        for generation in 0..3 {
            let objects = self.heap.objects(Some(generation as usize));
            let found = objects.map_err(|error| error.to_string())?.len();
            let expected = self.in_generation(generation);
            ensure!(
                found == expected,
                "{found} objects in generation {generation}, {expected} in the model"
            );
        }
        let frozen = self.heap.freeze_count();
        ensure!(frozen == self.in_generation(FROZEN), "{frozen} are frozen");
        let errors = self.heap.take_errors();
        ensure!(errors.is_empty(), "{errors:?}");
        for (id, object) in &self.handles {
            check_content(object, *id)?;
            let found = self.heap.referents(object).len();
            let expected = edges_of(&self.model.get(*id).slots);
            ensure!(
                found == expected,
                "{id}: {found} edges, {expected} in the model"
            );
            typed!(object, gc => {
                let weaks = self.model.get(*id).weaks.len();
                ensure!(Gc::weak_count(gc) == weaks, "{id}: {weaks} weak references");
            });
        }
        let held = self.handles.iter().map(|(id, _)| *id);
        let rooted = self.roots.iter().map(|(id, _)| *id);
        let weaks = self.weaks.iter().map(|(id, _)| *id);
        self.model.recount(held.chain(rooted).chain(weaks))
    }

    pub(super) fn in_generation(&self, generation: u8) -> usize {
        let of = |object: &Object| object.kind.is_container() && object.generation == generation;
        self.model.all().filter(|(_, object)| of(object)).count()
    }
}

fn edges_of(slots: &[Option<Id>]) -> usize {
    slots.iter().flatten().count()
}

/// Values read back as they were written.
pub(super) fn check_content(object: &GcAny, id: Id) -> Checked {
    let written = typed!(object, gc => gc.id()).flatten();
    ensure!(written.is_none_or(|w| w == id), "{id} reads {written:?}");
    if let Some(big) = object.downcast_ref::<Big>() {
        let same = big.bytes.iter().all(|byte| *byte == id as u8);
        ensure!(same, "{id}: a large object lost its content");
    }
    if let Some(heavy) = object.downcast_ref::<Heavy>() {
        let same = heavy.bytes.iter().all(|byte| *byte == id as u8);
        ensure!(same, "{id}: an object lost its content");
    }
    if let Some(wide) = object.downcast_ref::<Wide>() {
        let address = std::ptr::from_ref::<Wide>(wide).addr();
        ensure!(address.is_multiple_of(64), "{id}: not aligned");
    }
    Ok(())
}

/// What a collection logged against what it must have done: deaths and
/// finalizers as sets, callbacks per referent in order, phases in order.
fn judge(generation: usize, log: &[Event], expected: Vec<Event>, verdict: &Verdict) -> Checked {
    let stop = Event::Stop(generation, verdict.unreachable);
    ensure!(
        log.last() == Some(&stop),
        "{:?} instead of {stop:?}",
        log.last()
    );
    let inner = &log[1..log.len() - 1];
    let counted = |event: &Event| !matches!(event, Event::Called(c) if verdict.either.contains(c));
    let sorted = |events: &[Event]| {
        let mut events: Vec<Event> = events.iter().copied().filter(|e| counted(e)).collect();
        events.sort_unstable();
        events
    };
    let (happened, wanted) = (sorted(inner), sorted(&expected));
    ensure!(
        happened == wanted,
        "collection of {generation} happened: {happened:?}\n expected: {wanted:?}"
    );
    let found = |id: &Id| verdict.found.contains(id);
    let finalizers = positions(inner, |e| matches!(e, Event::Finalized(id) if found(id)));
    let deaths = positions(inner, |e| matches!(e, Event::Died(id) if found(id)));
    for callers in &verdict.calls {
        let called: Vec<usize> = callers
            .iter()
            .flat_map(|caller| positions(inner, |e| *e == Event::Called(*caller)))
            .collect();
        ensure!(called.is_sorted(), "callbacks not newest first: {inner:?}");
        let last = called.last().max(finalizers.last());
        ensure!(
            called.last() <= finalizers.first().or(called.last()),
            "a callback after a finalizer: {inner:?}"
        );
        ensure!(
            last <= deaths.first().or(last),
            "a death before a callback: {inner:?}"
        );
    }
    ensure!(
        finalizers.last() <= deaths.first().or(finalizers.last()),
        "a death before a finalizer: {inner:?}"
    );
    Ok(())
}

fn positions(events: &[Event], wanted: impl Fn(&Event) -> bool) -> Vec<usize> {
    let numbered = events.iter().enumerate();
    numbered
        .filter(|(_, e)| wanted(e))
        .map(|(i, _)| i)
        .collect()
}
