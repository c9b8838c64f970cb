//! Generated programs and their text form: a head `P seed t0 t1 t2 lift`, an
//! operation `code k a b c` a line, a full stop.
//!
//! `k` is the name that an operation writes (or the generation), the others are
//! names, places or what a finalizer does. Every operation is defined for every
//! state, so that a shortened program is a program.

use fastrand::Rng;

/// Global names of a program.
pub(crate) const NAMES: u8 = 12;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) code: Code,
    pub(crate) k: u8,
    pub(crate) a: u8,
    pub(crate) b: u8,
    pub(crate) c: u8,
}

macro_rules! codes {
    ($($name:ident $text:literal $weight:literal)+) => {
        /// What an operation does; the interpreters say how.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code { $($name),+ }

        impl Code {
            const WEIGHTED: &[(Code, &str, u32)] = &[$((Code::$name, $text, $weight)),+];
        }
    };
}

codes! {
    List "list" 9
    Tuple "tuple" 6
    Dict "dict" 6
    Instance "instance" 22
    Generator "generator" 5
    Store "store" 34
    Delete "delete" 8
    Take "take" 8
    Append "append" 4
    Pop "pop" 2
    Copy "copy" 8
    Drop "drop" 22
    Weak "weak" 7
    Watch "watch" 11
    Deref "deref" 5
    Send "send" 9
    Close "close" 2
    Collect "collect" 12
    Freeze "freeze" 1
    Unfreeze "unfreeze" 1
    SaveAll "saveall" 1
    Forget "forget" 2
    Lower "lower" 6
    Note "note" 6
    Noted "noted" 3
    Unnote "unnote" 2
    Clear "clear" 0
    Ask "ask" 6
    Through "through" 4
}

impl Code {
    pub(crate) fn text(self) -> &'static str {
        Code::WEIGHTED
            .iter()
            .find(|(code, ..)| *code == self)
            .map_or("?", |(_, text, _)| text)
    }

    fn of(text: &str) -> Option<Code> {
        Code::WEIGHTED
            .iter()
            .find(|(_, known, _)| *known == text)
            .map(|(code, ..)| *code)
    }

    fn any(rng: &mut Rng) -> Code {
        let total: u32 = Code::WEIGHTED.iter().map(|(.., weight)| weight).sum();
        let mut left = rng.u32(..total);
        for (code, _, weight) in Code::WEIGHTED {
            if left < *weight {
                return *code;
            }
            left -= weight;
        }
        Code::Drop
    }
}

/// A difference by design that a program does not stay clear of: the comparer's
/// predicate of it is asked, and counts. At most one, so that each is seen alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lift {
    /// Every difference that programs can stay clear of is.
    Nothing,
    /// Tuples hold tuples.
    Tuples,
    /// Dicts may hold nothing tracked.
    Dicts,
    /// Finalizers attach callbacks to their own objects.
    OwnTrash,
    /// Instances are asked for their dict.
    Asked,
    /// Generators are closed before they ran.
    Unstarted,
    /// Some finalizers cut, others resurrect.
    Mixed,
}

impl Lift {
    const ALL: [(Lift, &str); 6] = [
        (Lift::Tuples, "tuples"),
        (Lift::Dicts, "dicts"),
        (Lift::OwnTrash, "trash"),
        (Lift::Asked, "asked"),
        (Lift::Unstarted, "unstarted"),
        (Lift::Mixed, "mixed"),
    ];

    /// One program of 16 for each.
    fn of_seed(seed: u64) -> Lift {
        match seed % 16 {
            1 => Lift::Asked,
            3 => Lift::Tuples,
            5 => Lift::Unstarted,
            7 => Lift::Dicts,
            9 => Lift::Mixed,
            15 => Lift::OwnTrash,
            _ => Lift::Nothing,
        }
    }

