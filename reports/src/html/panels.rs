//! Which charts answer a workload's question, built from its measurements.
//!
//! Captions are findings computed from the drawn values; where variants do not differ they say so.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Case, Model, Workload};
use super::words;
use crate::chart::{Bar, Bars, Caption, Chart, Curve, Curves, Point, SERIES, Strip, Strips};
use crate::format;
use crate::record::{Measurement, Series, Status};

type Params = BTreeMap<String, u64>;

/// Two values closer than this are called equal in a caption.
const SAME: f64 = 1.005;

/// A measure that grows with a smaller power of the size hardly depends on it.
const NEARLY_FLAT: f64 = 0.05;

/// A collector that takes less than this share of the instructions has no chart of its own.
const WORTH_SHOWING: f64 = 0.02;

/// Bars for the measures that matter.
pub(super) fn bar_charts(model: &Model<'_>, workload: &Workload<'_>) -> Vec<Box<dyn Chart>> {
    let mut charts: Vec<Box<dyn Chart>> = Vec::new();
    for metric in measures(workload) {
        for part in parts(workload) {
            charts
                .extend(bars(model, workload, metric, part).map(|c| Box::new(c) as Box<dyn Chart>));
        }
    }
    charts.extend(collector(model, workload).map(|c| Box::new(c) as Box<dyn Chart>));
    charts.extend(pauses(model, workload).map(|c| Box::new(c) as Box<dyn Chart>));
    charts
}

/// A curve chart per measure that was taken at two sizes or more.
pub(super) fn curve_charts(model: &Model<'_>, workload: &Workload<'_>) -> Vec<Box<dyn Chart>> {
    let mut charts: Vec<Box<dyn Chart>> = Vec::new();
    for metric in measures(workload) {
        for part in parts(workload) {
            let drawn = curves(model, workload, metric, part);
            charts.extend(drawn.map(|c| Box::new(c) as Box<dyn Chart>));
        }
    }
    charts
}

/// More variants than colours are drawn in several charts.
fn parts<'w, 'a>(workload: &'w Workload<'a>) -> impl Iterator<Item = &'w [&'a str]> {
    workload.variants.chunks(SERIES)
}

/// One measure of bytes, instructions, time, then what else the workload counts.
fn measures<'a>(workload: &Workload<'a>) -> Vec<&'a str> {
    let all: BTreeSet<&'a str> = workload
        .cases
        .iter()
        .flat_map(|c| c.head.keys().copied())
        .collect();
    let named = |m: &&'a str| {
        m.strip_prefix("heap/")
            .is_some_and(|name| !name.contains('.'))
    };
    let (mut named, mut chosen): (Vec<&'a str>, Vec<&'a str>) =
        (all.iter().copied().filter(named).collect(), Vec::new());
    let in_bytes = named.iter().position(|m| unit(workload, m) == "B");
    chosen.extend(
        in_bytes
            .map(|at| named.remove(at))
            .or_else(|| most_telling(workload, &all)),
    );
    chosen.extend(
        ["instructions/ir", "time/ns_per_op"]
            .iter()
            .filter_map(|m| all.get(m).copied()),
    );
    chosen.extend(named);
    chosen
}

fn unit<'a>(workload: &Workload<'a>, metric: &str) -> &'a str {
    let mut rows = workload.cases.iter().filter_map(|c| c.head.get(metric));
    rows.next().map_or("", |m| m.unit.as_str())
}

/// The measure of bytes in which the variants differ most; peak heap when none stands out.
fn most_telling<'a>(workload: &Workload<'a>, all: &BTreeSet<&'a str>) -> Option<&'a str> {
    let names = [
        "heap/peak_bytes.system",
        "heap/total_bytes.system",
        "heap/peak_footprint_bytes.pages",
    ];
    let known: Vec<&'a str> = names.iter().filter_map(|m| all.get(m).copied()).collect();
    let better = |best: &'a str, m: &'a str| {
        if contrast(workload, m) > 1.2 * contrast(workload, best) {
            m
        } else {
            best
        }
    };
    known.into_iter().reduce(better)
}

/// Largest over smallest value of a metric among the variants.
fn contrast(workload: &Workload<'_>, metric: &str) -> f64 {
    let Some(params) = widest(workload, metric) else {
        return 1.0;
    };
    let at = workload.cases.iter().filter(|c| c.key.params == params);
    let values: Vec<f64> = at.filter_map(|c| c.head.get(metric)?.measured()).collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    if low > 0.0 { high / low } else { 1.0 }
}

