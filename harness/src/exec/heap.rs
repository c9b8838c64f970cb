//! Blocks and bytes of one run by dhat, with every object in the system allocator so that dhat sees each of them.
//!
//! The profiler starts after preparation: blocks from before are unknown to it, and freeing one of them counts nothing.

use super::ChildReport;
use super::session::Session;
use crate::workload::Started;

/// Profiles one run; the input is still alive when the last numbers are taken.
pub(super) fn run(session: &Session<'_>, mut started: Box<dyn Started + '_>) -> ChildReport {
    started.make_ready();
    let profiler = profiler(session);
    let checksum = started.run_once();
    let stats = dhat::HeapStats::get();
    drop(profiler);
    let mut report = session.report(checksum);
    let rows = [
        ("total_bytes", "B", stats.total_bytes),
        ("total_blocks", "blocks", stats.total_blocks),
        ("peak_bytes", "B", stats.max_bytes as u64),
        // at the moment at which the bytes peak, as dhat has it; there may have been more blocks at another
        ("peak_blocks", "blocks", stats.max_blocks as u64),
        ("end_bytes", "B", stats.curr_bytes as u64),
        ("end_blocks", "blocks", stats.curr_blocks as u64),
    ];
    for (name, unit, value) in rows {
        report
            .measurements
            .push(session.count(&format!("heap/{name}.system"), unit, value as f64));
    }
    report
}

/// Saves the sites only where they are asked for: resolving them costs more than the run.
fn profiler(session: &Session<'_>) -> dhat::Profiler {
    match &session.request.raw {
        Some(file) => dhat::Profiler::builder().file_name(file).build(),
        None => dhat::Profiler::builder()
            .testing()
            .trim_backtraces(Some(1))
            .build(),
    }
}
