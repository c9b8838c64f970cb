//! `exuvia inspect SNAPSHOT`: what is alive in a heap snapshot, what holds it, and what would be freed with it.
//!
//! | file | what |
//! |---|---|
//! | `types` | which nodes belong together under one name |
//! | `analysis` | reachability, dominators, holders, cycles: everything that is counted |
//! | `slots` | what classes would save by declaring slots |
//! | `since` | what changed since an older snapshot of the same process |
//! | `report` | the tables |
//! | `command` | the subcommand |
//!
//! The graph algorithms are those of the heap's own inspections ([`exuvia_core::Graph`]). All are O(nodes + edges) in time
//! and memory, sorting of the rows that are shown aside.

mod analysis;
mod command;
mod report;
mod since;
mod slots;
mod types;

pub use analysis::Inspection;
pub use command::command;

#[cfg(test)]
mod tests;