/// The parameters at which most variants were measured, the largest of those.
fn widest(workload: &Workload<'_>, metric: &str) -> Option<Params> {
    let mut measured: BTreeMap<&Params, usize> = BTreeMap::new();
    for case in &workload.cases {
        if let Some(m) = case.head.get(metric) {
            *measured.entry(&case.key.params).or_default() += usize::from(m.measured().is_some());
        }
    }
    measured
        .into_iter()
        .max_by_key(|(params, n)| (*n, *params))
        .map(|(params, _)| params.clone())
}

fn bars(
    model: &Model<'_>,
    workload: &Workload<'_>,
    metric: &str,
    variants: &[&str],
) -> Option<Bars> {
    let params = widest(workload, metric)?;
    let cases: Vec<&Case<'_>> = workload
        .cases
        .iter()
        .filter(|c| c.key.params == params && variants.contains(&c.key.variant.as_str()))
        .collect();
    let sample = cases.iter().find_map(|c| c.head.get(metric))?;
    let bars: Vec<Bar> = variants
        .iter()
        .map(|v| {
            let case = cases.iter().find(|c| c.key.variant == *v).copied();
            bar(model, workload, case, v, metric)
        })
        .collect();
    if bars.iter().all(|b| b.value.is_err()) {
        return None;
    }
    let title = finding(metric, &bars, sample);
    let detail = detail(sample, &cases);
    let unit = sample_unit(&cases, metric);
    Some(Bars {
        caption: Caption { title, detail },
        unit,
        bars,
    })
}

fn bar(
    model: &Model<'_>,
    workload: &Workload<'_>,
    case: Option<&Case<'_>>,
    variant: &str,
    metric: &str,
) -> Bar {
    let instrument = metric.split('/').next().unwrap_or_default();
    let m = case.and_then(|c| c.head.get(metric).copied());
    let base = case.and_then(|c| c.base.get(metric)?.measured());
    let value = match m.and_then(Measurement::measured) {
        Some(value) => Ok(value),
        None => Err(workload
            .blind(variant, instrument)
            .map_or_else(|| reason(m), str::to_owned)),
    };
    Bar {
        name: variant.to_owned(),
        colour: model.colour(variant),
        interval: value.as_ref().ok().and_then(|_| interval(m?)),
        base: base.filter(|b| value.as_ref().is_ok_and(|v| v != b)),
        value,
    }
}

fn reason(m: Option<&Measurement>) -> String {
    let text = m
        .and_then(|m| m.reason.clone())
        .unwrap_or_else(|| "not part of this run".to_owned());
    match m.map(|m| m.status) {
        Some(Status::Failed) => format!("failed: {text}"),
        _ => text,
    }
}

/// The interval of an estimate; exact counts have none.
fn interval(m: &Measurement) -> Option<(f64, f64)> {
    let [low, high] = m.interval()?;
    (!m.exact && (m.low.is_some() || m.high.is_some())).then_some((low, high))
}

