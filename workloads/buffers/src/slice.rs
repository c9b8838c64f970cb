//! Halves of a buffer: a copy costs its length, a view a few words.

use exuvia_core::object::{Bytes, MemoryView, Value};
use exuvia_core::{Gc, Heap};
use exuvia_harness::{Params, Rng, Workload};

/// Slices that one run takes.
const SLICES: u64 = 16;
const BYTE: u8 = 3;

/// A buffer and a view of all of it.
struct Source {
    heap: Heap,
    bytes: Gc<Bytes>,
    view: Gc<MemoryView>,
}

impl Source {
    fn new(p: &Params, _: &mut Rng) -> Source {
        let heap = p.heap();
        let bytes = Bytes::new(&heap, &vec![BYTE; p["bytes"] as usize]);
        let view = MemoryView::new(&heap, &Value::from(&bytes));
        Source {
            view: view.expect("bytes can be viewed"),
            heap,
            bytes,
        }
    }

    /// Takes halves that begin one byte later each time.
    fn halves(&self, take: impl Fn(&Source, usize, usize) -> (usize, u8)) -> u64 {
        let half = self.bytes.len() / 2;
        let halves = (0..SLICES as usize).map(|start| take(self, start, start + half));
        halves.map(|(len, byte)| len as u64 + u64::from(byte)).sum()
    }

    fn copy(&self, start: usize, end: usize) -> (usize, u8) {
        let copy = Bytes::new(&self.heap, &self.bytes.as_slice()[start..end]);
        (copy.len(), copy.as_slice()[0])
    }

    fn look(&self, start: usize, end: usize) -> (usize, u8) {
        let [start, end] = [start, end].map(|index| Some(index.cast_signed()));
        let view = self.view.slice(&self.heap, start, end, 1);
        let view = view.expect("the view is not released");
        (view.len().unwrap_or(0), view.byte(0).unwrap_or(0))
    }
}

/// Halves of a buffer.
pub(crate) fn slice(w: &mut Workload) {
    w.ask("What does half of a buffer cost as a copy, and what as a view?");
    w.param("bytes", [1 << 10, 1 << 16, 1 << 22]).seed(41);
    w.full_at([("bytes", 1 << 26)]).ops(|_| SLICES);
    w.bytes(|p| SLICES * p["bytes"] / 2);
    w.expect(|p| SLICES * (p["bytes"] / 2 + u64::from(BYTE)));
    w.variant("copy", Source::new, |source| source.halves(Source::copy));
    w.variant("view", Source::new, |source| source.halves(Source::look));
}
