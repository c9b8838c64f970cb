//! The declaration of one workload.

use fastrand::Rng;

use super::body::{Body, Consume, Repeat};
use super::{Better, CaseId, DeclareError, Metric, MetricValue, Params};

type OfParams = Box<dyn Fn(&Params) -> u64>;

/// One question, the variants that answer it, and everything the instruments need to know about them.
///
/// ```
/// use exuvia_harness::{Params, Suite, Workload};
///
/// /// Is summing backwards any different?
/// fn sum(w: &mut Workload) {
///     w.ask("Is summing backwards any different?");
///     w.param("n", [100, 10_000]).seed(7).ops(|p| p["n"]);
///     w.expect(|p| p["n"] * (p["n"] - 1) / 2);
///     w.variant("forwards", |p, _| (0..p["n"]).collect::<Vec<_>>(), |v| v.iter().sum());
///     w.variant("backwards", |p, _| (0..p["n"]).collect::<Vec<_>>(), |v| v.iter().rev().sum());
/// }
/// let mut suite = Suite::new();
/// suite.workload("example/sum", sum);
/// assert!(suite.errors().is_empty());
/// ```
pub struct Workload {
    id: String,
    question: String,
    tags: Vec<String>,
    ignored: Option<String>,
    seed: u64,
    params: Vec<(String, Vec<u64>)>,
    count_at: Vec<(String, u64)>,
    leak_at: Vec<(String, u64)>,
    full_at: Vec<(String, u64)>,
    ops: Option<OfParams>,
    bytes: Option<OfParams>,
    elements: Option<OfParams>,
    expected: Option<OfParams>,
    pub(super) variants: Vec<Variant>,
    metrics: Vec<Metric>,
    rss: bool,
    blind: Vec<Blind>,
}

/// An instrument that does not see what a variant does.
struct Blind {
    variant: String,
    instrument: String,
    reason: String,
}

pub(super) struct Variant {
    pub(super) name: String,
    pub(super) body: Box<dyn Body>,
}

/// Declaring.
impl Workload {
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            question: String::new(),
            tags: Vec::new(),
            ignored: None,
            seed: 0,
            params: Vec::new(),
            count_at: Vec::new(),
            leak_at: Vec::new(),
            full_at: Vec::new(),
            ops: None,
            bytes: None,
            elements: None,
            expected: None,
            variants: Vec::new(),
            metrics: Vec::new(),
            rss: false,
            blind: Vec::new(),
        }
    }

    /// The one-line question that the variants answer; the report's heading.
    pub fn ask(&mut self, question: &str) -> &mut Self {
        question.clone_into(&mut self.question);
        self
    }

    /// A parameter and its values, ascending; several parameters multiply.
    pub fn param(&mut self, name: &str, values: impl IntoIterator<Item = u64>) -> &mut Self {
        self.params
            .push((name.to_owned(), values.into_iter().collect()));
        self
    }

    /// Seed of the generator handed to `prepare`; the same for every variant.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.seed = seed;
        self
    }

    /// How many operations one run is: times are reported per operation. Without it a run is one operation.
    pub fn ops(&mut self, ops: impl Fn(&Params) -> u64 + 'static) -> &mut Self {
        self.ops = Some(Box::new(ops));
        self
    }

    /// How many bytes one run handles, for throughput.
    pub fn bytes(&mut self, bytes: impl Fn(&Params) -> u64 + 'static) -> &mut Self {
        self.bytes = Some(Box::new(bytes));
        self
    }

    /// How many elements one run handles, for throughput.
    pub fn elements(&mut self, elements: impl Fn(&Params) -> u64 + 'static) -> &mut Self {
        self.elements = Some(Box::new(elements));
        self
    }

    /// Parameters of the small runs of every instrument and of all counted runs in `--quick`. Default: the smallest.
    pub fn count_at<'a>(&mut self, point: impl IntoIterator<Item = (&'a str, u64)>) -> &mut Self {
        self.count_at = owned(point);
        self
    }

    /// Parameters of the leak detector's runs. Default: the smallest.
    pub fn leak_at<'a>(&mut self, point: impl IntoIterator<Item = (&'a str, u64)>) -> &mut Self {
        self.leak_at = owned(point);
        self
    }

    /// One more point, too large for everyday runs: only `--full` goes there, with the instruments that take one run at
    /// full speed (time and the heap's own counters).
    pub fn full_at<'a>(&mut self, point: impl IntoIterator<Item = (&'a str, u64)>) -> &mut Self {
        self.full_at = owned(point);
        self
    }

    /// The checksum that every run of every variant under every instrument must return.
    pub fn expect(&mut self, expected: impl Fn(&Params) -> u64 + 'static) -> &mut Self {
        self.expected = Some(Box::new(expected));
        self
    }

    /// A variant that runs again and again on one prepared input; neither preparing nor dropping it is measured.
    pub fn variant<T: 'static>(
        &mut self,
        name: &str,
        prepare: impl FnMut(&Params, &mut Rng) -> T + 'static,
        run: impl FnMut(&mut T) -> u64 + 'static,
    ) -> &mut Self {
        self.push(name, Repeat { prepare, run })
    }

    /// A variant that consumes a fresh input on every run; dropping it inside the closure is measured.
    pub fn once<T: 'static>(
        &mut self,
        name: &str,
        prepare: impl FnMut(&Params, &mut Rng) -> T + 'static,
        run: impl FnMut(T) -> u64 + 'static,
    ) -> &mut Self {
        self.push(name, Consume { prepare, run })
    }

    fn push(&mut self, name: &str, body: impl Body + 'static) -> &mut Self {
        self.variants.push(Variant {
            name: name.to_owned(),
            body: Box::new(body),
        });
        self
    }

    /// An exact number, read after one run of each variant. It votes in the gate: less is better.
    pub fn metric<V: MetricValue>(
        &mut self,
        name: &str,
        read: impl Fn() -> V + 'static,
    ) -> &mut Self {
        self.metric_of(name, "", Better::Less, move |_| read())
    }

    /// Like [`Workload::metric`], with a unit, a direction and the case's parameters.
    pub fn metric_of<V: MetricValue>(
        &mut self,
        name: &str,
        unit: &str,
        better: Better,
        read: impl Fn(&Params) -> V + 'static,
    ) -> &mut Self {
        let read = Box::new(move |params: &Params| read(params).value());
        self.metrics.push(Metric {
            name: name.to_owned(),
            unit: unit.to_owned(),
            better,
            read,
        });
        self
    }

    /// Words to filter by.
    pub fn tags<'a>(&mut self, tags: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.tags.extend(tags.into_iter().map(str::to_owned));
        self
    }

    /// Leaves the workload out of every run, and says why wherever it is listed.
    pub fn ignore(&mut self, reason: &str) -> &mut Self {
        self.ignored = Some(reason.to_owned());
        self
    }

    /// Leaves an instrument (`time`, `instructions`, `heap`, `leaks` or `rss`) out for a variant that it cannot see
    /// truly: no number is better than a wrong one. The reason stands where the number would.
    pub fn blind(&mut self, variant: &str, instrument: &str, reason: &str) -> &mut Self {
        self.blind.push(Blind {
            variant: variant.to_owned(),
            instrument: instrument.to_owned(),
            reason: reason.to_owned(),
        });
        self
    }

    /// Samples resident memory before, at the peak of and after one run.
    pub fn rss(&mut self) -> &mut Self {
        self.rss = true;
        self
    }
}

