//! From growing counts to leaks by class: what is wrong, with which type, and who holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::growth::{Growth, Series};
use super::verdict::Verdict;
use crate::probe::{AuditCount, Held};

/// What kind of leak it is; each has another remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeakClass {
    /// A reference count says more references than exist: a decrement was lost (a handle forgotten).
    CountLeak,
    /// Fewer references are counted than exist: a future use after free.
    CountUnderflow,
    /// Unreachable objects that reference each other and that no collection freed.
    UncollectedCycle,
    /// Declared native handles hold ever more objects.
    NativePin,
    /// A live object holds ever more objects: an unbounded cache, list or registry.
    ReachableGrowth,
}

impl LeakClass {
    /// The class in words, as in reports and fingerprints.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CountLeak => "count leak",
            Self::CountUnderflow => "count underflow",
            Self::UncollectedCycle => "uncollected cycle",
            Self::NativePin => "native pin",
            Self::ReachableGrowth => "reachable growth",
        }
    }

    /// The series under which what an audit found is counted; `None` for an underflow.
    pub(crate) fn series_of(found: &AuditCount) -> Option<Series> {
        let name = found.type_name.clone();
        if found.class == Self::CountUnderflow.as_str() {
            None
        } else if found.class == Self::UncollectedCycle.as_str() {
            Some(Series::Cycle(name))
        } else if found.class == Self::NativePin.as_str() {
            Some(Series::Pinned(name))
        } else {
            Some(Series::Surplus(name))
        }
    }

    fn of(series: &Series) -> Self {
        match series {
            Series::Surplus(_) => Self::CountLeak,
            Series::Cycle(_) => Self::UncollectedCycle,
            Series::Pinned(_) => Self::NativePin,
            Series::Objects
            | Series::Bytes
            | Series::Type(_)
            | Series::Path(_)
            | Series::Site(_) => Self::ReachableGrowth,
        }
    }
}

impl fmt::Display for LeakClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One leak.
#[derive(Clone, Debug, PartialEq)]
pub struct LeakFinding {
    /// What kind of leak.
    pub class: LeakClass,
    /// The type of the objects that leak; `(objects)` or `(bytes)` when types are not known.
    pub type_name: String,
    /// The verdict on its growth: always a leak, except for a fading growth, which is named but is no defect.
    pub verdict: Verdict,
    /// Objects (references for a count leak or native pin) per iteration.
    pub rate: f64,
    /// Bytes of that type per iteration, where known.
    pub bytes_per_iteration: Option<f64>,
    /// The shortest path that holds them, `=>` at the edge that grows; the holding type where paths are not known.
    pub holder: Option<String>,
    /// Where they are allocated, as `file:line:column`, where known.
    pub site: Option<String>,
    /// Bytes that only the new ones kept alive at the end, where known.
    pub retained_bytes: Option<u64>,
    /// The same for the same defect in every workload and run: a hash of class, type and the path without positions, keys
    /// and numbers.
    pub fingerprint: String,
}

impl fmt::Display for LeakFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {:.4} {} per iteration",
            self.class, self.rate, self.type_name
        )?;
        if let Some(bytes) = self.bytes_per_iteration {
            write!(f, " ({bytes:.1} B)")?;
        }
        if let Some(holder) = &self.holder {
            write!(f, ", held by {holder}")?;
        }
        if let Some(site) = &self.site {
            write!(f, ", allocated at {site}")?;
        }
        if let Some(bytes) = self.retained_bytes.filter(|bytes| *bytes > 0) {
            write!(f, ", {bytes} B retained")?;
        }
        write!(f, " [{}]", self.fingerprint)
    }
}

/// What the classification needs to know besides the verdicts.
pub(crate) struct Evidence<'a> {
    pub(crate) growth: &'a Growth,
    /// Bytes per iteration by type.
    pub(crate) bytes: &'a BTreeMap<String, f64>,
    /// Types with an object whose count is below its references.
    pub(crate) underflows: &'a BTreeSet<String>,
    /// The type that holds most objects of a type.
    pub(crate) holder: &'a dyn Fn(&str) -> Option<String>,
    /// Who holds what is new.
    pub(crate) held: &'a [Held],
}

