//! Looking at a heap without changing it: census, referrers, the exact
//! reference audit, verification of every structure, and where things were
//! allocated (`tracemalloc`).

pub(crate) mod audit;
pub(crate) mod census;
#[cfg(feature = "testing")]
pub(crate) mod corrupt;
mod referrers;
pub mod tracemalloc;
pub(crate) mod verify;
