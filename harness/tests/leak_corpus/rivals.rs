//! The decision rules of other tools, on counts of live objects.

/// A rule of another tool.
pub(crate) struct Rival {
    pub(crate) name: &'static str,
    /// Whether it calls a program a leak; the argument runs so many iterations, collects, and counts live objects.
    pub(crate) judge: fn(&mut dyn FnMut(u64) -> i64) -> bool,
}

pub(crate) const RIVALS: &[Rival] = &[
    Rival {
        name: "regrtest -R 3:3",
        judge: regrtest,
    },
    Rival {
        name: "psleak 0.1.6",
        judge: psleak,
    },
    Rival {
        name: "LeakCanary growth, 5 dumps of 2",
        judge: leak_canary,
    },
    Rival {
        name: "objgraph growth, 3 x 100",
        judge: objgraph,
    },
];

/// CPython's `regrtest`: three repetitions to warm up, then three of which each leaves at least one more.
fn regrtest(count_after: &mut dyn FnMut(u64) -> i64) -> bool {
    let mut before = 0;
    (0..3).for_each(|_| before = count_after(1));
    (0..3).all(|_| {
        let now = count_after(1);
        now - std::mem::replace(&mut before, now) >= 1
    })
}

/// psleak: up to ten growing blocks; clean when one leaves nothing, or when two running leave little or ever less each.
///
/// Its 16 bytes a call are a third of an object of 48.
fn psleak(count_after: &mut dyn FnMut(u64) -> i64) -> bool {
    const LITTLE: f64 = 16.0 / 48.0;
    let (mut calls, mut before) = (200_u64, count_after(10));
    let (mut previous, mut harmless) = (f64::INFINITY, 0);
    for _ in 0..10 {
        let now = count_after(calls);
        let each = (now - before) as f64 / calls as f64;
        if now <= before {
            return false;
        }
        harmless = if each <= LITTLE || each <= 0.8 * previous {
            harmless + 1
        } else {
            0
        };
        if harmless == 2 {
            return false;
        }
        (before, previous, calls) = (now, each, calls * 3 / 2);
    }
    true
}

/// LeakCanary's heap growth: five dumps with two scenario loops between; grows in each by at least the loops.
fn leak_canary(count_after: &mut dyn FnMut(u64) -> i64) -> bool {
    let mut before = count_after(2);
    (0..4).all(|_| {
        let now = count_after(2);
        now - std::mem::replace(&mut before, now) >= 2
    })
}

/// `objgraph.growth`: reports what is above its peak; called a leak when three looks running report.
fn objgraph(count_after: &mut dyn FnMut(u64) -> i64) -> bool {
    let mut peak = count_after(100);
    (0..3).all(|_| {
        let now = count_after(100);
        let is_growth = now > peak;
        peak = peak.max(now);
        is_growth
    })
}
