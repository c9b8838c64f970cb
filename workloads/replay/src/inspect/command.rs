//! The subcommand `inspect`.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::analysis::Inspection;
use super::report::Tables;
use super::since;
use crate::fault::ReadError;
use crate::snapshot::Snapshot;
use crate::text::Limits;

const USAGE: &str = "usage: inspect SNAPSHOT [--since OLDER] [--top N] [--json] [--max-bytes N]

What is alive in a V8 heap snapshot (of Node.js, Chrome, or captured from CPython): census by type with retained
bytes, the objects that hold most with their shortest paths, cycles, and what slots would save. The file may be
zstd-compressed.
  --since OLDER      also what is new, gone and grown since an older snapshot of the same process
  --top N            rows of each table (20); of a JSON object's lists, all types are printed
  --json             print one JSON object
  --max-bytes N      limit of the decompressed text, and of the objects that it describes";

/// Rows of each table, unless told otherwise.
const ROWS: usize = 20;

/// The subcommand with its arguments (without its own name): prints the inspection and returns the exit code: 0, or 2 when
/// the arguments or a file are refused.
pub fn command(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments
        .iter()
        .any(|word| word == "--help" || word == "-h")
    {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let Some(request) = Request::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match request.inspect() {
        Ok(found) => {
            request.print(&found);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

#[derive(Debug)]
pub(super) struct Request {
    file: PathBuf,
    since: Option<PathBuf>,
    rows: usize,
    json: bool,
    max_bytes: Option<u64>,
}

impl Request {
    pub(super) fn parse(arguments: &[OsString]) -> Option<Request> {
        let (mut file, mut since, mut rows, mut json, mut max_bytes) =
            (None, None, ROWS, false, None);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.to_str() {
                Some("--json") => json = true,
                Some("--since") => since = Some(PathBuf::from(rest.next()?)),
                Some("--top") => rows = rest.next()?.to_str()?.parse().ok()?,
                Some("--max-bytes") => max_bytes = Some(rest.next()?.to_str()?.parse().ok()?),
                Some(unknown) if unknown.starts_with('-') => return None,
                _ if file.is_none() => file = Some(PathBuf::from(argument)),
                _ => return None,
            }
        }
        Some(Request {
            file: file?,
            since,
            rows,
            json,
            max_bytes,
        })
    }

    pub(super) fn inspect(&self) -> Result<Inspection, ReadError> {
        let limits = Limits {
            text_bytes: self.max_bytes,
            content_bytes: self.max_bytes,
        };
        let open = |path: &Path| Snapshot::open_labelled(path, limits);
        let now = open(&self.file)?;
        let mut found = Inspection::of(&now.0, &now.1, self.rows);
        if let Some(older) = &self.since {
            found.since = Some(since::changes(&open(older)?, &now));
        }
        Ok(found)
    }

    fn print(&self, found: &Inspection) {
        let mut out = std::io::stdout().lock();
        let rows = self.rows;
        // A closed pipe is no failure of the inspection.
        let _ = match self.json {
            true => serde_json::to_writer(&mut out, found)
                .map_err(Into::into)
                .and_then(|()| writeln!(out)),
            false => write!(out, "{}", Tables { found, rows }),
        };
    }
}
