//! The shards of one run back together.

use super::{CaseKey, Record, Shard};
use std::collections::BTreeSet;
use thiserror::Error;

/// Why records do not make one run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MergeError {
    /// Nothing to merge.
    #[error("no record to merge; give the run.json of each shard")]
    Nothing,
    /// A record is a whole run.
    #[error("record {number} is no shard: it was measured without --shard")]
    NoShard {
        /// Position among the arguments, from 1.
        number: usize,
    },
    /// A record is of another division.
    #[error("record {number} is one of {found} shards, record 1 one of {expected}")]
    OtherDivision {
        /// Position among the arguments, from 1.
        number: usize,
        /// Its number of shards.
        found: u64,
        /// That of the first.
        expected: u64,
    },
    /// Two records are the same shard.
    #[error("shard {index} of {of} is there twice; each shard once")]
    Twice {
        /// The shard.
        index: u64,
        /// Of so many.
        of: u64,
    },
    /// Shards are missing.
    #[error("missing: shard {missing} of {of}; a merged run without them would look complete")]
    Missing {
        /// Their numbers.
        missing: String,
        /// Of so many.
        of: u64,
    },
    /// The shards measured different things.
    #[error(
        "record {number} differs from record 1 in {what} ({found}, not {expected}): they are not shards of one run"
    )]
    Different {
        /// Position among the arguments, from 1.
        number: usize,
        /// What differs.
        what: String,
        /// In this record.
        found: String,
        /// In the first.
        expected: String,
    },
    /// Two shards planned the same case.
    #[error("{case} was measured by two shards: their suites differ")]
    Overlap {
        /// The case.
        case: String,
    },
}

/// Joins the shards of one run, given in any order. Cases come out in the order of the undivided run.
///
/// # Errors
/// When shards are missing, doubled, of different divisions, sources or settings, or overlap.
pub fn merge(records: Vec<Record>) -> Result<Record, MergeError> {
    let mut shards = checked(records)?;
    shards.sort_by_key(|(shard, _)| shard.index);
    let mut shards: Vec<Record> = shards.into_iter().map(|(_, record)| record).collect();
    overlap(&shards)?;
    let planned = interleaved(&shards);
    let mut whole = shards.remove(0);
    for shard in shards {
        whole.measurements.extend(shard.measurements);
        whole.pairs.extend(shard.pairs);
        whole.series.extend(shard.series);
        whole.leaks.extend(shard.leaks);
        whole.census.extend(shard.census);
    }
    whole.planned = planned;
    whole.shard = None;
    whole.selection = without_shard(whole.selection.as_deref());
    Ok(whole)
}

fn checked(records: Vec<Record>) -> Result<Vec<(Shard, Record)>, MergeError> {
    let first = records.first().ok_or(MergeError::Nothing)?.clone();
    let of = first.shard.ok_or(MergeError::NoShard { number: 1 })?.of;
    let mut seen = BTreeSet::new();
    let mut shards = Vec::new();
    for (number, record) in (1..).zip(records) {
        let shard = record.shard.ok_or(MergeError::NoShard { number })?;
        if shard.of != of {
            return Err(MergeError::OtherDivision {
                number,
                found: shard.of,
                expected: of,
            });
        }
        if !seen.insert(shard.index) {
            return Err(MergeError::Twice {
                index: shard.index,
                of,
            });
        }
        same(&first, &record, number)?;
        shards.push((shard, record));
    }
    let missing: Vec<String> = (1..=of)
        .filter(|k| !seen.contains(k))
        .map(|k| k.to_string())
        .collect();
    if missing.is_empty() {
        Ok(shards)
    } else {
        Err(MergeError::Missing {
            missing: missing.join(", "),
            of,
        })
    }
}

