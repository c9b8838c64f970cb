//! Which part of all cases this process measures: `2/5`, or read from the scheduler.

use anyhow::{Context, bail};

/// Pairs of variables that say "this one" and "of so many", and what the first one counts from.
const SCHEDULERS: [(&str, &str, u64); 4] = [
    ("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
    ("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", 0),
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", 0),
];

/// Reads `K/N` (K from 1), or `auto`; `None` means everything.
pub(crate) fn parse(text: &str) -> anyhow::Result<Option<(u64, u64)>> {
    if text == "auto" {
        return Ok(SCHEDULERS
            .iter()
            .find_map(|(index, total, from)| scheduled(index, total, *from)));
    }
    let (k, n) = text
        .split_once('/')
        .context("--shard wants K/N, for example 2/5, or auto")?;
    let (k, n): (u64, u64) = (
        k.parse().context("--shard K/N: K is no number")?,
        n.parse().context("--shard K/N: N is no number")?,
    );
    if k == 0 || k > n {
        bail!("--shard {text}: K goes from 1 to N");
    }
    Ok(Some((k, n)))
}

fn scheduled(index: &str, total: &str, from: u64) -> Option<(u64, u64)> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let (index, total) = (number(index)?, number(total)?);
    let k = (index.checked_sub(from)? + 1).min(total);
    (total > 0).then_some((k, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_n() {
        assert_eq!(parse("2/5").expect("valid"), Some((2, 5)));
        for wrong in ["0/5", "6/5", "2", "a/b"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