/// Every leak once, worst class first: a type is reported under its most specific class, and not at all when it only
/// hangs below another type that is reported.
pub(crate) fn classify(evidence: &Evidence<'_>) -> Vec<LeakFinding> {
    let mut findings: Vec<LeakFinding> = evidence
        .underflows
        .iter()
        .map(|name| underflow(name))
        .collect();
    let (by_path, explained) = super::paths::by_path(evidence);
    findings.extend(by_path);
    let mut leaking: Vec<(&Series, f64, Verdict)> = evidence
        .growth
        .verdicts
        .iter()
        .filter_map(|(series, &verdict)| match verdict {
            Verdict::Leak { rate } => Some((series, rate, verdict)),
            _ => None,
        })
        .filter(|(series, ..)| !matches!(series, Series::Path(_) | Series::Site(_)))
        .filter(|(series, ..)| !explained.contains(&type_of(series)))
        .collect();
    // The audit's series sort before the plain growth of the same type, the totals come last.
    leaking.sort_by_key(|(series, ..)| {
        (
            LeakClass::of(series),
            matches!(series, Series::Objects | Series::Bytes),
        )
    });
    for (series, rate, verdict) in leaking {
        let name = type_of(series);
        let total = matches!(series, Series::Objects | Series::Bytes);
        let known = findings
            .iter()
            .any(|finding| total || finding.type_name == name);
        if !known {
            findings.push(finding(evidence, series, &name, rate, verdict));
        }
    }
    fold_held(findings)
}

fn finding(
    evidence: &Evidence<'_>,
    series: &Series,
    name: &str,
    rate: f64,
    verdict: Verdict,
) -> LeakFinding {
    let class = LeakClass::of(series);
    let holder = match series {
        Series::Type(name) => (evidence.holder)(name),
        _ => None,
    };
    LeakFinding {
        class,
        type_name: name.to_owned(),
        verdict,
        rate,
        bytes_per_iteration: evidence
            .bytes
            .get(name)
            .copied()
            .filter(|bytes| *bytes > 0.0),
        fingerprint: fingerprint(class, name, holder.as_deref()),
        holder,
        site: None,
        retained_bytes: None,
    }
}

impl LeakFinding {
    /// Whether bytes grow and objects do not.
    pub(super) fn is_bytes(&self) -> bool {
        self.type_name == BYTES
    }

    /// Says in which object's buffer they do.
    pub(super) fn grows_in(&mut self, path: &str, gained: u64) {
        self.holder = Some(format!("the buffer of {path}, {gained} B larger"));
        self.fingerprint = fingerprint(self.class, &self.type_name, Some(path));
    }
}

/// The type name of bytes that grow while objects do not.
const BYTES: &str = "(bytes)";

fn underflow(name: &str) -> LeakFinding {
    let class = LeakClass::CountUnderflow;
    LeakFinding {
        class,
        type_name: name.to_owned(),
        verdict: Verdict::Leak { rate: 0.0 },
        rate: 0.0,
        bytes_per_iteration: None,
        holder: None,
        site: None,
        retained_bytes: None,
        fingerprint: fingerprint(class, name, None),
    }
}

pub(super) fn type_of(series: &Series) -> String {
    match series {
        Series::Objects => "(objects)".to_owned(),
        Series::Bytes => BYTES.to_owned(),
        Series::Type(name)
        | Series::Surplus(name)
        | Series::Cycle(name)
        | Series::Pinned(name)
        | Series::Path(name)
        | Series::Site(name) => name.clone(),
    }
}

/// Drops what grows only because its holder grows.
fn fold_held(findings: Vec<LeakFinding>) -> Vec<LeakFinding> {
    let holds = |held: &LeakFinding| {
        let holder = held.holder.as_ref()?;
        findings
            .iter()
            .find(|f| f.type_name == *holder && f.type_name != held.type_name)
    };
    let hangs_below = |finding: &&LeakFinding| match holds(finding) {
        None => false,
        // Two types that hold each other: the first by name stays.
        Some(holder) if holder.holder.as_ref() == Some(&finding.type_name) => {
            holder.type_name < finding.type_name
        }
        Some(_) => true,
    };
    findings
        .iter()
        .filter(|finding| !hangs_below(finding))
        .cloned()
        .collect()
}