/// What the shards of one run have in common; times of different machines stay apart through the note of the gate.
fn same(first: &Record, record: &Record, number: usize) -> Result<(), MergeError> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let lines = |r: &Record| {
        [
            ("depth", r.depth.to_string()),
            (
                "filter or instruments",
                text(&without_shard(r.selection.as_deref())),
            ),
            ("commit", text(&r.environment.commit)),
            ("uncommitted changes", format!("{:?}", r.environment.dirty)),
            ("instruction key", r.environment.instruction_key()),
            (
                "suite",
                format!("{:016x}", hash(&format!("{:?}", r.workloads))),
            ),
        ]
    };
    let pairs = lines(first).into_iter().zip(lines(record));
    for ((what, expected), (_, found)) in pairs {
        if expected != found {
            return Err(MergeError::Different {
                number,
                what: what.to_owned(),
                found,
                expected,
            });
        }
    }
    Ok(())
}

fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

fn overlap(shards: &[Record]) -> Result<(), MergeError> {
    let mut seen: BTreeSet<CaseKey> = BTreeSet::new();
    for planned in shards.iter().flat_map(|shard| &shard.planned) {
        if !seen.insert(planned.case()) {
            return Err(MergeError::Overlap {
                case: planned.case().to_string(),
            });
        }
    }
    Ok(())
}

/// Shard k of n has every n-th case from the k-th on.
fn interleaved(shards: &[Record]) -> Vec<super::PlannedCase> {
    let longest = shards
        .iter()
        .map(|shard| shard.planned.len())
        .max()
        .unwrap_or(0);
    (0..longest)
        .flat_map(|row| {
            shards
                .iter()
                .filter_map(move |shard| shard.planned.get(row))
        })
        .cloned()
        .collect()
}

/// The selection in words without the shard, which stands last.
fn without_shard(selection: Option<&str>) -> Option<String> {
    let words: Vec<&str> = selection?
        .split(", ")
        .filter(|word| !word.starts_with("shard "))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    /// The fixture, dealt out to `of` shards.
    fn dealt(of: u64) -> Vec<Record> {
        let whole = fixture::record();
        let mine = |index: u64| {
            let cases: BTreeSet<CaseKey> = whole
                .planned
                .iter()
                .enumerate()
                .filter(|(row, _)| *row as u64 % of == index - 1)
                .map(|(_, planned)| planned.case())
                .collect();
            let mut shard = whole.clone();
            shard.planned.retain(|p| cases.contains(&p.case()));
            shard.measurements.retain(|m| cases.contains(&m.case()));
            shard.leaks.retain(|l| cases.contains(&l.case()));
            shard.shard = Some(Shard { index, of });
            shard.selection = Some(format!("shard {index} of {of}"));
            shard
        };
        (1..=of).map(mine).collect()
    }

    #[test]
    fn merged_shards_equal_the_undivided_run() {
        let whole = fixture::record();
        let mut shards = dealt(4);
        shards.reverse();
        let merged = merge(shards).expect("complete");
        assert_eq!(merged.planned, whole.planned);
        assert_eq!(merged.selection, whole.selection);
        let sorted = |record: &Record| {
            let mut rows = record.measurements.clone();
            rows.sort_by_key(|m| (m.case(), m.metric.clone()));
            rows
        };
        assert_eq!(sorted(&merged), sorted(&whole));
    }

    #[test]
    fn missing_doubled_and_foreign_shards_are_refused() {
        let refused = |change: fn(&mut Vec<Record>)| {
            let mut shards = dealt(3);
            change(&mut shards);
            merge(shards).expect_err("refused").to_string()
        };
        assert!(refused(|s| drop(s.remove(1))).contains("missing: shard 2 of 3"));
        assert!(refused(|s| s.push(s[0].clone())).contains("twice"));
        assert!(refused(|s| s[2].shard = None).contains("no shard"));
        assert!(refused(|s| s[1].shard = Some(Shard { index: 2, of: 4 })).contains("one of 4"));
        assert!(refused(|s| s[1].environment.commit = Some("other".to_owned())).contains("commit"));
        assert!(refused(|s| s[1].planned = s[0].planned.clone()).contains("two shards"));
        assert!(refused(|s| s.clear()).contains("no record"));
    }
}
