//! Looking at a heap without changing it: census, referrers, the exact
//! reference audit, and verification of every structure.

pub(crate) mod audit;
pub(crate) mod census;
#[cfg(feature = "testing")]
pub(crate) mod corrupt;
mod referrers;
pub(crate) mod verify;