    fn text(self) -> &'static str {
        let known = Lift::ALL.iter().find(|(lift, _)| *lift == self);
        known.map_or("", |(_, text)| text)
    }

    fn parse(text: &str) -> Option<Lift> {
        let known = Lift::ALL.iter().find(|(_, known)| *known == text);
        known.map(|(lift, _)| *lift)
    }

    /// Whether the state is compared after every operation, and in front of what
    /// CPython collects by itself.
    pub(crate) fn closely(self) -> bool {
        self.tells().is_some()
    }

    /// Whether states are compared line by line.
    pub(crate) fn by_line(self) -> bool {
        self.closely() || self == Lift::Mixed
    }

    /// The type of which collections tell whom they found.
    pub(crate) fn tells(self) -> Option<&'static str> {
        match self {
            Lift::Tuples => Some("tuple"),
            Lift::Dicts | Lift::Asked => Some("dict"),
            _ => None,
        }
    }
}

/// One program of 16 is about generators with callbacks.
fn is_about_watched_generators(seed: u64) -> bool {
    seed % 16 == 11
}

/// Makes what a program is about frequent; `last` is the name that got such an
/// object last.
fn steer(op: &mut Op, seed: u64, last: &mut u8) {
    if is_about_watched_generators(seed) {
        return steer_to_watched_generators(op, last);
    }
    match (Lift::of_seed(seed), op.code) {
        (Lift::OwnTrash, Code::Instance) if matches!(op.c, 5 | 7) => op.c = 8,
        (Lift::Tuples, Code::List | Code::Tuple) => {
            op.code = Code::Tuple;
            op.a = std::mem::replace(last, op.k);
        }
        (Lift::Asked, Code::Instance) => {
            // Finalizers store and delete nothing: see `interpreter.py`.
            if matches!(op.c, 2 | 5 | 6) {
                op.c = 7;
            }
            // Two of three have a dict.
            if op.a.is_multiple_of(2) {
                op.b = 2 + op.b / 3 * 3;
            }
        }
        (Lift::Unstarted, Code::Generator | Code::List) => {
            op.code = Code::Generator;
            *last = op.k;
        }
        (Lift::Unstarted, Code::Close | Code::Pop | Code::Send) if op.c.is_multiple_of(2) => {
            op.code = Code::Close;
            op.k = *last;
        }
        // In any younger collection the generation of a survivor would matter.
        (Lift::Mixed, Code::Collect | Code::SaveAll) => op.k = 2,
        _ => {}
    }
}

fn steer_to_watched_generators(op: &mut Op, last: &mut u8) {
    match op.code {
        Code::Generator | Code::List => {
            op.code = Code::Generator;
            op.b = 0;
            *last = op.k;
        }
        Code::Watch => op.a = *last,
        Code::Send | Code::Drop if op.c.is_multiple_of(2) => op.k = *last,
        _ => {}
    }
}

/// What finalizers of a program do; `actors::finalize` says what the numbers mean.
const CUTTING: &[u8] = &[0, 2, 2, 4, 5, 7];
const RESURRECTING: &[u8] = &[0, 1, 3, 4, 5, 6, 7];
const MIXED: &[u8] = &[0, 1, 1, 2, 2, 3, 4, 5, 6, 7];

/// A program with the thresholds that it runs under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) seed: u64,
    pub(crate) lift: Lift,
    pub(crate) thresholds: (usize, usize, usize),
    pub(crate) ops: Vec<Op>,
}

