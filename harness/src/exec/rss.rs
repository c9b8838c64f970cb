//! One run between two markers, so that the runner can read this process's resident memory at known moments.

use std::io::{self, Write};

use super::session::Session;
use super::{ChildReport, Marker};
use crate::workload::Started;

/// Stops before the run and after everything was dropped and collected; in between the runner samples.
pub(super) fn run(
    session: &Session<'_>,
    mut started: Box<dyn Started + '_>,
) -> io::Result<ChildReport> {
    started.make_ready();
    stop_at(Marker::Before)?;
    let checksum = started.run_once();
    drop(started);
    if let Some(probe) = session.probe() {
        probe.quiesce();
    }
    stop_at(Marker::After)?;
    Ok(session.report(checksum))
}

/// Says where the run is and waits for a line of input.
fn stop_at(marker: Marker) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", marker.line())?;
    out.flush()?;
    io::stdin().read_line(&mut String::new()).map(drop)
}
