//! What the leak detector found in a workload: class, type, rate, site, holder.

use maud::{Markup, html};

use super::super::figures::Figures;
use super::super::model::{Case, Workload};
use super::super::words;
use crate::chart::{Chain, Chart};
use crate::record::{LeakFinding, LeakVerdict};

/// What the leak detector found, worst first; clean verdicts in one line.
pub(super) fn render(figures: &Figures, workload: &Workload<'_>) -> Markup {
    let all = workload
        .cases
        .iter()
        .flat_map(|c| c.leaks.iter().map(move |l| (c, *l)));
    let (clean, mut rest): (Vec<_>, Vec<_>) =
        all.partition(|(_, l)| l.verdict == LeakVerdict::Clean);
    rest.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.verdict));
    html! {
        @if !(clean.is_empty() && rest.is_empty()) {
            h3 { "Leaks" }
            @for (case, finding) in &rest { (finding_block(figures, case, finding)) }
            @if !clean.is_empty() {
                p .soft {
                    @for (i, (case, finding)) in clean.iter().enumerate() {
                        @if i > 0 { "; " }
                        bdi { (words::case(&case.key)) } ": " (words::leak(finding))
                    }
                    "."
                }
            }
        }
    }
}

fn finding_block(figures: &Figures, case: &Case<'_>, finding: &LeakFinding) -> Markup {
    let fields = [
        ("Class", finding.class.as_deref()),
        ("Type", finding.type_name.as_deref()),
        ("Allocated at", finding.site.as_deref()),
        ("Held by", finding.holder.as_deref()),
        ("Why", finding.reason.as_deref()),
        ("Fingerprint", finding.fingerprint.as_deref()),
    ];
    let holder = finding.holder.as_deref();
    let chain = holder.and_then(|path| Chain::read(path, finding.type_name.as_deref()));
    html! {
        div .finding-block {
            p {
                strong class=[(finding.verdict == LeakVerdict::Leak).then_some("worse")] { (words::leak(finding)) }
                " " span .soft { bdi { (words::case(&case.key)) } }
            }
            dl .facts {
                @for (name, value) in fields {
                    @if let Some(value) = value { dt { (name) } dd { bdi { (value) } } }
                }
            }
            @if let Some(chain) = chain { (figures.gallery(&[vec![Box::new(chain) as Box<dyn Chart>]])) }
        }
    }
}