impl Program {
    /// The program of a seed, with `len` operations before its end.
    pub(crate) fn generated(seed: u64, len: usize) -> Program {
        let mut rng = Rng::with_seed(seed);
        let lift = Lift::of_seed(seed);
        let freezes = rng.u8(..8) == 0;
        // What a finalizer cuts off may die before or after its own finalizer
        // resurrected it: the order of finalizers, which is a set, would show.
        let generators = lift == Lift::Unstarted || is_about_watched_generators(seed);
        let cuts = rng.bool() || generators;
        let mut thresholds = (rng.usize(2..40), rng.usize(1..5), rng.usize(1..5));
        if lift == Lift::Mixed {
            thresholds.0 = 0; // Off: see `steer`.
        }
        let mut ops: Vec<Op> = Vec::with_capacity(len + 40);
        let mut last = 0;
        while ops.len() < len {
            let acts = match (lift, cuts) {
                (Lift::Mixed, _) => MIXED,
                (_, true) => CUTTING,
                (_, false) => RESURRECTING,
            };
            let mut op = Program::operation(&mut rng, acts);
            steer(&mut op, seed, &mut last);
            let wanted = match op.code {
                Code::Freeze | Code::Unfreeze => freezes,
                // A suspended generator that is finalized cuts, too.
                Code::Generator => cuts || lift == Lift::Mixed,
                Code::Ask | Code::Through => lift == Lift::Asked,
                // What is kept is told apart by what is held, not by type.
                Code::SaveAll => lift != Lift::Asked,
                _ => true,
            };
            if wanted {
                ops.push(op);
            }
        }
        ops.extend(Program::end(freezes));
        Program {
            seed,
            lift,
            thresholds,
            ops,
        }
    }

    fn operation(rng: &mut Rng, acts: &[u8]) -> Op {
        let code = Code::any(rng);
        let mut name = || rng.u8(..NAMES);
        let (k, a, b, c) = (name(), name(), name(), name());
        let (k, b, c) = match code {
            Code::Collect | Code::SaveAll => (k % 3, b, c),
            Code::Instance => (k, b % 6, acts[rng.usize(..acts.len())]),
            Code::Watch => (k, b, [0, 0, 0, 0, 1, 2, 2, 3][rng.usize(..8)]),
            Code::Generator => (k, u8::from(b == 0), c),
            _ => (k, b, c),
        };
        Op { code, k, a, b, c }
    }

    /// Gives everything up, what finalizers raise included.
    fn end(freezes: bool) -> Vec<Op> {
        let op = |code, k| Op {
            code,
            k,
            a: 0,
            b: 0,
            c: 0,
        };
        let mut ops: Vec<Op> = (0..NAMES).map(|name| op(Code::Drop, name)).collect();
        ops.push(op(Code::Clear, 0));
        if freezes {
            ops.push(op(Code::Unfreeze, 0));
        }
        ops.push(op(Code::Collect, 2));
        ops.push(op(Code::Forget, 0));
        for name in 0..NAMES {
            ops.extend([op(Code::Lower, name), op(Code::Drop, name)]);
        }
        ops.push(op(Code::Collect, 2));
        ops
    }

    /// The text form.
    pub(crate) fn text(&self) -> String {
        let (young, middle, old) = self.thresholds;
        let head = format!(
            "P {} {young} {middle} {old} {}",
            self.seed,
            self.lift.text()
        );
        let mut text = head.trim_end().to_owned();
        text.push('\n');
        for op in &self.ops {
            let Op { code, k, a, b, c } = op;
            text.push_str(&format!("{} {k} {a} {b} {c}\n", code.text()));
        }
        text.push_str(".\n");
        text
    }

    /// Reads the text form; lines that begin with `#` are comments.
    pub(crate) fn parse(text: &str) -> Option<Program> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let head: Vec<&str> = lines.next()?.split(' ').collect();
        let number = |at: usize| head.get(at)?.parse().ok();
        let thresholds = (number(2)?, number(3)?, number(4)?);
        let ops = lines
            .take_while(|line| *line != ".")
            .map(|line| {
                let parts: Vec<&str> = line.split(' ').collect();
                let byte = |at: usize| parts.get(at)?.parse().ok();
                Some(Op {
                    code: Code::of(parts.first()?)?,
                    k: byte(1)?,
                    a: byte(2)?,
                    b: byte(3)?,
                    c: byte(4)?,
                })
            })
            .collect::<Option<Vec<Op>>>()?;
        Some(Program {
            seed: head.get(1)?.parse().ok()?,
            lift: match head.get(5) {
                Some(text) => Lift::parse(text)?,
                None => Lift::Nothing,
            },
            thresholds,
            ops,
        })
    }
}
