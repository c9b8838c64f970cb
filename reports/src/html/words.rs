//! Numbers and names as words, the same in every part of the page.

use maud::{Markup, html};

use crate::compare::{Limit, Row, RowVerdict, Verdict};
use crate::format;
use crate::record::{CaseKey, LeakFinding, LeakVerdict, Measurement};

/// From here on even an exact count is scaled: nobody reads sixteen digits, and no column holds them.
const MOST_DIGITS: f64 = 1e15;

/// A metric in words.
pub(super) fn metric(name: &str) -> String {
    let known = match name {
        "time/ns_per_op" => "Time per operation",
        "instructions/ir" => "Instructions",
        "instructions/estimated_cycles" => "Estimated cycles",
        "heap/total_bytes.system" => "Bytes allocated",
        "heap/total_blocks.system" => "Blocks allocated",
        "heap/peak_bytes.system" => "Peak heap",
        "heap/peak_blocks.system" => "Blocks when the bytes peak",
        "heap/end_bytes.system" => "Bytes left at the end",
        "heap/end_blocks.system" => "Blocks left at the end",
        "heap/peak_footprint_bytes.pages" => "Peak footprint",
        "heap/live_bytes_end.pages" => "Bytes left in the private heap",
        "heap/live_objects_end.pages" => "Objects left at the end",
        "heap/collections.pages" => "Collections",
        COLLECTOR => "Instructions in the collector",
        "leaks/verdict" => "Leak verdict",
        "leaks/growth_per_iteration" => "Growth per iteration",
        "leaks/audit_findings" => "Audit findings",
        "rss/before_bytes" => "Resident memory before",
        "rss/peak_bytes" => "Resident memory at peak",
        "rss/after_bytes" => "Resident memory after",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    if let Some(phase) = name.strip_prefix(PHASE) {
        return format!("Instructions in {phase}");
    }
    let tail = name.split_once('/').map_or(name, |(_, tail)| tail);
    capital(&tail.replace('_', " "))
}

/// Metrics of the collector's phases begin like this.
pub(super) const PHASE: &str = "instructions/ir.";

/// Not measured as such: the sum over the phases of the collector.
pub(super) const COLLECTOR: &str = "instructions/collector";

/// `n = 1,000, width = 4`, empty without parameters.
pub(super) fn params(key: &CaseKey) -> String {
    let pairs: Vec<String> = key
        .params
        .iter()
        .map(|(k, v)| format!("{k}\u{a0}=\u{a0}{}", count(*v)))
        .collect();
    pairs.join(", ")
}

/// `append · n = 1,000`: a case without its workload.
pub(super) fn case(key: &CaseKey) -> String {
    let params = params(key);
    if params.is_empty() {
        key.variant.clone()
    } else {
        format!("{} · {params}", key.variant)
    }
}

/// An exact count to its last digit, an estimate in three digits, with the unit.
pub(super) fn value(value: f64, unit: &str, exact: bool) -> String {
    if !exact || value.abs() >= MOST_DIGITS {
        return show(value, unit);
    }
    let (counted, per) = unit.split_once('/').unwrap_or((unit, ""));
    let counted = match counted
        .strip_suffix('s')
        .filter(|_| value == 1.0 && counted.len() > 2)
    {
        Some(one) => one,
        None => counted,
    };
    let slash = if per.is_empty() { "" } else { "/" };
    match unit {
        "instructions" | "" => format::exact(value),
        _ => glued(format!("{} {counted}{slash}{per}", format::exact(value))),
    }
}

/// A scaled value with its unit unless it is a plain count, kept on one line.
pub(super) fn show(value: f64, unit: &str) -> String {
    glued(format::bare(value, unit))
}

/// A whole number with its thousands separated.
pub(super) fn count(number: u64) -> String {
    format::exact(number as f64)
}

/// Between parts of a caption; a line may end with it, and does not begin with it.
pub(super) const DOT: &str = "\u{a0}· ";

/// Spaces that do not break.
pub(super) fn glued(text: String) -> String {
    text.replace(' ', "\u{a0}")
}

/// A measured value in short form.
pub(super) fn short(m: &Measurement) -> Option<String> {
    m.measured().map(|v| show(v, &m.unit))
}

/// The interval in percent of the value, `None` for exact counts.
pub(super) fn spread(value: f64, interval: Option<[f64; 2]>) -> Option<f64> {
    let [low, high] = interval?;
    (value != 0.0 && high > low).then(|| (high - low) / 2.0 / value.abs())
}

/// `±2.1 %`.
pub(super) fn plus_minus(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent >= 1_000.0 {
        return format!("±{}\u{a0}%", format::exact(percent.round()));
    }
    let digits = usize::from(percent < 10.0);
    format!("±{percent:.digits$}\u{a0}%")
}

/// An interval wider than this to each side says that the machine was busy rather than how long something takes.
const VERY_NOISY: f64 = 0.2;

/// The spread beside a number, with a warning where it is no use: `very noisy, ±45 %`.
pub(super) fn beside(fraction: f64) -> String {
    let spread = plus_minus(fraction);
    if fraction > VERY_NOISY {
        format!("very noisy, {spread}")
    } else {
        spread
    }
}

/// A part of a whole: `83 %`.
pub(super) fn share(part: f64) -> String {
    let text = format::percent(part);
    glued(text.trim_start_matches('+').to_owned())
}

/// The change of a row: signed percent, or the difference from zero.
pub(super) fn change(row: &Row) -> String {
    match (row.base, row.head) {
        (Some(base), Some(head)) => glued(format::change(base, head, &row.unit)),
        _ => format::NONE.to_owned(),
    }
}

/// The limit of a row: `+0.3 %`, `+0.3 % or +30`, `+0`.
pub(super) fn limit(limit: Option<Limit>, unit: &str) -> String {
    let Some(limit) = limit else {
        return "no limit set".to_owned();
    };
    let relative = format::percent(limit.relative);
    let absolute = value(limit.absolute, unit, true);
    glued(match (limit.relative > 0.0, limit.absolute > 0.0) {
        (true, true) => format!("{relative} or +{absolute}"),
        (true, false) => relative,
        (false, true) => format!("+{absolute}"),
        (false, false) => "+0".to_owned(),
    })
}

/// A leak verdict with what belongs to it: rate or bound.
pub(super) fn leak(finding: &LeakFinding) -> String {
    let rate = |v: Option<f64>| v.map(number).unwrap_or_else(|| "unknown".to_owned());
    match finding.verdict {
        LeakVerdict::Leak => match finding.rate {
            Some(r) => format!("leak, {} per iteration", number(r)),
            None => "leak".to_owned(),
        },
        LeakVerdict::Clean => match finding.bound {
            Some(b) => format!("clean, at most {} per iteration", number(b)),
            None => "clean".to_owned(),
        },
        LeakVerdict::Fading => format!("fading, {} per iteration so far", rate(finding.rate)),
        LeakVerdict::Undecided => match finding.bound {
            Some(b) => format!("undecided, at most {} per iteration", number(b)),
            None => "undecided".to_owned(),
        },
    }
}

/// The word of a row's verdict.
pub(super) fn verdict(verdict: RowVerdict) -> &'static str {
    match verdict {
        RowVerdict::Regressed => "Regressed",
        RowVerdict::Missing => "Missing",
        RowVerdict::Unclear => "Unclear",
        RowVerdict::New => "New",
        RowVerdict::Improved => "Improved",
        RowVerdict::Unchanged => "Unchanged",
    }
}

