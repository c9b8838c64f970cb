//! What was compared: both environments, differences named before everything else.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::model::Model;
use crate::format;
use crate::record::{Environment, Record};

/// One line always visible, the rest folded.
pub(super) fn render(model: &Model<'_>) -> Markup {
    let differences = &model.cmp.environment_differences;
    html! {
        section .compared aria-labelledby="compared" {
            h2 #compared .quiet { "What was compared" }
            p { (summary(model)) }
            @if !differences.is_empty() {
                p .differs {
                    "Differs from the baseline: "
                    @for (i, d) in differences.iter().enumerate() {
                        @if i > 0 { "; " }
                        strong { (d.name) } " " (d.base) " → " (d.head)
                        @if d.moves_instructions { " (instruction counts are not comparable)" }
                    }
                    "."
                }
            }
            details {
                summary { "Machine, toolchain and settings" }
                (table(model))
            }
        }
    }
}

fn summary(model: &Model<'_>) -> Markup {
    let head = model.head;
    let e = &head.environment;
    let mut parts = vec![commit(e)];
    if let Some(base) = model.base {
        parts[0] = format!("{} against {}", commit(e), commit(&base.environment));
    }
    parts.extend(e.created_unix.map(format::date_time));
    parts.extend(e.cpu_model.clone());
    parts.extend(e.cores.map(|n| format::plural(n, "core")));
    parts.extend(e.rustc.as_ref().map(|r| {
        if r.starts_with("rustc") {
            r.clone()
        } else {
            format!("rustc {r}")
        }
    }));
    parts.push(match &e.valgrind {
        Some(v) if v.starts_with("valgrind") => v.replacen("valgrind-", "valgrind ", 1),
        Some(v) => format!("valgrind {v}"),
        None => "no valgrind".to_owned(),
    });
    parts.push(format!("{} run", head.depth));
    parts.extend(head.selection.as_ref().map(|s| format!("only {s}")));
    html! {
        @for (i, part) in parts.iter().enumerate() {
            @if i > 0 { span .dot { " · " } }
            bdi { (part) }
        }
    }
}

fn commit(e: &Environment) -> String {
    let Some(commit) = &e.commit else {
        return "commit unknown".to_owned();
    };
    let short: String = commit.chars().take(10).collect();
    let dirty = if e.dirty == Some(true) {
        " with uncommitted changes"
    } else {
        ""
    };
    format!("commit {short}{dirty}")
}

fn table(model: &Model<'_>) -> Markup {
    let differing: BTreeSet<&str> = model
        .cmp
        .environment_differences
        .iter()
        .map(|d| d.name.as_str())
        .collect();
    let base = model.base.map(lines);
    html! {
        div .scroll tabindex="0" role="group" aria-label="Environment" {
            table .plain {
                thead {
                    tr {
                        th scope="col" { "Setting" }
                        @if base.is_some() { th scope="col" { "Baseline" } }
                        th scope="col" { "This run" }
                    }
                }
                tbody {
                    @for (i, (name, value)) in lines(model.head).into_iter().enumerate() {
                        tr class=[differing.contains(name.as_str()).then_some("differs")] {
                            th scope="row" {
                                (name)
                                @if differing.contains(name.as_str()) { " " em { "differs" } }
                            }
                            @if let Some(base) = &base {
                                td { (base.get(i).map(|(_, v)| v.as_str()).unwrap_or("unknown")) }
                            }
                            td { (value) }
                        }
                    }
                }
            }
        }
    }
}

fn lines(record: &Record) -> Vec<(String, String)> {
    let e = &record.environment;
    let date = e
        .created_unix
        .map_or("unknown".to_owned(), format::date_time);
    let mut lines = vec![
        ("measured".to_owned(), date),
        ("depth".to_owned(), record.depth.to_string()),
    ];
    lines.extend(
        e.describe()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    lines
}