fn sample_unit(cases: &[&Case<'_>], metric: &str) -> String {
    let measured = cases
        .iter()
        .filter_map(|c| c.head.get(metric))
        .find(|m| m.measured().is_some());
    measured.map(|m| m.unit.clone()).unwrap_or_default()
}

/// What the bars say: the measure and the largest against the smallest.
fn finding(metric: &str, bars: &[Bar], sample: &Measurement) -> String {
    let name = words::metric(metric);
    match contrast_in_words(bars, sample) {
        Some(said) => format!("{name}: {said}"),
        None => name,
    }
}

/// The largest against the smallest in one ratio; estimates whose intervals touch do not differ.
fn contrast_in_words(bars: &[Bar], sample: &Measurement) -> Option<String> {
    let value = |b: &Bar| b.value.as_ref().ok().copied();
    let mut known: Vec<(&Bar, f64)> = bars.iter().filter_map(|b| Some((b, value(b)?))).collect();
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (&(least, low), &(most, high)) = (known.first()?, known.last()?);
    Some(if known.len() == 1 {
        words::show(low, &sample.unit)
    } else if low == high {
        "the same for all".to_owned()
    } else if touch(least, most) {
        "no difference beyond the noise".to_owned()
    } else if low > 0.0 && high / low < SAME {
        let percent = words::number((high / low - 1.0) * 100.0);
        format!("all within {percent}\u{a0}%")
    } else if low > 0.0 {
        format!(
            "{} {}× {}",
            most.name,
            words::number(high / low),
            least.name
        )
    } else {
        let high = words::show(high, &sample.unit);
        format!("{} {high}, {} none", most.name, least.name)
    })
}

/// Whether the intervals of two estimates have a value in common; exact counts never do.
fn touch(a: &Bar, b: &Bar) -> bool {
    a.interval
        .zip(b.interval)
        .is_some_and(|((a_low, a_high), (b_low, b_high))| a_low <= b_high && b_low <= a_high)
}

/// The answer of a workload in three measures: name of the measure, and what its variants say.
pub(super) fn answers(model: &Model<'_>, workload: &Workload<'_>) -> [Option<(String, String)>; 3] {
    let named = measures(workload);
    let memory = named.iter().copied().find(|m| unit(workload, m) == "B");
    [memory, Some("instructions/ir"), Some("time/ns_per_op")].map(|metric| {
        let bars = bars(model, workload, metric?, &workload.variants)?;
        let sample = workload
            .cases
            .iter()
            .find_map(|c| c.head.get(metric?).filter(|m| m.measured().is_some()))?;
        Some((
            words::metric(metric?),
            contrast_in_words(&bars.bars, sample)?,
        ))
    })
}

/// Instructions spent in the phases of the collector, where the variants differ in it.
fn collector(model: &Model<'_>, workload: &Workload<'_>) -> Option<Bars> {
    let params = widest(workload, "instructions/ir")?;
    let spent = |case: &Case<'_>| -> Option<(f64, f64)> {
        let all = case.head.get("instructions/ir")?.measured()?;
        let phases = case
            .head
            .iter()
            .filter(|(name, _)| name.starts_with(words::PHASE));
        let sum = phases.filter_map(|(_, m)| m.measured()).sum();
        Some((sum, sum / all))
    };
    let cases = workload.cases.iter().filter(|c| c.key.params == params);
    let known: Vec<(&Case<'_>, (f64, f64))> = cases.filter_map(|c| Some((c, spent(c)?))).collect();
    let most = known
        .iter()
        .map(|(_, (_, share))| *share)
        .fold(0.0, f64::max);
    let equal = known.windows(2).all(|pair| pair[0].1.0 == pair[1].1.0);
    if known.len() < 2 || most < WORTH_SHOWING || equal {
        return None;
    }
    let bar = |(case, (sum, _)): &(&Case<'_>, (f64, f64))| Bar {
        name: case.key.variant.clone(),
        colour: model.colour(&case.key.variant),
        value: Ok(*sum),
        interval: None,
        base: None,
    };
    let bars: Vec<Bar> = known.iter().map(bar).take(SERIES).collect();
    let sample = known[0].0.head.get("instructions/ir")?;
    let name = words::metric(words::COLLECTOR);
    let said = contrast_in_words(&bars, sample)?;
    let params = words::params(&known[0].0.key);
    let share = format!(
        "up to {}\u{a0}% of all instructions",
        words::number(most * 100.0)
    );
    Some(Bars {
        caption: Caption {
            title: format!("{name}: {said}"),
            detail: ["exact count", &share, &params]
                .map(str::to_owned)
                .into_iter()
                .filter(|p| !p.is_empty())
                .collect::<Vec<_>>()
                .join(words::DOT),
        },
        unit: sample.unit.clone(),
        bars,
    })
}

/// Whether a curve holds the collector's pauses, which are drawn side by side.
pub(super) fn is_pauses(series: &Series) -> bool {
    series.instrument == "heap" && series.name == "pause"
}

fn pauses_of<'a>(case: &Case<'a>) -> Option<&'a Series> {
    case.series.iter().copied().find(|s| is_pauses(s))
}

