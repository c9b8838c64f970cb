//! A seeded program: functions in layers that work and call functions of the next layer, and one of them made slower.

use std::fmt::Write;

use fastrand::Rng;

const LAYERS: usize = 4;
const WIDTH: usize = 5;
/// Functions of a program.
pub(crate) const FUNCTIONS: usize = LAYERS * WIDTH;

/// How a function spends its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// A loop of arithmetic in the function itself.
    Arithmetic,
    /// A vector that is filled, sorted and dropped: most of it happens in the library.
    Sorting,
    /// Text made of numbers: all of it happens in the library.
    Formatting,
}

impl Work {
    /// Instructions of one round, roughly.
    fn cost(self) -> f64 {
        match self {
            Self::Arithmetic => 5.0,
            Self::Sorting => 12.0,
            Self::Formatting => 150.0,
        }
    }

    fn helper(self) -> &'static str {
        match self {
            Self::Arithmetic => "churn",
            Self::Sorting => "sorted",
            Self::Formatting => "digits",
        }
    }
}

#[derive(Clone, Debug)]
struct Function {
    work: Work,
    rounds: u64,
    /// Function and how often it is called.
    callees: Vec<(usize, u64)>,
}

/// The functions, in the order of their names `f0`, `f1`, ..
#[derive(Clone, Debug)]
pub(crate) struct Program(Vec<Function>);

impl Program {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let function = |index: usize, rng: &mut Rng| {
            let next = (index / WIDTH + 1) * WIDTH;
            let work = [Work::Arithmetic, Work::Sorting, Work::Formatting][rng.usize(0..3)];
            let callees = if next < FUNCTIONS { 2 } else { 0 };
            Function {
                work,
                rounds: (rng.f64() * 900.0 / work.cost()) as u64 + 2,
                callees: (0..callees)
                    .map(|_| (next + rng.usize(0..WIDTH), rng.u64(1..=3)))
                    .collect(),
            }
        };
        Self((0..FUNCTIONS).map(|index| function(index, rng)).collect())
    }

    /// The same program with function `index` made slower by about `share` of the whole; and how, in words.
    pub(crate) fn slower(&self, index: usize, share: f64, rng: &mut Rng) -> (Self, String) {
        let calls = self.calls();
        let total: f64 = (0..FUNCTIONS).map(|of| calls[of] * self.own(of)).sum();
        let per_call = share * total / calls[index];
        let mut slower = self.clone();
        let function = &mut slower.0[index];
        let words = match function.callees.first().copied().filter(|_| rng.bool()) {
            Some((callee, times)) => {
                let more = (per_call / self.inclusive(callee)).ceil().max(1.0) as u64;
                function.callees[0].1 += more;
                format!("calls f{callee} {} times instead of {times}", times + more)
            }
            None => {
                let more = (per_call / function.work.cost()).ceil() as u64;
                let before = function.rounds;
                function.rounds += more;
                format!(
                    "{before} rounds of {} become {}",
                    function.work.helper(),
                    before + more
                )
            }
        };
        (slower, words)
    }

    /// A function that is called, so that a change of it can be seen.
    pub(crate) fn any_called(&self, rng: &mut Rng) -> usize {
        let calls = self.calls();
        let called: Vec<usize> = (0..FUNCTIONS).filter(|&index| calls[index] > 0.0).collect();
        called[rng.usize(0..called.len())]
    }

    fn own(&self, index: usize) -> f64 {
        self.0[index].rounds as f64 * self.0[index].work.cost()
    }

    fn inclusive(&self, index: usize) -> f64 {
        let callees = self.0[index].callees.iter();
        let below: f64 = callees
            .map(|&(callee, times)| times as f64 * self.inclusive(callee))
            .sum();
        self.own(index) + below
    }

    /// How often each function runs.
    fn calls(&self) -> [f64; FUNCTIONS] {
        let mut calls = [0.0; FUNCTIONS];
        calls[..WIDTH].fill(1.0);
        for (index, function) in self.0.iter().enumerate() {
            for &(callee, times) in &function.callees {
                calls[callee] += calls[index] * times as f64;
            }
        }
        calls
    }

    /// The library that the bench target measures.
    pub(crate) fn source(&self) -> String {
        let mut source = HELPERS.to_owned();
        for (index, function) in self.0.iter().enumerate() {
            let helper = function.work.helper();
            let _ = write!(
                source,
                "#[inline(never)]\npub fn f{index}(mut x: u64) -> u64 {{\n    x = {helper}(x, {});\n",
                function.rounds
            );
            for (callee, times) in &function.callees {
                let _ = writeln!(source, "    for _ in 0..{times} {{ x = f{callee}(x); }}");
            }
            source.push_str("    x\n}\n");
        }
        let first: String = (0..WIDTH)
            .map(|index| format!("    x = f{index}(x);\n"))
            .collect();
        source + &format!("pub fn all(mut x: u64) -> u64 {{\n{first}    x\n}}\n")
    }
}

/// Inlined: the work is each function's own, or that of the library it calls.
const HELPERS: &str = r#"use std::hint::black_box;

#[inline(always)]
fn churn(x: u64, rounds: u64) -> u64 {
    (0..rounds).fold(x, |x, round| black_box(x.wrapping_mul(31).rotate_left(5) ^ round))
}

#[inline(always)]
fn sorted(x: u64, rounds: u64) -> u64 {
    let mut all: Vec<u64> = (0..black_box(rounds)).map(|round| (x ^ round).wrapping_mul(0x9E37_79B9)).collect();
    all.sort_unstable();
    black_box(&all).first().copied().unwrap_or(x)
}

#[inline(always)]
fn digits(x: u64, rounds: u64) -> u64 {
    (0..rounds).fold(x, |x, round| x.wrapping_add(black_box(format!("{}", x ^ round)).len() as u64))
}
"#;
