//! Records behind one another, each a byte with its length and so many bytes of content.

use exuvia_core::object::{Bytes, MemoryView, Value};
use exuvia_core::{Gc, Heap};
use exuvia_harness::{Params, Rng, Workload};

/// Bytes of content of a record, at most.
const LONGEST: u64 = 200;

/// A buffer of records.
struct Records {
    heap: Heap,
    bytes: Gc<Bytes>,
    view: Gc<MemoryView>,
    count: u64,
}

/// The content of a record by its number: its length, and the byte it repeats.
fn content(number: u64) -> (u8, u8) {
    ((number % LONGEST) as u8, (number % 251) as u8)
}

impl Records {
    fn new(p: &Params, _: &mut Rng) -> Records {
        let heap = p.heap();
        let mut all = Vec::new();
        for number in 0..p["n"] {
            let (len, byte) = content(number);
            all.push(len);
            all.extend(std::iter::repeat_n(byte, usize::from(len)));
        }
        let bytes = Bytes::new(&heap, &all);
        let view = MemoryView::new(&heap, &Value::from(&bytes));
        Records {
            view: view.expect("bytes can be viewed"),
            heap,
            bytes,
            count: p["n"],
        }
    }

    /// Walks over the records; `read` gets where the content begins and ends.
    fn each(&self, len_at: impl Fn(usize) -> u8, read: impl Fn(usize, usize) -> u64) -> u64 {
        let mut at = 0;
        let mut sum = 0;
        for _ in 0..self.count {
            let end = at + 1 + usize::from(len_at(at));
            sum += 1 + read(at + 1, end);
            at = end;
        }
        sum
    }

    fn by_copies(&self) -> u64 {
        let bytes = self.bytes.as_slice();
        self.each(
            |at| bytes[at],
            |from, to| {
                let record = Bytes::new(&self.heap, &bytes[from..to]);
                weigh(record.as_slice())
            },
        )
    }

    fn by_views(&self) -> u64 {
        self.each(
            |at| self.view.byte(at).unwrap_or(0),
            |from, to| {
                let [from, to] = [from, to].map(|index| Some(index.cast_signed()));
                let record = self.view.slice(&self.heap, from, to, 1);
                let record = record.expect("the view is not released");
                let raw = record.export().expect("the record is one piece");
                weigh(raw.as_slice().unwrap_or(&[]))
            },
        )
    }

    fn in_place(&self) -> u64 {
        let raw = self.view.export().expect("the view is one piece");
        let bytes = raw.as_slice().unwrap_or(&[]);
        self.each(|at| bytes[at], |from, to| weigh(&bytes[from..to]))
    }
}

fn weigh(content: &[u8]) -> u64 {
    content.iter().map(|&byte| u64::from(byte)).sum()
}

/// A buffer of records, parsed.
pub(crate) fn parse(w: &mut Workload) {
    w.ask("What does parsing a buffer cost through copies of its records, through views, and in place?");
    w.param("n", [1_000, 10_000]).seed(42);
    w.leak_at([("n", 50)]).ops(|p| p["n"]);
    w.expect(|p| {
        let weight = |number| {
            let (len, byte) = content(number);
            1 + u64::from(len) * u64::from(byte)
        };
        (0..p["n"]).map(weight).sum()
    });
    w.variant("copies", Records::new, |records| records.by_copies());
    w.variant("views", Records::new, |records| records.by_views());
    w.variant("in_place", Records::new, |records| records.in_place());
}
