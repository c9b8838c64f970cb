//! A file of either kind, told apart by its first bytes and not by its name.

use std::path::Path;

use crate::fault::{Fault, ReadError};
use crate::snapshot::Snapshot;
use crate::text::{Limits, Text};
use crate::trace::Trace;

/// What a file turned out to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// An object graph.
    Snapshot(Snapshot),
    /// A program's allocations.
    Trace(Trace),
}

impl Recording {
    /// Reads a heap snapshot or an allocation trace, plain or zstd.
    ///
    /// # Errors
    /// A file that is neither, or that its reader refuses: the error names the place.
    pub fn open(path: &Path, limits: Limits) -> Result<Recording, ReadError> {
        Recording::read(&mut Text::open(path, limits)?)
    }

    /// Reads what is in memory; `name` stands for the file in errors.
    ///
    /// # Errors
    /// As for [`Recording::open`].
    pub fn from_bytes(name: &str, bytes: &[u8], limits: Limits) -> Result<Recording, ReadError> {
        Recording::read(&mut Text::from_bytes(name, bytes, limits)?)
    }

    fn read(text: &mut Text<'_>) -> Result<Recording, ReadError> {
        // A trace has to begin by allocating id 0, so the two beginnings exclude each other.
        let start = text.peek(64)?;
        if start.trim_ascii_start().starts_with(b"{") {
            return Snapshot::read(text).map(Recording::Snapshot);
        }
        match start.starts_with(&[0; 4]) {
            true => Trace::read(text).map(Recording::Trace),
            false => Err(text.error(Fault::Unrecognised)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(bytes: &[u8]) -> Fault {
        Recording::from_bytes("f", bytes, Limits::default())
            .unwrap_err()
            .fault
    }

    #[test]
    fn the_first_bytes_decide() {
        assert!(matches!(fault_of(b" \n{"), Fault::Json(_)));
        assert!(matches!(fault_of(&[0; 8]), Fault::FreedDead { .. }));
        for neither in [&b""[..], b"[]", b"\x01\0\0\0\x08\0\0\0", b"\0\0", b"   "] {
            assert!(matches!(fault_of(neither), Fault::Unrecognised));
        }
        let trace = [0, 0, 0, 0, 8, 0, 0, 0];
        let packed = zstd::encode_all(&trace[..], 1).unwrap();
        for stored in [&trace[..], &packed] {
            let recording = Recording::from_bytes("f", stored, Limits::default()).unwrap();
            assert!(matches!(recording, Recording::Trace(trace) if trace.ids() == 1));
        }
    }

    #[test]
    fn an_endless_device_and_a_folder_are_errors() {
        let limits = Limits {
            text_bytes: Some(1 << 20),
            content_bytes: None,
        };
        for path in ["/dev/zero", "/dev/urandom", "/", "/no/such/file"] {
            let error = Recording::open(Path::new(path), limits).unwrap_err();
            assert!(error.to_string().starts_with(path), "{error}");
        }
    }
}
