//! What changed between two snapshots of one process: nodes are the same when their ids are.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::types::Types;
use crate::snapshot::{Labels, Snapshot};

/// Nodes of one type then and now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Class, or the kind of node in parentheses.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Nodes of the older snapshot.
    pub before: u64,
    /// Nodes of the newer one.
    pub after: u64,
    /// Of those, how many are not in the older one.
    pub new: u64,
    /// How many are only in the older one.
    pub gone: u64,
    /// Change in recorded bytes.
    pub bytes: i64,
}

/// The types that changed, largest growth in bytes first.
pub(super) fn changes(old: &(Snapshot, Labels), new: &(Snapshot, Labels)) -> Vec<Change> {
    let mut rows: BTreeMap<String, Change> = BTreeMap::new();
    let [(types_before, before), (types_after, after)] =
        [old, new].map(|(s, l)| (Types::of(s, l), ids(s, l)));
    for (node, id) in (0..old.0.nodes()).map(|node| (node, old.1.id(node))) {
        let row = rows.entry(types_before.name(node).to_owned()).or_default();
        row.before += 1;
        row.gone += u64::from(!after.contains_key(&id));
        row.bytes -= signed(old.0.recorded_bytes(node));
    }
    for (node, id) in (0..new.0.nodes()).map(|node| (node, new.1.id(node))) {
        let row = rows.entry(types_after.name(node).to_owned()).or_default();
        row.after += 1;
        row.new += u64::from(!before.contains_key(&id));
        row.bytes += signed(new.0.recorded_bytes(node));
    }
    let named = |(type_name, row)| Change { type_name, ..row };
    let changed = |row: &Change| row.new + row.gone > 0 || row.bytes != 0;
    let mut rows: Vec<Change> = rows.into_iter().map(named).filter(changed).collect();
    rows.sort_by(|a, b| {
        b.bytes
            .cmp(&a.bytes)
            .then_with(|| a.type_name.cmp(&b.type_name))
    });
    rows
}

fn ids(snapshot: &Snapshot, labels: &Labels) -> HashMap<u64, usize> {
    (0..snapshot.nodes())
        .map(|node| (labels.id(node), node))
        .collect()
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
