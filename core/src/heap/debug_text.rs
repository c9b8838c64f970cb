//! What the collector tells under the debugging switches, in CPython's words.

use std::fmt::Arguments;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::rc::Rc;

use super::core::HeapCore;
use super::surface::{DebugFlags, is_tracked};
use crate::gc::collector::Outcome;
use crate::gc::death::guarded;
use crate::gc::handle::GcAny;
use crate::gc::header::{FROZEN, Header};
use crate::gc::type_info::TypeInfo;
use crate::object::Value;

/// Takes a line of debugging text.
pub(crate) type DebugSink = Rc<dyn Fn(&str)>;

impl HeapCore {
    fn tell(&self, line: Arguments<'_>) {
        let sink = self.debug_sink.borrow().clone();
        let Some(sink) = sink else {
            eprintln!("{line}");
            return;
        };
        guarded(self, "debug sink", TypeInfo::of::<()>(), || {
            sink(&line.to_string());
        });
    }

    pub(crate) fn tell_start(&self, generation: usize) {
        if !self.debug.get().contains(DebugFlags::STATS) {
            return;
        }
        let mut counts = [0; FROZEN as usize + 1];
        self.each_object(|object| {
            // SAFETY: enumerated objects are live.
            let header = unsafe { object.as_ref() };
            counts[header.generation() as usize] += usize::from(is_tracked(header));
        });
        let [young, middle, old, frozen] = counts;
        self.tell(format_args!("gc: collecting generation {generation}..."));
        self.tell(format_args!(
            "gc: objects in each generation: {young} {middle} {old}"
        ));
        self.tell(format_args!(
            "gc: objects in permanent generation: {frozen}"
        ));
    }

    pub(crate) fn tell_stop(&self, outcome: &Outcome, duration_ns: u64) {
        if self.debug.get().contains(DebugFlags::STATS) {
            self.tell(format_args!(
                "gc: done, {} unreachable, {} uncollectable, {:.4}s elapsed",
                outcome.unreachable,
                outcome.uncollectable,
                duration_ns as f64 / 1e9
            ));
        }
    }

    /// A line for every member of the trash that `is_seen` by CPython too, if they
    /// are to be told. The sink is user code, so it gets them when the trash is
    /// guarded.
    pub(crate) fn names_of_collectable(
        &self,
        trash: &[NonNull<Header>],
        is_seen: impl Fn(&NonNull<Header>) -> bool,
    ) -> Vec<String> {
        if !self.debug.get().contains(DebugFlags::COLLECTABLE) {
            return Vec::new();
        }
        let line = |object: &NonNull<Header>| {
            // SAFETY: members of the trash are live; the handle is never given
            // up, and the clones made of it leave the count as it was.
            let handle = unsafe { ManuallyDrop::new(GcAny::from_header(object.as_ptr())) };
            named("collectable", &handle)
        };
        trash.iter().filter(|o| is_seen(o)).map(line).collect()
    }

    pub(crate) fn tell_all(&self, lines: Vec<String>) {
        for line in lines {
            self.tell(format_args!("{line}"));
        }
    }

    /// The heap is given up with objects in its garbage list.
    pub(crate) fn tell_leftovers(&self) {
        let garbage = self.garbage.borrow().clone();
        if garbage.is_empty() || self.debug_sink.borrow().is_none() {
            return;
        }
        let count = garbage.len();
        if self.debug.get().contains(DebugFlags::UNCOLLECTABLE) {
            self.tell(format_args!(
                "gc: {count} uncollectable objects at shutdown:"
            ));
            for object in &garbage {
                self.tell(format_args!("{}", named("uncollectable", object)));
            }
        } else {
            self.tell(format_args!(
                "gc: {count} uncollectable objects at shutdown; \
                 use DebugFlags::UNCOLLECTABLE to list them"
            ));
        }
    }
}

fn named(what: &str, object: &GcAny) -> String {
    let value = Value::from(object.clone());
    let name = match value.type_name() {
        "object" => object.type_name(),
        name => name,
    };
    format!("gc: {what} <{name} {:#x}>", object.address())
}
