//! What one measured process does: one case, one instrument, one line of JSON.
//!
//! The runner starts `EXE exec CASE --instrument X --protocol 1` and reads the last line of standard output that is a
//! [`ChildReport`]; whatever the workload itself prints is passed over. A measured process starts no thread.
//!
//! - [`request`]: the arguments;
//! - [`protocol`]: the line of JSON, and the markers of the resident-memory run;
//! - [`inject`]: defects of known size, for the self test;
//! - [`orphan`]: a measured process ends with the run that started it;
//! - [`session`]: the prepared case, and the checksum every instrument verifies;
//! - `time`, `counted`, `heap`, `leaks`, `rss`: the instruments.
//!
//! A wrong checksum is a report with status `failed`; a panic or a crash is the runner's to describe.

mod counted;
#[cfg(feature = "dhat")]
mod heap;
mod inject;
mod leaks;
mod orphan;
mod protocol;
mod request;
mod rss;
mod session;
#[cfg(feature = "time")]
mod time;

pub(crate) use counted::ENTRY_POINT;
pub(crate) use inject::Inject;
pub(crate) use orphan::end_with_parent;
pub(crate) use protocol::{ChildReport, Marker, PROTOCOL};
pub(crate) use request::{Instrument, Request};

use crate::Suite;

/// Runs the case and prints its report. The result is the exit code: 0 whenever a report was printed.
pub(crate) fn exec(suite: &mut Suite, args: &[String]) -> u8 {
    match Request::parse(args)
        .map_err(|error| error.to_string())
        .and_then(|request| measure(suite, &request))
    {
        Ok(report) => {
            println!("{}", report.to_line());
            0
        }
        Err(message) => {
            eprintln!("exuvia exec: {message}");
            2
        }
    }
}

fn measure(suite: &mut Suite, request: &Request) -> Result<ChildReport, String> {
    let (session, started) = session::open(suite, request)?;
    let started = match request.inject {
        Some(inject) => Box::new(inject::Injected {
            inner: started,
            inject,
        }),
        None => started,
    };
    match request.instrument {
        Instrument::Plain => Ok(counted::run_plain(&session, started)),
        Instrument::Instructions => Ok(counted::run(&session, started)),
        Instrument::Footprint => Ok(counted::run_footprint(&session, started)),
        Instrument::Leaks => Ok(leaks::run(&session, started)),
        Instrument::Rss => rss::run(&session, started)
            .map_err(|error| format!("cannot talk to the runner: {error}")),
        #[cfg(feature = "time")]
        Instrument::Time => time::run(&session, started),
        #[cfg(feature = "dhat")]
        Instrument::Heap => Ok(heap::run(&session, started)),
        #[cfg(not(all(feature = "time", feature = "dhat")))]
        other => Err(format!(
            "this program was built without the instrument `{}`",
            other.as_str()
        )),
    }
}