/// FNV-1a over the parts: the same defect has the same fingerprint in every workload, run and process.
pub(super) fn fingerprint(class: LeakClass, type_name: &str, holder: Option<&str>) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let parts = [class.as_str(), type_name, holder.unwrap_or("")];
    let bytes = parts
        .iter()
        .flat_map(|part| part.bytes().chain(std::iter::once(0)));
    let hash = bytes.fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(leaking: &[(Series, f64)], holders: &[(&str, &str)]) -> Vec<(LeakClass, String)> {
        let verdicts = leaking
            .iter()
            .map(|(series, rate)| (series.clone(), Verdict::Leak { rate: *rate }));
        let growth = Growth {
            verdicts: verdicts.collect(),
            iterations: 1,
        };
        let holder = |name: &str| {
            let found = holders.iter().find(|(held, _)| *held == name);
            found.map(|(_, holder)| (*holder).to_owned())
        };
        let evidence = Evidence {
            growth: &growth,
            bytes: &BTreeMap::new(),
            underflows: &BTreeSet::new(),
            holder: &holder,
            held: &[],
        };
        classify(&evidence)
            .into_iter()
            .map(|f| (f.class, f.type_name))
            .collect()
    }

    fn node() -> String {
        "Node".to_owned()
    }

    #[test]
    fn each_class_is_told_from_the_others() {
        let grown = (Series::Type(node()), 1.0);
        for (series, class) in [
            (Series::Surplus(node()), LeakClass::CountLeak),
            (Series::Cycle(node()), LeakClass::UncollectedCycle),
            (Series::Pinned(node()), LeakClass::NativePin),
        ] {
            let leaking = [(Series::Objects, 1.0), grown.clone(), (series, 1.0)];
            assert_eq!(classified(&leaking, &[]), [(class, node())]);
        }
        let leaking = [(Series::Objects, 1.0), grown];
        assert_eq!(
            classified(&leaking, &[]),
            [(LeakClass::ReachableGrowth, node())]
        );
    }

    #[test]
    fn a_total_is_reported_only_when_no_type_is() {
        let leaking = [(Series::Objects, 1.0)];
        assert_eq!(
            classified(&leaking, &[]),
            [(LeakClass::ReachableGrowth, "(objects)".to_owned())]
        );
    }

    #[test]
    fn what_hangs_below_another_leak_is_folded_into_it() {
        let leaking = [
            (Series::Type("Leaf".to_owned()), 2.0),
            (Series::Type(node()), 1.0),
        ];
        assert_eq!(
            classified(&leaking, &[("Leaf", "Node"), ("Node", "Cache")]),
            [(LeakClass::ReachableGrowth, node())]
        );
        assert_eq!(
            classified(&leaking, &[("Leaf", "Node"), ("Node", "Leaf")]).len(),
            1,
            "a ring of two types"
        );
        assert_eq!(
            classified(&leaking, &[("Leaf", "Leaf")]).len(),
            2,
            "a list holds itself"
        );
    }

    #[test]
    fn audit_findings_count_under_their_class() {
        let series = |class: &str| {
            LeakClass::series_of(&AuditCount {
                class: class.to_owned(),
                type_name: node(),
                count: 1,
            })
        };
        assert_eq!(series("count leak"), Some(Series::Surplus(node())));
        assert_eq!(series("uncollected cycle"), Some(Series::Cycle(node())));
        assert_eq!(series("native pin"), Some(Series::Pinned(node())));
        assert_eq!(series("count underflow"), None);
    }

    #[test]
    fn fingerprints_depend_on_class_type_and_holder_only() {
        let plain = fingerprint(LeakClass::CountLeak, "Node", None);
        assert_eq!(plain, fingerprint(LeakClass::CountLeak, "Node", None));
        assert_ne!(plain, fingerprint(LeakClass::NativePin, "Node", None));
        assert_ne!(
            plain,
            fingerprint(LeakClass::CountLeak, "Node", Some("List"))
        );
        assert_ne!(plain, fingerprint(LeakClass::CountLeak, "Nod", Some("e")));
    }
}
