//! The shape of `exuvia.toml` and the check of its values.

use super::{AllowedGrowth, Config, ConfigError, LimitRule};
use serde::Deserialize;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    limit: Vec<Spanned<LimitTable>>,
    #[serde(default)]
    allow_growth: Vec<Spanned<GrowthTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LimitTable {
    metric: Spanned<String>,
    workload: Option<Spanned<String>>,
    variant: Option<Spanned<String>>,
    percent: Option<Spanned<f64>>,
    absolute: Option<Spanned<f64>>,
    absolute_below: Option<Spanned<f64>>,
    votes: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct GrowthTable {
    workload: Spanned<String>,
    variant: Option<Spanned<String>>,
    r#type: Option<Spanned<String>>,
    note: Spanned<String>,
}

/// The text and its name, for errors that point at a line.
struct Source<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Source<'_> {
    fn line(&self, span: Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        ConfigError::Invalid {
            path: self.path.to_owned(),
            line: self.line(span),
            message: message.into(),
        }
    }

    fn name(&self, name: &Spanned<String>, what: &str) -> Result<String, ConfigError> {
        if name.get_ref().trim().is_empty() {
            let message = format!("{what} is empty: write a name, or `*` for all");
            return Err(self.error(name.span(), message));
        }
        Ok(name.get_ref().clone())
    }

    fn pattern(&self, name: Option<&Spanned<String>>, what: &str) -> Result<String, ConfigError> {
        name.map_or_else(|| Ok("*".to_owned()), |name| self.name(name, what))
    }

    fn amount(
        &self,
        amount: Option<&Spanned<f64>>,
        what: &str,
    ) -> Result<Option<f64>, ConfigError> {
        match amount {
            Some(n) if !n.get_ref().is_finite() || *n.get_ref() < 0.0 => {
                let message = format!("{what} must be a finite number, 0 or above");
                Err(self.error(n.span(), message))
            }
            other => Ok(other.map(|n| *n.get_ref())),
        }
    }

    fn limit(&self, table: &Spanned<LimitTable>) -> Result<LimitRule, ConfigError> {
        let rule = table.get_ref();
        if rule.percent.is_none() && rule.absolute.is_none() && rule.votes.is_none() {
            let message = "this limit says nothing: give `percent`, `absolute` or `votes`";
            return Err(self.error(table.span(), message));
        }
        if let (Some(below), None) = (&rule.absolute_below, &rule.absolute) {
            let message = "`absolute-below` needs an `absolute` that it bounds";
            return Err(self.error(below.span(), message));
        }
        Ok(LimitRule {
            metric: self.name(&rule.metric, "`metric`")?,
            workload: self.pattern(rule.workload.as_ref(), "`workload`")?,
            variant: self.pattern(rule.variant.as_ref(), "`variant`")?,
            percent: self.amount(rule.percent.as_ref(), "`percent`")?,
            absolute: self.amount(rule.absolute.as_ref(), "`absolute`")?,
            absolute_below: self.amount(rule.absolute_below.as_ref(), "`absolute-below`")?,
            votes: rule.votes,
            line: self.line(table.span()),
        })
    }

    fn growth(&self, table: &Spanned<GrowthTable>) -> Result<AllowedGrowth, ConfigError> {
        let rule = table.get_ref();
        if rule.note.get_ref().trim().is_empty() {
            let message = "`note` is empty: say why this growth is fine";
            return Err(self.error(rule.note.span(), message));
        }
        Ok(AllowedGrowth {
            workload: self.name(&rule.workload, "`workload`")?,
            variant: self.pattern(rule.variant.as_ref(), "`variant`")?,
            type_name: self.pattern(rule.r#type.as_ref(), "`type`")?,
            note: rule.note.get_ref().clone(),
            line: self.line(table.span()),
        })
    }
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
    let source = Source { text, path };
    let file: File = toml::from_str(text)
        .map_err(|e| source.error(e.span().unwrap_or(0..0), e.message().replace('\n', "; ")))?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    Ok(Config {
        limits: file
            .limit
            .iter()
            .map(|t| source.limit(t))
            .collect::<Result<_, _>>()?,
        allowed_growth: file
            .allow_growth
            .iter()
            .map(|t| source.growth(t))
            .collect::<Result<_, _>>()?,
        file: Some(name.unwrap_or_else(|| "exuvia.toml".to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text, Path::new("exuvia.toml"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let message = refused("[[limit]]\nmetric = \"heap/*\"\nprecent = 1.0\n");
        assert!(message.starts_with("exuvia.toml:3: "), "{message}");
        assert!(message.contains("precent"), "{message}");
        let message = refused("\n[gate]\nx = 1\n");
        assert!(message.starts_with("exuvia.toml:2: "), "{message}");
    }

    #[test]
    fn values_without_sense_are_refused_where_they_stand() {
        for (text, line, word) in [
            ("[[limit]]\nmetric = \"x\"\npercent = -1.0\n", 3, "percent"),
            ("[[limit]]\nmetric = \"x\"\npercent = nan\n", 3, "finite"),
            ("[[limit]]\nmetric = \"\"\npercent = 1.0\n", 2, "metric"),
            ("# c\n[[limit]]\nmetric = \"x\"\n", 2, "says nothing"),
            (
                "[[limit]]\nmetric = \"x\"\nvotes = true\nabsolute-below = 3.0\n",
                4,
                "absolute",
            ),
            (
                "[[allow-growth]]\nworkload = \"x\"\nnote = \" \"\n",
                3,
                "note",
            ),
            ("[[limit]\n", 1, ""),
        ] {
            let message = refused(text);
            assert!(
                message.starts_with(&format!("exuvia.toml:{line}: ")),
                "{text}: {message}"
            );
            assert!(message.contains(word), "{text}: {message}");
        }
    }

    #[test]
    fn later_rules_replace_earlier_ones_field_by_field() {
        let text = "[[limit]]\nmetric = \"instructions/*\"\nworkload = \"replay/*\"\npercent = 2\n\
                    [[limit]]\nmetric = \"time/*\"\nvotes = true\n";
        let config = parse(text, Path::new("exuvia.toml")).unwrap();
        let replay = config.limit("instructions/ir", "replay/graph", "pages");
        assert_eq!(replay.limit(1_000.0).relative, 0.02);
        assert!(replay.votes() && !replay.votes_by_request());
        let lists = config.limit("instructions/ir", "lists/append", "append");
        assert_eq!(lists.limit(1_000.0).relative, 0.003);
        let time = config.limit("time/ns_per_op", "lists/append", "append");
        assert_eq!(
            (time.limit(1.0).relative, time.votes_by_request()),
            (0.1, true)
        );
    }

    #[test]
    fn a_small_phase_may_gain_thirty_instructions() {
        let phase = Config::default().limit("instructions/ir.subtract_refs", "w/x", "v");
        assert_eq!(phase.limit(999.0).allowed(999.0), 30.0);
        assert_eq!(phase.limit(1_000.0).allowed(1_000.0), 3.0);
        assert_eq!(phase.limit(100_000.0).allowed(100_000.0), 300.0);
    }

    #[test]
    fn the_example_of_the_documentation_is_accepted() {
        let text = include_str!("../../docs/gate.md");
        let example = text
            .split("```toml")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        let config = parse(example.expect("a toml block"), Path::new("exuvia.toml")).unwrap();
        assert_eq!((config.limits.len(), config.allowed_growth.len()), (1, 1));
        let replay = config.limit("instructions/ir", "replay/graph", "pages");
        assert_eq!(replay.limit(5_000.0).allowed(5_000.0), 64.0);
        assert_eq!(replay.limit(50_000.0).allowed(50_000.0), 500.0);
        assert!(
            config
                .growth_allowed("strings/intern", "any", "Str")
                .is_some()
        );
    }
}
