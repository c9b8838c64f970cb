//! The statistics behind verdicts on numbers that vary.
//!
//! * [`student`]: the t distribution;
//! * [`paired`]: process pairs become verdicts, corrected over the suite and confirmed by a second look;
//! * [`change_points`]: where a series of runs moved to another level.

pub mod change_points;
pub mod paired;
pub mod student;
