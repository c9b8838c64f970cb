//! Where an allocation came from.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

/// The place in a program that allocated, as `#[track_caller]` tells it.
///
/// ```
/// use exuvia_core::tracemalloc::Site;
/// let site = Site::at(std::panic::Location::caller());
/// assert!(site.to_string().ends_with(&format!(":{}:{}", site.line, site.column)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// Source file, as the compiler was given it.
    pub file: &'static str,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl Site {
    /// The site of a location.
    pub fn at(location: &'static Location<'static>) -> Site {
        Site {
            file: location.file(),
            line: location.line(),
            column: location.column(),
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One frame of a traceback.
///
/// ```
/// use exuvia_core::tracemalloc::Frame;
/// assert_eq!(Frame::new("src/main.rs", 7).to_string(), "src/main.rs:7");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Frame {
    /// Source file.
    pub file: Rc<str>,
    /// Line, from 1; 0 when frames are grouped by file.
    pub line: u32,
}

impl Frame {
    /// A frame.
    pub fn new(file: &str, line: u32) -> Frame {
        Frame {
            file: file.into(),
            line,
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The frames of an allocation, oldest first.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::Str;
/// let heap = Heap::new();
/// if heap.tracemalloc().start(1).is_ok() { // else built without the feature
///     let text = Str::new(&heap, "a text of thirty-one characters");
///     let snapshot = heap.tracemalloc().take_snapshot().unwrap();
///     let traceback = &snapshot.traces()[0].traceback;
///     assert_eq!(traceback.frames().last(), Some(traceback.newest()));
///     assert!(traceback.total_frames() >= traceback.frames().len());
///     drop(text);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Traceback {
    frames: Rc<[Frame]>,
    total: usize,
}

impl Traceback {
    pub(crate) fn new(frames: Vec<Frame>, total: usize) -> Traceback {
        Traceback {
            frames: frames.into(),
            total,
        }
    }

    /// The frames, oldest first; at least one.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frame that allocated.
    pub fn newest(&self) -> &Frame {
        &self.frames[self.frames.len() - 1]
    }

    /// Frames there were before the limit cut them.
    pub fn total_frames(&self) -> usize {
        self.total
    }
}

/// The newest frame.
impl fmt::Display for Traceback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.newest().fmt(f)
    }
}
