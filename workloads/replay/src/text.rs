//! The text of a file: opened, decompressed when it is zstd, counted byte by byte, and never longer than its limit.
//!
//! Invariants: [`Cursor::at`] is the number of text bytes handed out; no more than one buffer of text is held at a
//! time; a stream that yields more than [`Limits::text_bytes`] ends in an error, so that a few compressed
//! kilobytes cannot make a reader store gigabytes.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use crate::fault::{Fault, ReadError};

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BUFFER_BYTES: usize = 64 << 10;

/// How much a file may ask for. By default both limits grow with the file.
///
/// Real snapshots and traces decompress to 5 to 11 times their stored size and describe up to 3 times their
/// text in objects, so the defaults leave room for ten times that.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Bytes of decompressed text; by default 64 MiB plus 100 times the stored size.
    pub text_bytes: Option<u64>,
    /// Bytes of objects or of live blocks; by default 64 MiB plus 32 times the text.
    pub content_bytes: Option<u64>,
}

const FREE_BYTES: u64 = 64 << 20;

impl Limits {
    fn text_for(&self, stored: u64) -> u64 {
        self.text_bytes
            .unwrap_or_else(|| stored.saturating_mul(100).saturating_add(FREE_BYTES))
    }

    fn content_for(&self, text: u64) -> u64 {
        self.content_bytes
            .unwrap_or_else(|| text.saturating_mul(32).saturating_add(FREE_BYTES))
    }

    /// Refuses `bytes` of content described by `text` bytes of text.
    pub(crate) fn check_content(
        &self,
        what: &'static str,
        bytes: u64,
        text: u64,
    ) -> Result<(), Fault> {
        let limit = self.content_for(text);
        match bytes <= limit {
            true => Ok(()),
            false => Err(Fault::ContentTooLarge { what, bytes, limit }),
        }
    }
}

/// Where the reader is, shared with the visitors that serde drives, and the fault that one of them found.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    at: Cell<u64>,
    fault: RefCell<Option<(u64, Fault)>>,
}

impl Cursor {
    /// Text bytes handed out so far.
    pub(crate) fn at(&self) -> u64 {
        self.at.get()
    }

    /// Notes a fault; the first one wins, as later ones follow from it.
    pub(crate) fn fail(&self, at: u64, fault: Fault) {
        self.fault.borrow_mut().get_or_insert((at, fault));
    }

    pub(crate) fn take_fault(&self) -> Option<(u64, Fault)> {
        self.fault.borrow_mut().take()
    }
}

/// A readable text with its name, its position and its limits.
pub(crate) struct Text<'a> {
    name: String,
    compressed: bool,
    stored_bytes: u64,
    limits: Limits,
    source: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    next: usize,
    filled: u64,
    cursor: Rc<Cursor>,
}

