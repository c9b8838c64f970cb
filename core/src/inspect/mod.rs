//! Looking at a heap without changing it.
//!
//! | file | what |
//! |---|---|
//! | `census`, `referrers` | what is alive, and who refers to whom |
//! | `table` | dense numbers for live objects: what all side tables are indexed by |
//! | `arrays`, `bits` | the side tables themselves |
//! | `place`, `types`, `tree` | fields, types and holder paths in words |
//! | `references` | edges as numbers, and how much of each count they explain |
//! | `gather`, `counts` | the pass over all objects that finds them |
//! | `reach` | from where each object is reached first |
//! | `walk` | both, with the types and holder paths of all objects |
//! | `audit`, `stages` | every count against what explains it, on several threads |
//! | `control`, `threads` | how an audit is held up, and by whom it is done |
//! | `survey` | what a walk found, in counts |
//! | `sketch` | whether a survey would say anything new |
//! | `mark`, `holders` | what is new since a moment, and who holds it |
//! | `graph`, `dominators`, `cycles` | graph algorithms on flat arrays, of use without a heap too |
//! | `tracemalloc` | where things were allocated |
//! | `verify`, `corrupt` | verification of every structure, and its own test |
//!
//! Read `table`, `references` and `reach` first. All are O(objects + edges), use constant stack, and run no user code.

mod arrays;
pub(crate) mod audit;
mod bits;
pub(crate) mod census;
pub(crate) mod control;
#[cfg(feature = "testing")]
pub(crate) mod corrupt;
mod counts;
mod cycles;
pub(crate) mod dominators;
mod gather;
pub(crate) mod graph;
pub(crate) mod holders;
pub(crate) mod mark;
pub(crate) mod place;
mod reach;
mod references;
mod referrers;
pub(crate) mod sketch;
mod stages;
pub(crate) mod survey;
mod table;
mod threads;
pub mod tracemalloc;
pub(crate) mod tree;
mod types;
pub(crate) mod verify;
mod walk;
