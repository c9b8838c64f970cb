//! What the numbers are and how the verdict is made, for readers who ask.

use maud::{Markup, html};

/// The folded last section.
pub(super) fn render() -> Markup {
    html! {
        section aria-labelledby="method" {
            h2 #method { "Method and words" }
            details .fold {
                summary { "How the verdict is made" }
                div .prose {
                    p {
                        "Every voting metric of every benchmark is compared with the baseline and its limit. The gate fails when one "
                        "is worse than its limit allows or when something leaks; it is unclear when a voting metric is missing or "
                        "cannot be judged; it passes otherwise. It never passes because something was left out."
                    }
                    p {
                        "Instruction counts, heap bytes, blocks and objects repeat exactly on an equal machine, so a small limit is "
                        "enough. They stop voting on instructions as soon as compiler, target, features, profile, linked packages, C library, "
                        "valgrind or the processor features seen by the measured process differ. Wall time and resident memory depend on "
                        "what else the machine does: they are shown with their spread and do not vote."
                    }
                    p {
                        "All relative numbers have one base: new divided by baseline, minus one. In the comparison of variants the base "
                        "is the smallest variant."
                    }
                }
            }
            details .fold {
                summary { "Glossary" }
                dl .facts .wide {
                    @for (word, meaning) in GLOSSARY { dt { (word) } dd { (meaning) } }
                }
            }
        }
    }
}

const GLOSSARY: [(&str, &str); 13] = [
    (
        "Benchmark",
        "One workload in one variant with one set of parameters.",
    ),
    (
        "Instructions",
        "Machine instructions executed by the measured work, counted by callgrind; preparation is not included.",
    ),
    (
        "Instructions in a phase",
        "The part of them spent in one phase of the cycle collector.",
    ),
    (
        "Time per operation",
        "Median wall time of one operation, with its confidence interval.",
    ),
    (
        "Peak heap",
        "Most bytes that were allocated at one moment, as dhat counts them.",
    ),
    (
        "Bytes, blocks allocated",
        "Sum over everything that was allocated, freed or not.",
    ),
    (
        "Peak footprint",
        "Most bytes the private heap held from the system, free pages included.",
    ),
    (
        "Resident memory",
        "Physical memory of the process as the kernel reports it.",
    ),
    (
        "Leak",
        "The number of live objects keeps growing at a steady rate, or a count is held that nothing accounts for.",
    ),
    (
        "Fading",
        "Growth that slows down, as that of a cache that fills up.",
    ),
    (
        "Undecided",
        "The measuring time ended before the growth could be told from none; the bound says how large it can be.",
    ),
    (
        "Count leak, uncollected cycle, reachable growth, native pin",
        "Why objects stay: a reference that was never given back; a cycle that was not collected; something that still refers to them; a handle held outside the heap.",
    ),
    (
        "Unclear",
        "The data cannot tell. It is never counted as passed.",
    ),
];