/// Shape and word of a verdict; colour is never alone.
pub(super) fn badge(of: RowVerdict) -> Markup {
    let class = of.to_string();
    html! { span class={ "v v-" (class) } { (sign(&class)) (verdict(of)) } }
}

/// Words of the comparison; what stands in backticks is code.
pub(super) fn marked(words: &str) -> Markup {
    html! {
        @for (i, part) in words.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// The same as a sentence: first letter large, a full stop at the end.
pub(super) fn sentence(words: &str) -> Markup {
    html! { (marked(&capital(words))) @if !words.ends_with('.') { "." } }
}

/// The text with its first letter large.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// A text in which `n^0.98` is written with a raised exponent.
pub(super) fn powers(text: &str) -> Markup {
    let mut parts = text.split('^');
    let first = parts.next().unwrap_or_default();
    html! {
        (first)
        @for part in parts {
            @let digits = part.find(|c: char| !c.is_ascii_digit() && c != '.' && c != format::MINUS).unwrap_or(part.len());
            @if digits > 0 { sup { (part[..digits]) } (part[digits..]) } @else { "^" (part) }
        }
    }
}

/// A shape from the page's set, by name.
pub(super) fn sign(name: &str) -> Markup {
    html! { svg class="sign" aria-hidden="true" { use href={ "#sign-" (name) } {} } }
}

/// The gate's word in capitals, for the title.
pub(super) fn gate(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Unclear => "UNCLEAR",
    }
}

/// A plain number in three digits.
pub(super) fn number(value: f64) -> String {
    show(value, "")
}

/// An argument as a shell takes it.
pub(super) fn shell(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=,".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_counts_keep_every_digit() {
        assert_eq!(value(1_234_567.0, "instructions", true), "1,234,567");
        assert_eq!(value(152.0, "B", true), "152\u{a0}B");
        assert_eq!(
            value(1.0, "objects/iteration", true),
            "1\u{a0}object/iteration"
        );
        assert_eq!(value(1234.5, "ns", false), "1.23\u{a0}µs");
        assert_eq!(number(10_300.0), "10.3\u{a0}k");
    }

    #[test]
    fn an_argument_with_a_quote_stays_one_argument() {
        assert_eq!(shell("lists/append"), "lists/append");
        assert_eq!(shell("it's"), "'it'\\''s'");
    }

    #[test]
    fn a_limit_of_zero_is_not_the_same_as_no_limit() {
        assert_eq!(limit(None, "B"), "no limit set");
        assert_eq!(limit(Some(Limit::default()), "B"), "+0");
        let relative = Limit {
            relative: 0.003,
            absolute: 0.0,
        };
        assert_eq!(limit(Some(relative), "instructions"), "+0.3\u{a0}%");
    }
}
