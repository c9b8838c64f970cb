//! The `replay` subcommand: its arguments, its output and its exit code.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use crate::replay::{ReplayError, Summary, replay_file};
use crate::text::Limits;
use crate::trace::{Trace, measure};

const USAGE: &str = "usage: replay FILE [--json] [--max-bytes N]

Rebuilds a V8 heap snapshot on the heap and collects it, or plays an allocation trace on the
private heap, the system's allocator and mimalloc. The file may be zstd-compressed.
  --json             print one JSON object
  --max-bytes N      limit of the decompressed text, and of the objects that it describes
  --footprint NAME   only print the peak footprint in bytes of a trace on one allocator
                     (pages, system, mimalloc); replay calls itself with it for each";

/// The subcommand with its arguments (without its own name): prints one object and returns the exit code: 0, 1 when
/// the heap failed, 2 when the arguments or the file are refused.
pub fn command(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let Some(request) = Request::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match request.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let refused = matches!(error, ReplayError::Read(_));
            ExitCode::from(if refused { 2 } else { 1 })
        }
    }
}

struct Request {
    file: PathBuf,
    json: bool,
    max_bytes: Option<u64>,
    footprint: Option<String>,
    /// The words of the command line that stand before the arguments; they make a child understand its own.
    prefix: Option<Vec<OsString>>,
}

impl Request {
    fn parse(arguments: &[OsString]) -> Option<Request> {
        let (mut file, mut json, mut max_bytes, mut footprint) = (None, false, None, None);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.to_str() {
                Some("--json") => json = true,
                Some("--max-bytes") => max_bytes = Some(rest.next()?.to_str()?.parse().ok()?),
                Some("--footprint") => footprint = Some(rest.next()?.to_str()?.to_owned()),
                Some(unknown) if unknown.starts_with('-') => return None,
                _ if file.is_none() => file = Some(PathBuf::from(argument)),
                _ => return None,
            }
        }
        let words: Vec<OsString> = std::env::args_os().skip(1).collect();
        Some(Request {
            file: file?,
            json,
            max_bytes,
            footprint,
            prefix: words.strip_suffix(arguments).map(<[_]>::to_vec),
        })
    }

    fn limits(&self) -> Limits {
        Limits {
            text_bytes: self.max_bytes,
            content_bytes: self.max_bytes,
        }
    }

    fn run(&self) -> Result<(), ReplayError> {
        if let Some(backend) = &self.footprint {
            let trace = Trace::open(&self.file, self.limits())?;
            let bytes = measure::footprint(&trace, backend).ok_or(ReplayError::NoFootprint)?;
            println!("{bytes}");
            return Ok(());
        }
        let summary = self.replay();
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        let summary = summary?;
        self.print(&summary);
        summary.check()
    }

    fn replay(&self) -> Result<Summary, ReplayError> {
        let mut summary = replay_file(&self.file, self.limits(), |step| self.show(step))?;
        if let Summary::Trace { backends, .. } = &mut summary {
            for row in backends {
                self.show(&format!("footprint of {}", row.name));
                row.peak_footprint = self.footprint_in_child(row.name);
            }
        }
        Ok(summary)
    }

    /// Resident memory of one backend is measured in a process of its own, which is this program again.
    fn footprint_in_child(&self, backend: &str) -> Option<u64> {
        let mut child = Command::new(std::env::current_exe().ok()?);
        child.args(self.prefix.as_ref()?).arg(&self.file);
        child.args(["--footprint", backend]);
        if let Some(bytes) = self.max_bytes {
            child.arg("--max-bytes").arg(bytes.to_string());
        }
        let output = child.stderr(Stdio::null()).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    }

    fn show(&self, step: &str) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K{}: {step}", self.file.display());
        }
    }

    fn print(&self, summary: &Summary) {
        let mut out = std::io::stdout().lock();
        // A closed pipe is no failure of the replay.
        let _ = match self.json {
            true => serde_json::to_writer(&mut out, summary)
                .map_err(Into::into)
                .and_then(|()| writeln!(out)),
            false => write!(out, "{summary}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(arguments: &[&str]) -> Option<Request> {
        let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        Request::parse(&arguments)
    }

    #[test]
    fn arguments_come_in_any_order_and_nothing_unknown_is_taken() {
        let request = parse(&["--json", "a.trace", "--max-bytes", "7"]).unwrap();
        assert!(request.json);
        assert_eq!(request.file, Path::new("a.trace"));
        assert_eq!(request.max_bytes, Some(7));
        let refused: [&[&str]; 5] = [
            &[],
            &["a", "b"],
            &["--jsno", "a"],
            &["a", "--max-bytes"],
            &["a", "--max-bytes", "x"],
        ];
        for bad in refused {
            assert!(parse(bad).is_none(), "{bad:?}");
        }
    }
}
