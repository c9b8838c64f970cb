//! What a child does: one work of one peer.
//!
//! - `peer`: the trait that the works are generic over, and an implementation for each peer;
//! - `work`: the works on nodes; `objects`: the works on Python's object model;
//! - `clock`, `memory`: CPU time and resident bytes; `outcome`: what is handed back.

mod clock;
mod memory;
mod objects;
mod outcome;
mod peer;
mod work;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
use rustix::process::{Signal, set_parent_process_death_signal};

use self::outcome::Outcome;
use self::peer::{Arena, Bacon, Boa, Dumpster, GcModule, Ours, Python, RustCc, RustGc, StdRc};

/// The measuring executable: `PEER WORK` as its arguments, one line of JSON as its output.
///
/// The exit code is 2 when the arguments are no peer or no work, and otherwise 0.
pub fn main() -> ExitCode {
    // A killed comparison leaves no peer behind. Where the kernel refuses, the peer ends by itself.
    #[cfg(target_os = "linux")]
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [peer, work] = arguments.as_slice() else {
        eprintln!("usage: exuvia-peers PEER WORK (`exuvia peers` runs this)");
        return ExitCode::from(2);
    };
    match measure(peer, work) {
        Some(outcome) => {
            outcome.print();
            // What is still alive is not taken down: that is no part of the work, and may overflow the stack.
            std::process::exit(0)
        }
        None => {
            eprintln!("error: no peer `{peer}` or no work `{work}`");
            ExitCode::from(2)
        }
    }
}

fn measure(peer: &str, work: &str) -> Option<Outcome> {
    match peer {
        "exuvia" => work::run::<Ours>(work).or_else(|| objects::run::<objects::Ours>(work)),
        "rc" => work::run::<StdRc>(work),
        "gc-arena" => work::run::<Arena>(work),
        "boa_gc" => work::run::<Boa>(work),
        "gcmodule" => work::run::<GcModule>(work),
        "bacon_rajan_cc" => work::run::<Bacon>(work),
        "rust-cc" => work::run::<RustCc>(work),
        "gc" => work::run::<RustGc>(work),
        "dumpster" => work::run::<Dumpster>(work),
        "cpython" => work::run::<Python>(work).or_else(|| objects::run::<objects::Python>(work)),
        _ => None,
    }
}