/// How long the collections of each variant took, where one of them collected more than once.
fn pauses(model: &Model<'_>, workload: &Workload<'_>) -> Option<Strips> {
    let params = &workload
        .cases
        .iter()
        .rfind(|case| pauses_of(case).is_some())?
        .key
        .params;
    let cases = workload
        .cases
        .iter()
        .filter(|case| case.key.params == *params);
    let known: Vec<(&Case<'_>, &Series)> = cases.filter_map(|c| Some((c, pauses_of(c)?))).collect();
    if known.len() < 2 || known.iter().all(|(_, series)| series.points.len() < 2) {
        return None;
    }
    let strip = |(case, series): &(&Case<'_>, &Series)| Strip {
        name: format!(
            "{}, {}",
            case.key.variant,
            format::plural(series.points.len() as u64, "collection")
        ),
        colour: Some(model.colour(&case.key.variant)),
        samples: series.points.iter().map(|[_, ns]| *ns).collect(),
    };
    let longest = |series: &Series| series.points.iter().map(|[_, ns]| *ns).fold(0.0, f64::max);
    let unit = &known[0].1.unit;
    let (most, least) = known
        .iter()
        .map(|(case, s)| (longest(s), &case.key.variant))
        .fold(
            ((0.0, ""), (f64::INFINITY, "")),
            |(most, least), (ns, variant)| {
                let most = if ns > most.0 {
                    (ns, variant.as_str())
                } else {
                    most
                };
                let least = if ns < least.0 {
                    (ns, variant.as_str())
                } else {
                    least
                };
                (most, least)
            },
        );
    let title = format!(
        "Longest pause: {} {}, {} {}",
        least.1,
        words::show(least.0, unit),
        most.1,
        words::show(most.0, unit)
    );
    let detail = [
        "wall time of each collection of one run, no interval",
        &words::params(&known[0].0.key),
    ]
    .map(str::to_owned);
    Some(Strips {
        caption: Caption {
            title,
            detail: detail
                .into_iter()
                .filter(|p| !p.is_empty())
                .collect::<Vec<_>>()
                .join(words::DOT),
        },
        name: "pause".to_owned(),
        unit: unit.clone(),
        strips: known.iter().take(SERIES).map(strip).collect(),
    })
}

/// Statistic, samples, interval and parameters.
fn detail(sample: &Measurement, cases: &[&Case<'_>]) -> String {
    let params = cases
        .first()
        .map(|c| words::params(&c.key))
        .filter(|p| !p.is_empty());
    std::iter::once(statistic(sample))
        .chain(params)
        .collect::<Vec<_>>()
        .join(words::DOT)
}

fn statistic(sample: &Measurement) -> String {
    if sample.exact {
        return "exact count".to_owned();
    }
    let of = format!("{} of\u{a0}{}", sample.statistic, words::count(sample.n));
    match sample.level {
        Some(level) => format!("{of}, {}\u{a0}% interval", words::number(level * 100.0)),
        None => of,
    }
}

/// A curve per variant over the parameter with the most measured values, the others at their largest.
fn curves(
    model: &Model<'_>,
    workload: &Workload<'_>,
    metric: &str,
    variants: &[&str],
) -> Option<Curves> {
    let (axis, fixed) = scaling(workload, metric)?;
    let on_axis = |case: &&Case<'_>| {
        let rest = case.key.params.iter().filter(|(k, _)| **k != axis);
        rest.eq(fixed.iter().filter(|(k, _)| **k != axis))
    };
    let cases: Vec<&Case<'_>> = workload.cases.iter().filter(on_axis).collect();
    let sample = cases
        .iter()
        .find_map(|c| c.head.get(metric).filter(|m| m.measured().is_some()))?;
    let curve = |variant: &&str| {
        let own = cases.iter().filter(|c| c.key.variant == **variant);
        let point = |c: &&Case<'_>| {
            let m = c.head.get(metric)?;
            Some(Point {
                x: *c.key.params.get(&axis)? as f64,
                y: m.measured()?,
                interval: interval(m),
            })
        };
        Curve {
            name: (*variant).to_owned(),
            colour: model.colour(variant),
            points: own.filter_map(point).collect(),
        }
    };
    let curves: Vec<Curve> = variants
        .iter()
        .map(curve)
        .filter(|c| !c.points.is_empty())
        .collect();
    if curves.iter().all(|c| c.points.len() < 2) || (sample.exact && curves.iter().all(is_flat)) {
        return None;
    }
    let everything = cases
        .iter()
        .filter_map(|c| c.head.get(metric)?.measured())
        .collect();
    let caption = Caption {
        title: growth(metric, &axis, &curves),
        detail: curve_detail(sample, &fixed, &axis),
    };
    Some(Curves {
        caption,
        x_name: axis,
        y_name: words::metric(metric),
        unit: sample.unit.clone(),
        curves,
        shared: everything,
    })
}

