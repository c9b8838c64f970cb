//! What can be wrong with a file, and where: every reader of this crate fails with a [`ReadError`].
//!
//! The offset counts bytes of the text that the reader saw, which for a zstd file is the decompressed text;
//! the message says which of the two it is. Files are foreign input: nothing here is a panic.

use std::fmt;
use std::io;

/// A file that cannot be replayed: which one, where in it, and why.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {}{fault}", Place(self))]
pub struct ReadError {
    /// The file's path, or the name of the embedded data.
    pub file: String,
    /// Offset in bytes from the start of the (decompressed) text.
    pub offset: u64,
    /// Whether `offset` counts decompressed bytes.
    pub compressed: bool,
    /// What is wrong there.
    #[source]
    pub fault: Fault,
}

/// Where in the file; nothing for one that could not even be opened.
struct Place<'a>(&'a ReadError);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.0;
        match (&error.fault, error.offset) {
            (Fault::Io(_), 0) => Ok(()),
            (_, offset) if error.compressed => {
                write!(f, "byte {offset} of the decompressed text: ")
            }
            (_, offset) => write!(f, "byte {offset}: "),
        }
    }
}

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file could not be opened, read or decompressed.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),
    /// The text is longer than the limit allows for a file of this size.
    #[error(
        "the text is longer than the limit of {limit} bytes for a file of {stored} bytes; if the file is to be trusted, raise the limit with --max-bytes"
    )]
    TextTooLong {
        /// The limit in bytes.
        limit: u64,
        /// Bytes of the file as stored.
        stored: u64,
    },
    /// The objects or blocks described are larger than the limit allows for a text of this size.
    #[error(
        "{what} {bytes} bytes, above the limit of {limit} for a text of this length; if the file is to be trusted, raise the limit with --max-bytes"
    )]
    ContentTooLarge {
        /// What the file asks for.
        what: &'static str,
        /// Bytes asked for, up to this place.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Neither format's beginning.
    #[error(
        "neither a heap snapshot (JSON that begins with `{{`) nor an allocation trace (which begins by allocating id 0)"
    )]
    Unrecognised,
    /// Not JSON, or a value of the wrong type.
    #[error("not a heap snapshot: {0}")]
    Json(String),
    /// A section that must be there is not.
    #[error("the section `{0}` is missing")]
    MissingSection(&'static str),
    /// A section comes before one that it is read by, or twice.
    #[error("the section `{section}` must come once, and after `{after}`")]
    MisplacedSection {
        /// The section found.
        section: &'static str,
        /// The section that has to come first.
        after: &'static str,
    },
    /// `snapshot.meta` does not describe something that the reader needs, or describes it twice.
    #[error("`snapshot.meta.{list}` must name `{field}` once")]
    MissingField {
        /// The list in `meta`.
        list: &'static str,
        /// The entry that it lacks or repeats.
        field: &'static str,
    },
    /// A count above what the reader can index.
    #[error("{count} {what} are more than this reader can index")]
    TooMany {
        /// Nodes or edges.
        what: &'static str,
        /// The count declared.
        count: u64,
    },
    /// A snapshot must have a root.
    #[error("there is no node, so there is no root")]
    NoRoot,
    /// Two statements about the same number differ.
    #[error("{declared} {what} were declared, but there are {found}{}", if *.at_least { " or more" } else { "" })]
    CountsDisagree {
        /// What is counted.
        what: &'static str,
        /// The number announced earlier in the file.
        declared: u64,
        /// The number found.
        found: u64,
        /// Whether counting stopped at the first one too many.
        at_least: bool,
    },
    /// An array ends in the middle of a record.
    #[error("the array ends inside {what} {index}, after {found} of {fields} numbers")]
    PartialRecord {
        /// Node or edge.
        what: &'static str,
        /// Its ordinal.
        index: u64,
        /// Numbers present.
        found: usize,
        /// Numbers per record.
        fields: usize,
    },
    /// An index past the end of the table it points into.
    #[error("{what} {index} has {field} {value}, but there are only {bound}")]
    OutOfRange {
        /// Node or edge.
        what: &'static str,
        /// Its ordinal.
        index: u64,
        /// The field that holds the index.
        field: &'static str,
        /// The index.
        value: u64,
        /// Entries in the table.
        bound: u64,
    },
    /// `to_node` is not the start of a node.
    #[error(
        "edge {edge} points to {to_node}, which is not a multiple of the {fields} numbers of a node"
    )]
    MisalignedTarget {
        /// Ordinal of the edge.
        edge: u64,
        /// Its `to_node`.
        to_node: u64,
        /// Numbers per node.
        fields: u64,
    },
    /// Two nodes carry the same id.
    #[error("node {node} repeats the id {id} of an earlier node")]
    DuplicateId {
        /// Ordinal of the second node.
        node: u64,
        /// The id.
        id: u64,
    },
    /// The trace's length is not a whole number of events.
    #[error("the trace ends inside event {event}: {bytes} bytes are left, an event has 8")]
    PartialEvent {
        /// Ordinal of the event.
        event: u64,
        /// Bytes present.
        bytes: usize,
    },
    /// An id is allocated while it is live.
    #[error("event {event} allocates id {id}, which is live")]
    AllocatedTwice {
        /// Ordinal of the event.
        event: u64,
        /// The id.
        id: u32,
    },
    /// An id is freed that is not live.
    #[error("event {event} frees id {id}, which is not live")]
    FreedDead {
        /// Ordinal of the event.
        event: u64,
        /// The id.
        id: u32,
    },
    /// An id is resized that is not live.
    #[error("event {event} resizes id {id}, which is not live")]
    ResizedDead {
        /// Ordinal of the event.
        event: u64,
        /// The id.
        id: u32,
    },
    /// A new id skips numbers.
    #[error("event {event} uses id {id}, but ids are dense and the next new one is {next}")]
    SkippedId {
        /// Ordinal of the event.
        event: u64,
        /// The id.
        id: u32,
        /// The only new id that could come.
        next: u64,
    },
}
