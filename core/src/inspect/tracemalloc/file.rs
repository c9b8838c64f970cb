//! Snapshots in files.
//!
//! ```text
//!   exuvia.tracemalloc/1 LIMIT
//!   f FILE                     files, numbered from 0
//!   t TOTAL FILE:LINE ..       tracebacks, numbered from 0, oldest frame first
//!   o BYTES TRACEBACK          an object      b BYTES TRACEBACK   a buffer
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::snapshot::{AllocationTrace, Domain, Snapshot};
use super::traceback::{Frame, Traceback};

const MAGIC: &str = "exuvia.tracemalloc/1";

/// Why a snapshot cannot be read or written.
///
/// ```
/// use exuvia_core::tracemalloc::{Snapshot, SnapshotError};
/// let missing = Snapshot::load("no/such/file").unwrap_err();
/// assert!(matches!(missing, SnapshotError::Io { .. }));
/// assert!(missing.to_string().starts_with("no/such/file: "));
/// ```
#[derive(Debug)]
pub enum SnapshotError {
    /// The file cannot be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no snapshot of this format.
    Format {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SnapshotError::Io { path, source } => write!(f, "{}: {source}", path.display()),
            SnapshotError::Format { path, line, what } => write!(
                f,
                "{}:{line}: {what}; write the file again with Snapshot::dump",
                path.display()
            ),
        }
    }
}

impl Error for SnapshotError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SnapshotError::Io { source, .. } => Some(source),
            SnapshotError::Format { .. } => None,
        }
    }
}

impl Snapshot {
    /// Writes the snapshot into a file, by way of a temporary one beside it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn dump(&self, path: impl AsRef<Path>) -> Result<(), SnapshotError> {
        let path = path.as_ref();
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}.tmp", std::process::id()));
        fs::write(&temporary, self.to_text())
            .and_then(|()| fs::rename(&temporary, path))
            .map_err(|source| SnapshotError::Io {
                path: path.to_owned(),
                source,
            })
    }

    /// Reads a snapshot that [`dump`](Self::dump) wrote.
    ///
    /// # Errors
    /// When the file cannot be read or is no snapshot.
    pub fn load(path: impl AsRef<Path>) -> Result<Snapshot, SnapshotError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| SnapshotError::Io {
            path: path.to_owned(),
            source,
        })?;
        parse(&text).map_err(|(line, what)| SnapshotError::Format {
            path: path.to_owned(),
            line,
            what,
        })
    }

    fn to_text(&self) -> String {
        let mut files: BTreeMap<Rc<str>, usize> = BTreeMap::new();
        let mut tracebacks: BTreeMap<&Traceback, usize> = BTreeMap::new();
        let mut text = format!("{MAGIC} {}\n", self.traceback_limit());
        let mut rows = String::new();
        for trace in self.traces() {
            let next = tracebacks.len();
            let number = *tracebacks.entry(&trace.traceback).or_insert_with(|| {
                let mut row = format!("t {}", trace.traceback.total_frames());
                for frame in trace.traceback.frames() {
                    let next = files.len();
                    let file = *files.entry(frame.file.clone()).or_insert_with(|| {
                        let name = frame.file.replace(['\n', '\r'], "?");
                        // Writing to a string cannot fail.
                        let _ = writeln!(text, "f {name}");
                        next
                    });
                    let _ = write!(row, " {file}:{}", frame.line);
                }
                let _ = writeln!(text, "{row}");
                next
            });
            let kind = match trace.domain {
                Domain::Object => 'o',
                Domain::Buffer => 'b',
            };
            let _ = writeln!(rows, "{kind} {} {number}", trace.size);
        }
        text + &rows
    }
}

type Parsed<T> = Result<T, String>;

fn parse(text: &str) -> Result<Snapshot, (usize, String)> {
    let mut lines = text.lines().enumerate();
    let head = lines.next().map_or("", |(_, line)| line);
    let limit = head
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.trim().parse().ok())
        .ok_or_else(|| (1, format!("does not begin with {MAGIC:?} and a limit")))?;
    let mut reader = Reader::default();
    for (index, line) in lines {
        reader.line(line).map_err(|what| (index + 1, what))?;
    }
    Ok(Snapshot::new(limit, reader.traces))
}

#[derive(Default)]
struct Reader {
    files: Vec<Rc<str>>,
    tracebacks: Vec<Traceback>,
    traces: Vec<AllocationTrace>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Parsed<()> {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "f" => self.files.push(rest.into()),
            "t" => {
                let traceback = self.traceback(rest)?;
                self.tracebacks.push(traceback);
            }
            "o" => self.trace(Domain::Object, rest)?,
            "b" => self.trace(Domain::Buffer, rest)?,
            _ => return Err(format!("unknown kind of line {kind:?}")),
        }
        Ok(())
    }

    fn traceback(&self, rest: &str) -> Parsed<Traceback> {
        let mut words = rest.split(' ');
        let total = number(words.next().unwrap_or(""))?;
        let frames: Vec<Frame> = words.map(|word| self.frame(word)).collect::<Parsed<_>>()?;
        if frames.is_empty() {
            return Err("a traceback without a frame".to_owned());
        }
        Ok(Traceback::new(frames, total))
    }

    fn frame(&self, word: &str) -> Parsed<Frame> {
        let (file, line) = word
            .split_once(':')
            .ok_or_else(|| format!("{word:?} is not FILE:LINE"))?;
        let file = self.files.get(number(file)?);
        Ok(Frame {
            file: file
                .ok_or_else(|| format!("{word:?} names no file above"))?
                .clone(),
            line: u32::try_from(number(line)?).map_err(|error| error.to_string())?,
        })
    }

    fn trace(&mut self, domain: Domain, rest: &str) -> Parsed<()> {
        let (size, traceback) = rest
            .split_once(' ')
            .ok_or_else(|| format!("{rest:?} is not BYTES TRACEBACK"))?;
        let traceback = self.tracebacks.get(number(traceback)?);
        self.traces.push(AllocationTrace {
            domain,
            size: number(size)?,
            traceback: traceback
                .ok_or_else(|| format!("{rest:?} names no traceback above"))?
                .clone(),
        });
        Ok(())
    }
}

fn number(word: &str) -> Parsed<usize> {
    word.parse()
        .map_err(|_| format!("{word:?} is not a number"))
}
