//! Which part of all cases this process measures: `2/5`, or read from the scheduler.

use anyhow::{Context, bail};

/// Variables that say "this one" and "of so many", and what the first one counts from: a number, or another variable.
const SCHEDULERS: [(&str, &str, From); 6] = [
    // whatever has no variables of its own (a GitHub matrix, a Kubernetes indexed job) can set these
    ("EXUVIA_SHARD_INDEX", "EXUVIA_SHARD_TOTAL", From::Number(0)),
    ("CI_NODE_INDEX", "CI_NODE_TOTAL", From::Number(1)),
    ("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", From::Number(0)),
    (
        "BUILDKITE_PARALLEL_JOB",
        "BUILDKITE_PARALLEL_JOB_COUNT",
        From::Number(0),
    ),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", From::Number(0)),
    (
        "SLURM_ARRAY_TASK_ID",
        "SLURM_ARRAY_TASK_COUNT",
        From::Variable("SLURM_ARRAY_TASK_MIN"),
    ),
];

#[derive(Clone, Copy)]
enum From {
    Number(u64),
    Variable(&'static str),
}

/// Reads `K/N` (K from 1), or `auto`; `None` means everything.
pub(crate) fn parse(text: &str) -> anyhow::Result<Option<(u64, u64)>> {
    if text == "auto" {
        let shard = scheduled(&|name| std::env::var(name).ok())?;
        match shard {
            Some((k, n)) => eprintln!("shard {k} of {n}"),
            None => eprintln!("no variable of a scheduler is set: everything is measured here"),
        }
        return Ok(shard);
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

/// The first scheduler whose variables are set. An index without its total is an error: guessing would lose cases.
fn scheduled(variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Option<(u64, u64)>> {
    let number = |name: &str| variable(name).and_then(|text| text.parse::<u64>().ok());
    for (index_name, total_name, from) in SCHEDULERS {
        let Some(index) = number(index_name) else {
            continue;
        };
        let Some(total) = number(total_name) else {
            // on GitLab and Kubernetes the index can be set for other reasons, the total only on purpose
            bail!(
                "{index_name} is set and {total_name} is not: set it to the number of shards, or give --shard K/N"
            );
        };
        let from = match from {
            From::Number(from) => from,
            From::Variable(name) => number(name).unwrap_or(0),
        };
        let k = index
            .checked_sub(from)
            .map(|index| index + 1)
            .filter(|k| *k <= total);
        let k = k.with_context(|| format!("{index_name}={index} is outside of {total_name}={total}: number the array without gaps"))?;
        return Ok(Some((k, total)));
    }
    Ok(None)
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

    fn under(variables: &[(&str, &str)]) -> anyhow::Result<Option<(u64, u64)>> {
        scheduled(&|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_scheduler_counts_in_its_own_way() {
        let second = [
            [("EXUVIA_SHARD_INDEX", "1"), ("EXUVIA_SHARD_TOTAL", "4")],
            [("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "4")],
            [("JOB_COMPLETION_INDEX", "1"), ("JOB_COMPLETIONS", "4")],
        ];
        for variables in second {
            assert_eq!(
                under(&variables).expect("complete"),
                Some((2, 4)),
                "{variables:?}"
            );
        }
        let array = [
            ("SLURM_ARRAY_TASK_ID", "8"),
            ("SLURM_ARRAY_TASK_MIN", "7"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        assert_eq!(under(&array).expect("complete"), Some((2, 4)));
        assert_eq!(under(&[]).expect("no scheduler"), None);
    }

    #[test]
    fn a_division_that_would_lose_cases_is_an_error() {
        assert!(under(&[("JOB_COMPLETION_INDEX", "1")]).is_err());
        assert!(
            under(&[
                ("SLURM_ARRAY_TASK_ID", "9"),
                ("SLURM_ARRAY_TASK_COUNT", "4")
            ])
            .is_err()
        );
    }
}