fn owned<'a>(point: impl IntoIterator<Item = (&'a str, u64)>) -> Vec<(String, u64)> {
    point
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Reading a declaration back.
impl Workload {
    /// The id, `crate/name`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The question, or nothing.
    #[must_use]
    pub fn question(&self) -> &str {
        &self.question
    }

    /// Words to filter by.
    #[must_use]
    pub fn tag_list(&self) -> &[String] {
        &self.tags
    }

    /// Why the workload is left out, if it is.
    #[must_use]
    pub fn ignored(&self) -> Option<&str> {
        self.ignored.as_deref()
    }

    /// Parameters and their values in the order of declaration.
    #[must_use]
    pub fn params(&self) -> &[(String, Vec<u64>)] {
        &self.params
    }

    /// Names of the variants in the order of declaration.
    pub fn variants(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().map(|variant| variant.name.as_str())
    }

    /// What is left out: variant, instrument and reason.
    pub fn blind_spots(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.blind
            .iter()
            .map(|b| (b.variant.as_str(), b.instrument.as_str(), b.reason.as_str()))
    }

    /// Whether resident memory is sampled.
    #[must_use]
    pub fn samples_rss(&self) -> bool {
        self.rss
    }

    /// Whether runs are checked against an expected checksum.
    #[must_use]
    pub fn expects(&self) -> bool {
        self.expected.is_some()
    }

    /// Every point of the parameter space, the first parameter slowest.
    #[must_use]
    pub fn points(&self) -> Vec<Vec<(String, u64)>> {
        let mut points = vec![Vec::new()];
        for (name, values) in &self.params {
            points = points
                .iter()
                .flat_map(|point| values.iter().map(|value| extended(point, name, *value)))
                .collect();
        }
        points
    }

    /// The point of the small and the counted runs.
    #[must_use]
    pub fn count_point(&self) -> Vec<(String, u64)> {
        self.point_with(&self.count_at)
    }

    /// The point of the leak detector's runs.
    #[must_use]
    pub fn leak_point(&self) -> Vec<(String, u64)> {
        self.point_with(&self.leak_at)
    }

    /// The point of the full depth alone, if there is one.
    #[must_use]
    pub fn full_point(&self) -> Option<Vec<(String, u64)>> {
        (!self.full_at.is_empty()).then(|| self.point_with(&self.full_at))
    }

    fn point_with(&self, given: &[(String, u64)]) -> Vec<(String, u64)> {
        let value_of = |name: &str, values: &[u64]| {
            let given = given
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| *value);
            given.or_else(|| values.iter().copied().min()).unwrap_or(0)
        };
        self.params
            .iter()
            .map(|(name, values)| (name.clone(), value_of(name, values)))
            .collect()
    }

    pub(crate) fn case(&self, variant: &str, params: Vec<(String, u64)>) -> CaseId {
        CaseId {
            workload: self.id.clone(),
            variant: variant.to_owned(),
            params,
        }
    }

    pub(crate) fn ops_of(&self, params: &Params) -> u64 {
        self.ops.as_ref().map_or(1, |ops| ops(params)).max(1)
    }

    pub(crate) fn bytes_of(&self, params: &Params) -> Option<u64> {
        self.bytes.as_ref().map(|bytes| bytes(params))
    }

    pub(crate) fn elements_of(&self, params: &Params) -> Option<u64> {
        self.elements.as_ref().map(|elements| elements(params))
    }

    pub(crate) fn expected_of(&self, params: &Params) -> Option<u64> {
        self.expected.as_ref().map(|expected| expected(params))
    }

    pub(crate) fn seed_value(&self) -> u64 {
        self.seed
    }

    /// The metrics, and the body of one variant.
    pub(crate) fn parts_of(
        &mut self,
        variant: &str,
    ) -> (&[Metric], Option<&mut (dyn Body + 'static)>) {
        let body = self.variants.iter_mut().find(|known| known.name == variant);
        (&self.metrics, body.map(|variant| &mut *variant.body))
    }
}

fn extended(point: &[(String, u64)], name: &str, value: u64) -> Vec<(String, u64)> {
    let mut point = point.to_vec();
    point.push((name.to_owned(), value));
    point
}

/// Checking.
impl Workload {
    pub(super) fn error(&self, problem: String) -> DeclareError {
        DeclareError {
            workload: self.id.clone(),
            problem,
        }
    }

    pub(super) fn errors(&self) -> Vec<DeclareError> {
        let mut problems = Vec::new();
        if !is_workload_id(&self.id) {
            problems.push("the id must be `crate/name`, each of a-z, 0-9 and _".to_owned());
        }
        if self.variants.is_empty() {
            problems
                .push("has no variant; add one with `w.variant(..)` or `w.once(..)`".to_owned());
        }
        problems.extend(
            repeated(self.variants()).map(|name| format!("two variants are called `{name}`")),
        );
        problems.extend(
            self.variants()
                .filter(|name| !is_word(name))
                .map(|name| format!("variant `{name}` must be of a-z, 0-9 and _")),
        );
        let names = || self.params.iter().map(|(name, _)| name.as_str());
        problems
            .extend(repeated(names()).map(|name| format!("two parameters are called `{name}`")));
        problems.extend(
            names()
                .filter(|name| !is_word(name))
                .map(|name| format!("parameter `{name}` must be of a-z, 0-9 and _")),
        );
        let empty = self.params.iter().filter(|(_, values)| values.is_empty());
        problems.extend(empty.map(|(name, _)| format!("parameter `{name}` has no value")));
        let unknown = self
            .count_at
            .iter()
            .chain(&self.leak_at)
            .chain(&self.full_at)
            .filter(|(name, _)| !names().any(|known| known == name));
        problems.extend(unknown.map(|(name, _)| {
            format!("count_at, leak_at or full_at names `{name}`, which is not a parameter")
        }));
        let blind = self.blind.iter();
        let unknown = blind.filter(|b| !self.variants().any(|name| name == b.variant));
        problems
            .extend(unknown.map(|b| format!("blind names `{}`, which is no variant", b.variant)));
        problems
            .into_iter()
            .map(|problem| self.error(problem))
            .collect()
    }
}

fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.filter(move |name| !seen.insert(*name))
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_workload_id(id: &str) -> bool {
    id.split_once('/')
        .is_some_and(|(package, name)| is_word(package) && is_word(name))
}

#[cfg(test)]
mod tests {
    use super::super::Suite;

    #[test]
    fn parameters_multiply_and_the_smallest_point_is_the_default() {
        let mut suite = Suite::new();
        suite.workload("a/b", |w| {
            w.param("n", [10, 5])
                .param("depth", [1, 2])
                .count_at([("n", 7)]);
            w.variant("v", |_, _| (), |()| 0);
        });
        let workload = &suite.workloads()[0];
        assert_eq!(workload.points().len(), 4);
        assert_eq!(
            workload.count_point(),
            [("n".to_owned(), 7), ("depth".to_owned(), 1)]
        );
        assert_eq!(
            workload.leak_point(),
            [("n".to_owned(), 5), ("depth".to_owned(), 1)]
        );
    }

    #[test]
    fn every_mistake_in_a_declaration_is_named() {
        let mut suite = Suite::new();
        suite.workload("NoSlash", |w| {
            w.param("n", []).param("n", [1]).leak_at([("m", 1)]);
            w.variant("v", |_, _| (), |()| 0)
                .variant("v", |_, _| (), |()| 0);
        });
        suite.workload("a/b", |_| {}).workload("a/b", |_| {});
        let text = suite
            .errors()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        for part in [
            "`crate/name`",
            "no value",
            "two parameters",
            "two variants",
            "`m`",
            "no variant",
            "twice",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }
}
