//! `merge`: the shards of one run back together.

use exuvia_reports::record::{self, Record};

use super::args::MergeArgs;
use super::measure;
use super::place::Place;
use super::{Status, UsageError};

/// Joins the records and writes `run.json`; records that do not make one run are a usage error.
pub(crate) fn merge(place: &Place, args: &MergeArgs) -> anyhow::Result<Status> {
    let load = |path: &std::path::PathBuf| {
        Record::load(&place.given(path)).map_err(|error| UsageError::Other(error.to_string()))
    };
    let records = args.runs.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let whole = record::merge(records).map_err(|error| UsageError::Other(error.to_string()))?;
    let file = place.out(args.out.as_deref()).join("run.json");
    whole.save(&file)?;
    eprintln!("{}", measure::summary(&whole));
    eprintln!("wrote {}", place.shown(&file));
    Ok(measure::status_of(&whole))
}
