//! What an item of a view is: the formats of Python's `struct`.

use super::super::value::Value;
use super::{BufferError, Bytes};
use crate::heap::Heap;

/// The format of a view's items, in the machine's order of bytes.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::{Bytes, Format, MemoryView, Value};
/// let heap = Heap::new();
/// let bytes = Value::from(Bytes::new(&heap, &7_u32.to_ne_bytes()));
/// let view = MemoryView::new(&heap, &bytes).unwrap();
/// assert_eq!(view.format(), Ok(Format::U8));
/// let words = view.cast(&heap, Format::U32).unwrap();
/// assert_eq!(words.len(), Ok(1));
/// assert_eq!(words.item(&heap, 0), Ok(Value::small(7)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `B`, the format of every fresh view.
    U8,
    /// `b`
    I8,
    /// `c`: items are bytes objects of length 1.
    Char,
    /// `?`
    Bool,
    /// `H`
    U16,
    /// `h`
    I16,
    /// `I`
    U32,
    /// `i`
    I32,
    /// `Q`
    U64,
    /// `q`
    I64,
    /// `f`
    F32,
    /// `d`
    F64,
}

/// An item as raw bytes; the first `size` count.
pub(super) type Raw = [u8; 8];

impl Format {
    /// Python's letter.
    pub fn code(self) -> char {
        match self {
            Format::U8 => 'B',
            Format::I8 => 'b',
            Format::Char => 'c',
            Format::Bool => '?',
            Format::U16 => 'H',
            Format::I16 => 'h',
            Format::U32 => 'I',
            Format::I32 => 'i',
            Format::U64 => 'Q',
            Format::I64 => 'q',
            Format::F32 => 'f',
            Format::F64 => 'd',
        }
    }

    /// Bytes of an item.
    pub fn size(self) -> usize {
        match self {
            Format::U8 | Format::I8 | Format::Char | Format::Bool => 1,
            Format::U16 | Format::I16 => 2,
            Format::U32 | Format::I32 | Format::F32 => 4,
            Format::U64 | Format::I64 | Format::F64 => 8,
        }
    }

    /// Whether casts to and from every other format are allowed.
    pub(super) fn is_bytes(self) -> bool {
        matches!(self, Format::U8 | Format::I8 | Format::Char)
    }

    /// The value of an item. May allocate, hence collect.
    pub(super) fn unpack(self, heap: &Heap, raw: Raw) -> Value {
        let [a, b, c, d, ..] = raw;
        match self {
            Format::U8 => Value::small(i64::from(a)),
            Format::I8 => Value::small(i64::from(a.cast_signed())),
            Format::Char => Value::from(Bytes::new(heap, &[a])),
            Format::Bool => Value::bool(a != 0),
            Format::U16 => Value::small(i64::from(u16::from_ne_bytes([a, b]))),
            Format::I16 => Value::small(i64::from(i16::from_ne_bytes([a, b]))),
            Format::U32 => Value::small(i64::from(u32::from_ne_bytes([a, b, c, d]))),
            Format::I32 => Value::small(i64::from(i32::from_ne_bytes([a, b, c, d]))),
            // Ints have 64 bits with a sign: larger ones become floats.
            Format::U64 => match i64::try_from(u64::from_ne_bytes(raw)) {
                Ok(int) => Value::int(heap, int),
                Err(_) => Value::float(heap, u64::from_ne_bytes(raw) as f64),
            },
            Format::I64 => Value::int(heap, i64::from_ne_bytes(raw)),
            Format::F32 => Value::float(heap, f64::from(f32::from_ne_bytes([a, b, c, d]))),
            Format::F64 => Value::float(heap, f64::from_ne_bytes(raw)),
        }
    }

    /// A value as an item.
    ///
    /// # Errors
    /// When the value has another type, or is out of range.
    pub(super) fn pack(self, value: &Value) -> Result<Raw, BufferError> {
        let int = || {
            let int = value.as_int().or_else(|| value.as_bool().map(i64::from));
            int.ok_or(BufferError::ItemType(self))
        };
        let mut raw = [0; 8];
        let mut put = |bytes: &[u8]| raw[..bytes.len()].copy_from_slice(bytes);
        macro_rules! ranged {
            ($t:ty) => {
                put(&<$t>::try_from(int()?)
                    .map_err(|_| BufferError::ItemRange(self))?
                    .to_ne_bytes())
            };
        }
        match self {
            Format::U8 => ranged!(u8),
            Format::I8 => ranged!(i8),
            Format::Char => match value.as_bytes() {
                Some(bytes) if bytes.len() == 1 => put(bytes.as_slice()),
                Some(_) => return Err(BufferError::ItemRange(self)),
                None => return Err(BufferError::ItemType(self)),
            },
            Format::Bool => put(&[u8::from(value.is_true())]),
            Format::U16 => ranged!(u16),
            Format::I16 => ranged!(i16),
            Format::U32 => ranged!(u32),
            Format::I32 => ranged!(i32),
            Format::U64 => ranged!(u64),
            Format::I64 => ranged!(i64),
            Format::F32 => put(&(self.float(value)? as f32).to_ne_bytes()),
            Format::F64 => put(&self.float(value)?.to_ne_bytes()),
        }
        Ok(raw)
    }

    fn float(self, value: &Value) -> Result<f64, BufferError> {
        let float = value
            .as_float()
            .or_else(|| value.as_int().map(|i| i as f64));
        float.ok_or(BufferError::ItemType(self))
    }

    /// Python's equality of two items.
    pub(super) fn same(self, raw: Raw, other: Format, other_raw: Raw) -> bool {
        match (self.number(raw), other.number(other_raw)) {
            (Ok(a), Ok(b)) => a == b,
            (Err(a), Err(b)) => a == b,
            (Ok(a), Err(b)) | (Err(b), Ok(a)) => a as f64 == b && b as i128 == a,
        }
    }

    /// An item as a whole number, or else a float.
    fn number(self, raw: Raw) -> Result<i128, f64> {
        let [a, b, c, d, ..] = raw;
        Ok(match self {
            // An item of `c` equals no number in Python; here its byte.
            Format::U8 | Format::Char => i128::from(a),
            Format::I8 => i128::from(a.cast_signed()),
            Format::Bool => i128::from(a != 0),
            Format::U16 => i128::from(u16::from_ne_bytes([a, b])),
            Format::I16 => i128::from(i16::from_ne_bytes([a, b])),
            Format::U32 => i128::from(u32::from_ne_bytes([a, b, c, d])),
            Format::I32 => i128::from(i32::from_ne_bytes([a, b, c, d])),
            Format::U64 => i128::from(u64::from_ne_bytes(raw)),
            Format::I64 => i128::from(i64::from_ne_bytes(raw)),
            Format::F32 => return Err(f64::from(f32::from_ne_bytes([a, b, c, d]))),
            Format::F64 => return Err(f64::from_ne_bytes(raw)),
        })
    }
}
