//! The identity of a case: workload, variant and parameters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One workload, one variant, one set of parameters: what is called a benchmark in a verdict.
///
/// Displays as `lists/append[append]{n=1000}`; parameters are sorted by name.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct CaseKey {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    pub params: BTreeMap<String, u64>,
}

impl CaseKey {
    /// The case of these three parts.
    pub fn new(workload: &str, variant: &str, params: &BTreeMap<String, u64>) -> Self {
        Self {
            workload: workload.to_owned(),
            variant: variant.to_owned(),
            params: params.clone(),
        }
    }

    /// The parameters alone: `n=1000, width=4`, empty when there are none.
    pub fn params_text(&self) -> String {
        let pairs: Vec<String> = self
            .params
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        pairs.join(", ")
    }
}

impl fmt::Display for CaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.workload, self.variant)?;
        if self.params.is_empty() {
            return Ok(());
        }
        let pairs: Vec<String> = self
            .params
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        write!(f, "{{{}}}", pairs.join(","))
    }
}
