//! An inspection in tables.

use std::fmt;

use super::analysis::Inspection;

/// An inspection as text, with so many rows of each table.
pub(super) struct Tables<'a> {
    pub(super) found: &'a Inspection,
    pub(super) rows: usize,
}

impl fmt::Display for Tables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found;
        writeln!(
            f,
            "heap snapshot: {} nodes, {} edges, {}",
            found.nodes,
            found.edges,
            bytes(found.bytes)
        )?;
        writeln!(
            f,
            "  unreachable from the root: {} nodes, {}",
            found.garbage_nodes,
            bytes(found.garbage_bytes)
        )?;
        self.types(f)?;
        self.largest(f)?;
        self.cycles(f)?;
        self.slots(f)?;
        self.since(f)
    }
}

impl Tables<'_> {
    fn types(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nby type, what would be freed with all of them first\n{:>10} {:>12} {:>12} {:>11}  type, most held by",
            "objects", "own", "retained", "unreachable"
        )?;
        for row in self.found.types.iter().take(self.rows) {
            write!(
                f,
                "{:>10} {:>12} {:>12} {:>11}  {}",
                row.objects,
                bytes(row.bytes),
                bytes(row.retained_bytes),
                row.garbage,
                shortened(&row.type_name)
            )?;
            match &row.holder {
                Some(holder) => writeln!(f, " <- {} ({})", shortened(holder), row.held)?,
                None => writeln!(f)?,
            }
        }
        more(f, self.found.types.len(), self.rows, "types")
    }

    fn largest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nobjects that hold most\n{:>12} {:>12}  path",
            "own", "retained"
        )?;
        for row in self.found.largest.iter().take(self.rows) {
            writeln!(
                f,
                "{:>12} {:>12}  {} (@{})",
                bytes(row.bytes),
                bytes(row.retained_bytes),
                row.path,
                row.id
            )?;
        }
        Ok(())
    }

    fn cycles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cycles = &self.found.cycles;
        writeln!(
            f,
            "\ncycles: {} groups of {} nodes (largest {}); unreachable: {} groups of {} nodes",
            cycles.groups,
            cycles.nodes,
            cycles.largest,
            cycles.garbage_groups,
            cycles.garbage_nodes
        )?;
        for (types, groups) in cycles.garbage_types.iter().take(self.rows) {
            writeln!(f, "{groups:>10}  {types}")?;
        }
        Ok(())
    }

    fn slots(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.found.slots.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\nwhat slots would save, estimated from the attributes that are there\n{:>10} {:>10} {:>12} {:>12}  class",
            "instances", "attributes", "now", "saved"
        )?;
        for row in self.found.slots.iter().take(self.rows) {
            writeln!(
                f,
                "{:>10} {:>10} {:>12} {:>12}  {}",
                row.instances,
                row.attributes,
                bytes(row.bytes),
                bytes(row.saved_bytes),
                row.type_name
            )?;
        }
        Ok(())
    }

    fn since(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(changes) = &self.found.since else {
            return Ok(());
        };
        writeln!(
            f,
            "\nsince the older snapshot\n{:>10} {:>10} {:>10} {:>10} {:>12}  type",
            "before", "after", "new", "gone", "bytes"
        )?;
        for row in changes.iter().take(self.rows) {
            writeln!(
                f,
                "{:>10} {:>10} {:>10} {:>10} {:>+12}  {}",
                row.before,
                row.after,
                row.new,
                row.gone,
                row.bytes,
                shortened(&row.type_name)
            )?;
        }
        more(f, changes.len(), self.rows, "types")
    }
}

fn more(f: &mut fmt::Formatter<'_>, there: usize, shown: usize, what: &str) -> fmt::Result {
    match there.saturating_sub(shown) {
        0 => Ok(()),
        more => writeln!(f, "{:>10}  more {what}; --top N shows N", more),
    }
}

/// Names may hold the text of a whole function.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 60;
    let line = name.lines().next().unwrap_or("");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", &line[..end]),
        None => line.to_owned(),
    }
}

/// Bytes with three digits.
fn bytes(count: u64) -> String {
    const STEP: f64 = 1024.0;
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < STEP {
            return match unit {
                "B" => format!("{count} B"),
                _ => format!("{value:.1} {unit}"),
            };
        }
        value /= STEP;
    }
    format!("{value:.1} TiB")
}