impl<'a> Text<'a> {
    /// Opens a file, looks at its first bytes and puts a decompressor in front when they are zstd's.
    pub(crate) fn open(path: &Path, limits: Limits) -> Result<Text<'static>, ReadError> {
        let name = path.display().to_string();
        let refuse = |error: io::Error| ReadError {
            file: name.clone(),
            offset: 0,
            compressed: false,
            fault: error.into(),
        };
        let file = File::open(path).map_err(refuse)?;
        let stored = file.metadata().map_err(refuse)?.len();
        Text::new(name.clone(), Box::new(file), stored, limits)
    }

    /// A text that is already in memory.
    pub(crate) fn from_bytes(
        name: &str,
        bytes: &'a [u8],
        limits: Limits,
    ) -> Result<Text<'a>, ReadError> {
        Text::new(name.to_owned(), Box::new(bytes), bytes.len() as u64, limits)
    }

    fn new(
        name: String,
        mut raw: Box<dyn Read + 'a>,
        stored_bytes: u64,
        limits: Limits,
    ) -> Result<Text<'a>, ReadError> {
        let opened = read_magic(&mut raw).and_then(|magic| {
            let compressed = magic == ZSTD_MAGIC;
            let whole = io::Cursor::new(magic).chain(raw);
            let source: Box<dyn Read + 'a> = match compressed {
                true => Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(
                    BUFFER_BYTES,
                    whole,
                ))?),
                false => Box::new(whole),
            };
            Ok((compressed, source))
        });
        let (compressed, source) = opened.map_err(|error| ReadError {
            file: name.clone(),
            offset: 0,
            compressed: false,
            fault: error.into(),
        })?;
        Ok(Text {
            name,
            compressed,
            stored_bytes,
            limits,
            source,
            buffer: Vec::new(),
            next: 0,
            filled: 0,
            cursor: Rc::default(),
        })
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn cursor(&self) -> Rc<Cursor> {
        Rc::clone(&self.cursor)
    }

    /// Makes an error of a fault: the one noted in the cursor, else `fault` at the present position.
    pub(crate) fn error(&self, fault: Fault) -> ReadError {
        let (offset, fault) = self
            .cursor
            .take_fault()
            .unwrap_or_else(|| (self.cursor.at(), fault));
        ReadError {
            file: self.name.clone(),
            offset,
            compressed: self.compressed,
            fault,
        }
    }

    /// The first bytes of the text, at most `count`, without consuming them.
    pub(crate) fn peek(&mut self, count: usize) -> Result<&[u8], ReadError> {
        while self.buffer.len() - self.next < count {
            match self.append_chunk(4096) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(self.error(error.into())),
            }
        }
        let end = self.buffer.len().min(self.next + count);
        Ok(&self.buffer[self.next..end])
    }

    /// Appends text to the buffer. A failure is noted in the cursor, where it outlives serde's wrapping of it.
    fn append_chunk(&mut self, bytes: usize) -> io::Result<usize> {
        let old = self.buffer.len();
        self.buffer.resize(old + bytes, 0);
        let read = read_retrying(&mut self.source, &mut self.buffer[old..]);
        self.buffer.truncate(old + *read.as_ref().unwrap_or(&0));
        let read = read.map_err(|error| self.fail(self.filled, error.into()))?;
        self.filled += read as u64;
        let limit = self.limits.text_for(self.stored_bytes);
        let stored = self.stored_bytes;
        match self.filled <= limit {
            true => Ok(read),
            false => Err(self.fail(limit, Fault::TextTooLong { limit, stored })),
        }
    }

    fn fail(&self, at: u64, fault: Fault) -> io::Error {
        self.cursor.fail(at, fault);
        io::Error::other("the text cannot be read")
    }

    #[cold]
    fn refill(&mut self) -> io::Result<usize> {
        self.buffer.clear();
        self.next = 0;
        self.append_chunk(BUFFER_BYTES)
    }
}

impl Read for Text<'_> {
    #[inline]
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.next == self.buffer.len() && self.refill()? == 0 {
            return Ok(0);
        }
        let count = out.len().min(self.buffer.len() - self.next);
        out[..count].copy_from_slice(&self.buffer[self.next..self.next + count]);
        self.next += count;
        self.cursor.at.set(self.cursor.at.get() + count as u64);
        Ok(count)
    }
}

fn read_retrying(source: &mut dyn Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn read_magic(raw: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut magic = Vec::with_capacity(ZSTD_MAGIC.len());
    raw.take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
    Ok(magic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(stored: &[u8], limits: Limits) -> Result<Vec<u8>, ReadError> {
        let mut text = Text::from_bytes("t", stored, limits)?;
        let mut out = Vec::new();
        match text.read_to_end(&mut out) {
            Ok(_) => Ok(out),
            Err(error) => Err(text.error(error.into())),
        }
    }

    #[test]
    fn plain_and_compressed_text_read_the_same() {
        let plain = vec![b'x'; 300_000];
        let packed = zstd::encode_all(&plain[..], 3).unwrap();
        assert_eq!(read_all(&plain, Limits::default()).unwrap(), plain);
        assert_eq!(read_all(&packed, Limits::default()).unwrap(), plain);
    }

    #[test]
    fn a_zstd_bomb_is_refused_at_the_limit() {
        let packed = zstd::encode_all(io::repeat(b'[').take(200 << 20), 1).unwrap();
        let error = read_all(&packed, Limits::default()).unwrap_err();
        let limit = packed.len() as u64 * 100 + FREE_BYTES;
        assert!(matches!(error.fault, Fault::TextTooLong { .. }), "{error}");
        assert_eq!(error.offset, limit);
        assert!(error.compressed);
    }

    #[test]
    fn a_raised_limit_lets_the_same_file_through() {
        let packed = zstd::encode_all(io::repeat(b'[').take(3 << 20), 1).unwrap();
        let small = Limits {
            text_bytes: Some(1 << 20),
            content_bytes: None,
        };
        assert!(read_all(&packed, small).is_err());
        assert_eq!(read_all(&packed, Limits::default()).unwrap().len(), 3 << 20);
    }

    #[test]
    fn a_truncated_frame_is_an_error_that_names_the_decompressed_offset() {
        let plain: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        let packed = zstd::encode_all(&plain[..], 3).unwrap();
        let error = read_all(&packed[..packed.len() / 2], Limits::default()).unwrap_err();
        assert!(matches!(error.fault, Fault::Io(_)));
        assert!(
            error.to_string().contains("of the decompressed text"),
            "{error}"
        );
        assert!(error.offset > 0 && error.offset < plain.len() as u64);
    }
}
