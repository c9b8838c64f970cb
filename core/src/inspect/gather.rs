//! One pass over all objects in address order: the ends of their edges as numbers, and counted.

use std::convert::Infallible;

use super::control::{AuditControl, Cancelled};
use super::counts::{Count, Counts, SharedCounts};
use super::graph::{Graph, NONE};
use super::references::Notice;
use super::table::{ObjectTable, Section, Slot};
use super::threads::map_parts;
use crate::gc::collector::visitors::each_place;
use crate::gc::header::Header;

/// Edges that are looked up together.
const BATCH: usize = 256;

/// Objects between two looks at a control: about a millisecond.
const SECTION: usize = 16 << 10;

/// Sections for each thread between two looks, so that none of them waits long for the slowest.
const PER_THREAD: usize = 4;

/// Ends of edges on their way into the graph.
#[derive(Default)]
struct Batch {
    targets: Vec<*const Header>,
    slots: Vec<Option<Slot>>,
    numbers: Vec<u32>,
    /// Edges so far between numbered objects, and others.
    edges: u64,
    missing: u64,
}

impl Batch {
    fn empty_into(
        &mut self,
        table: &ObjectTable,
        graph: Option<&mut Graph>,
        incoming: &mut impl Count,
    ) {
        self.numbers.clear();
        table.numbers_of(&self.targets, &mut self.slots, |number| {
            if let Some(number) = number {
                incoming.fetch(number);
            }
            self.numbers.push(number.unwrap_or(NONE));
        });
        let found = self.numbers.iter().filter(|&&number| number != NONE);
        let before = self.edges;
        for &number in found {
            incoming.add(number);
            self.edges += 1;
        }
        self.missing += self.numbers.len() as u64 - (self.edges - before);
        if let Some(graph) = graph {
            graph.push_edges(&self.numbers);
        }
        self.targets.clear();
    }

    /// Takes the edges of a section's objects.
    fn take(
        &mut self,
        table: &ObjectTable,
        section: &Section,
        graph: &mut Option<&mut Graph>,
        incoming: &mut impl Count,
        notice: &mut impl Notice,
    ) {
        table.each_in(section, |_, object| {
            notice.object(object);
            // SAFETY: a walk shows live objects; nothing runs in between.
            unsafe {
                each_place(object, false, |target, place| {
                    notice.edge(place);
                    self.targets.push(target.as_ptr());
                    if self.targets.len() == BATCH {
                        self.empty_into(table, graph.as_deref_mut(), incoming);
                    }
                });
            }
            if let Some(graph) = graph {
                graph.end_node(self.targets.len());
            }
        });
    }
}

/// Counts the references to every object, and writes the edges into the graph if there is one. Returns the counts and
/// the number of edges.
pub(super) fn gather(
    table: &ObjectTable,
    graph: Option<&mut Graph>,
    notice: &mut impl Notice,
) -> (Counts, u64) {
    let sections = table.sections(usize::MAX);
    let go_on = |_: &Section| Ok::<(), Infallible>(());
    let Ok(gathered) = gather_alone(table, &sections, graph, notice, go_on);
    gathered
}

/// The same for nobody who takes notice, on several threads and under a control.
pub(super) fn gather_in_sections(
    table: &ObjectTable,
    graph: &mut Graph,
    threads: usize,
    control: &AuditControl,
) -> Result<(Counts, u64), Cancelled> {
    let sections = table.sections(SECTION);
    if threads == 1 {
        let go_on = |section: &Section| control.step(section.len());
        return gather_alone(table, &sections, Some(graph), &mut (), go_on);
    }
    *graph = Graph::with_capacity(table.len());
    let incoming = SharedCounts::none(table.len());
    let (mut edges, mut missing) = (0, 0);
    for window in sections.chunks(threads * PER_THREAD) {
        control.step(window.iter().map(Section::len).sum())?;
        let gather = |section: &Section| {
            let mut part = Graph::with_capacity(section.len());
            let mut batch = Batch::default();
            let mut counts = &incoming;
            batch.take(table, section, &mut Some(&mut part), &mut counts, &mut ());
            batch.empty_into(table, Some(&mut part), &mut counts);
            (part, batch.edges, batch.missing)
        };
        // SAFETY: the heap stands still; counts are atomic, and each value is visited with its section.
        for (part, found, lost) in unsafe { map_parts(threads, window, gather) } {
            graph.append(&part);
            edges += found;
            missing += lost;
        }
    }
    if missing > 0 {
        graph.drop_missing();
    }
    Ok((incoming.into_counts(), edges))
}

/// On one thread, which asks before each section whether to go on.
fn gather_alone<E>(
    table: &ObjectTable,
    sections: &[Section],
    mut graph: Option<&mut Graph>,
    notice: &mut impl Notice,
    go_on: impl Fn(&Section) -> Result<(), E>,
) -> Result<(Counts, u64), E> {
    let mut incoming = Counts::none(table.len());
    if let Some(graph) = &mut graph {
        **graph = Graph::with_capacity(table.len());
    }
    notice.begin(table.len());
    let mut batch = Batch::default();
    for section in sections {
        go_on(section)?;
        batch.take(table, section, &mut graph, &mut incoming, notice);
    }
    batch.empty_into(table, graph.as_deref_mut(), &mut incoming);
    if let Some(graph) = graph
        && batch.missing > 0
    {
        notice.keep_edges(&|edge| graph.target(edge) != NONE);
        graph.drop_missing();
    }
    Ok((incoming, batch.edges))
}