/// An exact count that is the same at every size needs no curve: the bars say it all.
fn is_flat(curve: &Curve) -> bool {
    curve.points.windows(2).all(|pair| pair[0].y == pair[1].y)
}

fn scaling(workload: &Workload<'_>, metric: &str) -> Option<(String, Params)> {
    let measured: Vec<&Params> = workload
        .cases
        .iter()
        .filter(|c| c.head.get(metric).is_some_and(|m| m.measured().is_some()))
        .map(|c| &c.key.params)
        .collect();
    let largest = (*measured.iter().max()?).clone();
    let distinct = |name: &String| {
        measured
            .iter()
            .filter_map(|p| p.get(name))
            .collect::<BTreeSet<_>>()
            .len()
    };
    let axis = largest.keys().max_by_key(|name| distinct(name))?.clone();
    (distinct(&axis) >= 2).then_some((axis, largest))
}

/// How the measure grows from the smallest to the largest size: the range over the variants. A one-letter axis is not left
/// alone on a line.
fn growth(metric: &str, axis: &str, curves: &[Curve]) -> String {
    let name = words::metric(metric);
    let factor = |c: &Curve| {
        let low = c.points.iter().min_by(|a, b| a.x.total_cmp(&b.x))?;
        let high = c.points.iter().max_by(|a, b| a.x.total_cmp(&b.x))?;
        (low.y > 0.0 && high.x > low.x && low.x > 0.0).then(|| (high.x / low.x, high.y / low.y))
    };
    let factors: Vec<(f64, f64)> = curves.iter().filter_map(factor).collect();
    let Some((wide, _)) = factors.first() else {
        return format!("{name} by\u{a0}{axis}");
    };
    let low = factors.iter().map(|f| f.1).fold(f64::INFINITY, f64::min);
    let high = factors.iter().map(|f| f.1).fold(0.0, f64::max);
    let exponent = |factor: f64| {
        let text = format!("{:.2}", factor.ln() / wide.ln());
        match text.strip_prefix('-') {
            Some("0.00") => "0.00".to_owned(),
            Some(digits) => format!("{}{digits}", format::MINUS),
            None => text,
        }
    };
    let power = match (exponent(low), exponent(high)) {
        (low, high) if low == high => format!("{axis}^{high}"),
        (low, high) => format!("{axis}^{low} to\u{a0}{axis}^{high}"),
    };
    if high < SAME && low > 1.0 / SAME {
        return format!("{name} does not depend on\u{a0}{axis}");
    }
    if [low, high]
        .iter()
        .all(|f| (f.ln() / wide.ln()).abs() < NEARLY_FLAT)
    {
        return format!("{name}: hardly depends on\u{a0}{axis}");
    }
    format!("{name}: like\u{a0}{power}")
}

fn curve_detail(sample: &Measurement, fixed: &Params, axis: &str) -> String {
    let mut parts = vec![statistic(sample)];
    let rest: Vec<String> = fixed
        .iter()
        .filter(|(k, _)| *k != axis)
        .map(|(k, v)| format!("{k}\u{a0}=\u{a0}{}", words::count(*v)))
        .collect();
    if !rest.is_empty() {
        parts.push(rest.join(", "));
    }
    parts.join(words::DOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_one_letter_stays_with_the_word_before_it() {
        let curve = |x: f64, y: f64| Curve {
            name: "a".to_owned(),
            colour: 0,
            points: [(10.0, 100.0), (x, y)]
                .map(|(x, y)| Point {
                    x,
                    y,
                    interval: None,
                })
                .to_vec(),
        };
        let said = |curves: &[Curve]| growth("instructions/ir", "n", curves);
        for (title, expected) in [
            (said(&[]), "by n"),
            (said(&[curve(1_000.0, 100.0)]), "does not depend on n"),
            (said(&[curve(1_000.0, 110.0)]), "hardly depends on n"),
            (said(&[curve(1_000.0, 10_000.0)]), "like n^1.00"),
            (
                said(&[curve(1_000.0, 1_000.0), curve(1_000.0, 10_000.0)]),
                "like n^0.50 to n^1.00",
            ),
        ] {
            assert!(title.replace('\u{a0}', " ").ends_with(expected), "{title}");
            let can_be_alone = title.ends_with(" n") || title.contains(" n^");
            assert!(!can_be_alone, "{title}");
        }
    }
}
