//! Strings of few texts, as names in a program are: made anew or interned.

use exuvia_core::object::{Str, Value};
use exuvia_core::{Gc, Heap};
use exuvia_harness::{Params, Rng, Workload};

/// Distinct texts.
const TEXTS: u64 = 64;
/// Characters of each text that is made.
const SHORT: usize = 13;
/// Characters of each text that is compared.
const LONG: usize = 1_000;

/// A heap, the texts, and the order in which they are asked for.
struct Names {
    heap: Heap,
    texts: Vec<String>,
    order: Vec<usize>,
}

fn text(index: u64, len: usize) -> String {
    let number = format!("{index:08}");
    let mut text = "x".repeat(len - number.len());
    text.push_str(&number);
    text
}

impl Names {
    fn new(p: &Params, rng: &mut Rng, len: usize) -> Names {
        Names {
            heap: p.heap(),
            texts: (0..TEXTS).map(|index| text(index, len)).collect(),
            order: (0..p["n"]).map(|_| rng.usize(..TEXTS as usize)).collect(),
        }
    }

    /// Makes a string for each name asked for, keeps all, and reads them.
    fn create(&self, make: impl Fn(&Heap, &str) -> Gc<Str>) -> u64 {
        let before = self.heap.allocated_blocks();
        let made: Vec<Gc<Str>> = self
            .order
            .iter()
            .map(|&index| make(&self.heap, &self.texts[index]))
            .collect();
        let read: usize = made.iter().map(|name| name.as_str().len()).sum();
        drop(made);
        let left = self.heap.allocated_blocks() - before;
        (read - left) as u64
    }
}

/// Strings that are made again and again.
pub(crate) fn create(w: &mut Workload) {
    w.ask("What does interning cost and save when few texts are asked for again and again?");
    w.param("n", [1_000, 100_000]).seed(21);
    w.leak_at([("n", 50)]).ops(|p| p["n"]);
    w.expect(|p| p["n"] * SHORT as u64);
    let prepare = |p: &Params, rng: &mut Rng| Names::new(p, rng, SHORT);
    w.variant("anew", prepare, |names| names.create(Str::new));
    w.variant("interned", prepare, |names| names.create(Str::intern));
}

/// Two equal strings per text.
struct Pairs {
    pairs: Vec<(Value, Value)>,
    order: Vec<usize>,
}

impl Pairs {
    fn new(p: &Params, rng: &mut Rng, make: fn(&Heap, &str) -> Gc<Str>) -> Pairs {
        let names = Names::new(p, rng, LONG);
        let one = |text: &String| Value::from(make(&names.heap, text));
        Pairs {
            pairs: names
                .texts
                .iter()
                .map(|text| (one(text), one(text)))
                .collect(),
            order: names.order,
        }
    }

    fn equal(&self) -> u64 {
        let same = |index: &&usize| {
            let (a, b) = &self.pairs[**index];
            a == b
        };
        self.order.iter().filter(same).count() as u64
    }
}

/// Long equal strings, compared: by their characters, or at once by identity.
pub(crate) fn compare(w: &mut Workload) {
    w.ask("What does comparing equal strings of 1,000 characters cost when they are interned, and when not?");
    w.param("n", [1_000, 100_000]).seed(22);
    w.leak_at([("n", 50)]).ops(|p| p["n"]);
    w.expect(|p| p["n"]);
    w.variant(
        "by_characters",
        |p, rng| Pairs::new(p, rng, Str::new),
        |pairs| pairs.equal(),
    );
    w.variant(
        "by_identity",
        |p, rng| Pairs::new(p, rng, Str::intern),
        |pairs| pairs.equal(),
    );
}
