//! Operations and their generator. Operands are raw numbers, reduced modulo
//! what exists when the operation runs, so that a shortened program is one too.

use exuvia_core::Mode;
use fastrand::Rng;

use crate::kinds::{Act, Kind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Alloc(Kind),
    /// So many nodes (heavy ones when odd) in a row, each referring to the one
    /// before; a ring if so.
    Burst(u8, bool),
    /// Slot of one object refers to another.
    Link(u16, u16, u16),
    /// The same, giving the handle away: no count moves.
    Give(u16, u16, u16),
    Unlink(u16, u16),
    /// From a slot into another: no count moves.
    Move(u16, u16, u16, u16),
    /// From a slot into a handle: no count moves.
    Take(u16, u16),
    /// Ties an object to a newborn, giving the only handle away: a cycle whose
    /// old part saw no count fall.
    Knot(u16, u16),
    Clone(u16),
    Drop(u16),
    /// The handle that was made last.
    DropNewest,
    Downgrade(u16),
    /// With a callback, a leaf or not.
    DowngradeWith(u16, bool),
    CloneWeak(u16),
    DropWeak(u16),
    StoreWeak(u16, u16, u16),
    Upgrade(u16),
    /// An ephemeron of two objects; an odd slot of the value refers to the key.
    Pair(u16, u16, u16),
    Collect(u8),
    /// While a slot vector is mutably borrowed.
    CollectBorrowed(u16, u8),
    Freeze,
    Unfreeze,
    /// Lets so many allocations pass, fails the next ones.
    Fail(u8),
    FailOff,
    /// Refuses the collector's lists to grow.
    Limit(u16),
    LimitOff,
    Root(u16),
    Unroot(u16),
    Immortal(u16),
}

/// How a program's heap is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) mode: Mode,
    /// Thresholds of automatic collection, if it is on.
    pub(crate) thresholds: Option<(usize, usize, usize)>,
    pub(crate) immortals: bool,
    /// Most objects are nothing but their edges.
    pub(crate) bare: bool,
    /// Candidates above which collections become wide, unless that is left to
    /// the collector.
    pub(crate) wide_above: Option<usize>,
    /// Threads of every wide collection.
    pub(crate) threads: usize,
}

impl Setting {
    pub(crate) fn of(seed: u64, rng: &mut Rng) -> Setting {
        let mode = match seed % 8 {
            6 => Mode::System,
            7 => Mode::Debug,
            _ => Mode::Pages,
        };
        // Leak detectors do not look into pages: what an immortal object there
        // refers to seems lost to them.
        let watched = mode == Mode::Pages && std::env::var_os("EXUVIA_LEAK_DETECTOR").is_some();
        Setting {
            mode,
            thresholds: rng
                .bool()
                .then(|| (rng.usize(5..60), rng.usize(1..4), rng.usize(1..4))),
            immortals: rng.u8(..) < 13 && !watched,
            bare: rng.u8(..4) == 0,
            wide_above: *rng
                .choice(&[None, Some(0), Some(usize::MAX), Some(3), Some(20)])
                .unwrap_or(&None),
            threads: [1, 1, 2, 3][(seed / 8 % 4) as usize],
        }
    }
}

fn act(rng: &mut Rng) -> Act {
    match rng.u8(..5) {
        0 => Act::Nothing,
        1 => Act::Raise,
        2 => Act::RaiseChild,
        3 => Act::Cut,
        _ => Act::Watch,
    }
}

fn kind(rng: &mut Rng, setting: Setting) -> Kind {
    if setting.bare && rng.u8(..16) != 0 {
        return match rng.u8(..8) {
            0..=4 => Kind::Bare,
            5..=6 => Kind::Slab,
            _ => Kind::Dust,
        };
    }
    match rng.u8(..32) {
        0..=6 => Kind::Node(rng.u8(1..4)),
        7..=9 => Kind::Heavy,
        10..=13 => Kind::Inline,
        14..=19 => Kind::Fin(act(rng), rng.u8(1..3)),
        20 => Kind::Ghost(act(rng)),
        21..=22 => Kind::Leaf,
        23..=25 => Kind::Quiet(rng.u8(1..4)),
        26 => Kind::Dust,
        27 => Kind::Big,
        28 => Kind::Wide,
        29 => Kind::Row(rng.u8(1..6)),
        30 => Kind::LeafCaller,
        _ => Kind::Caller,
    }
}

/// The next operation after `last`, for a heap with so many live objects.
pub(crate) fn next(rng: &mut Rng, setting: Setting, live: usize, last: Option<&Op>) -> Op {
    if live < 34 {
        return Op::Alloc(kind(rng, setting));
    }
    if live > 160 && rng.bool() {
        return Op::Drop(rng.u16(..));
    }
    // What random choice would hardly ever put in this order: garbage that is
    // tied across generations, and rings that die in the middle generation.
    match last {
        Some(Op::Knot(..)) if rng.bool() => return Op::Collect(rng.u8(..2)),
        Some(Op::Burst(_, true)) if rng.bool() => return Op::Collect(0),
        Some(Op::Collect(0)) if rng.u8(..4) == 0 => return Op::DropNewest,
        Some(Op::DropNewest) if rng.bool() => return Op::Collect(1),
        _ => {}
    }
    let (a, s, b, t) = (rng.u16(..), rng.u16(..), rng.u16(..), rng.u16(..));
    match rng.u8(..141) {
        128..=132 => Op::Knot(a, s),
        133..=134 => Op::Burst(rng.u8(2..60), true),
        135..=140 => Op::Pair(a, s, b),
        0..=17 => Op::Alloc(kind(rng, setting)),
        18 => Op::Burst(rng.u8(2..60), rng.bool()),
        19..=40 => Op::Link(a, s, b),
        41..=50 => Op::Give(a, s, b),
        51..=55 => Op::Unlink(a, s),
        56..=60 => Op::Move(a, s, b, t),
        61..=63 => Op::Take(a, s),
        64..=66 => Op::Clone(a),
        67..=91 => Op::Drop(a),
        92..=94 => Op::Downgrade(a),
        95..=98 => Op::DowngradeWith(a, rng.bool()),
        99 => Op::CloneWeak(a),
        100..=101 => Op::DropWeak(a),
        102..=103 => Op::StoreWeak(a, b, s),
        104..=106 => Op::Upgrade(a),
        107..=109 => Op::Collect(0),
        110..=112 => Op::Collect(1),
        113..=115 => Op::Collect(2),
        116 => Op::CollectBorrowed(a, rng.u8(..3)),
        117 => Op::Freeze,
        118 => Op::Unfreeze,
        119 => Op::Fail(rng.u8(..6)),
        120..=121 => Op::FailOff,
        122 => Op::Limit(*rng.choice(&[0, 1, 600]).unwrap_or(&0)),
        123 => Op::LimitOff,
        124..=125 => Op::Root(a),
        126 => Op::Unroot(a),
        _ if setting.immortals => Op::Immortal(a),
        _ => Op::Unroot(a),
    }
}
