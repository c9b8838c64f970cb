//! `report.sarif`: leaks as alerts at the line that allocated, SARIF 2.1.0.
//!
//! The fingerprint of a leak keeps it one alert across runs. A leak without a known site stands at the bench target.

use crate::record::{LeakFinding, LeakVerdict, Record, to_pretty_json};
use serde_json::{Value, json};

/// The whole file.
///
/// # Errors
/// Never for a valid record.
pub fn render(head: &Record) -> std::io::Result<String> {
    let leaks = head
        .leaks
        .iter()
        .filter(|leak| leak.verdict == LeakVerdict::Leak);
    let rule = |id: &str, text: &str| json!({"id": id, "shortDescription": {"text": text}});
    to_pretty_json(&json!({
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{
            "tool": {"driver": {
                "name": "exuvia",
                "informationUri": "https://github.com/exuvia/exuvia",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": [
                    rule("count-leak", "A reference count that nothing accounts for"),
                    rule("count-underflow", "A reference that is not counted: a future use after free"),
                    rule("uncollected-cycle", "A cycle that the collector does not free"),
                    rule("reachable-growth", "Reachable objects that grow without bound"),
                    rule("native-pin", "Objects held by handles outside of the heap"),
                    rule("leak", "Memory that is not given back"),
                ],
            }},
            "columnKind": "unicodeCodePoints",
            "results": leaks.map(result).collect::<Vec<_>>(),
        }],
    }))
}

fn result(leak: &LeakFinding) -> Value {
    let rule = leak.class.as_deref().unwrap_or("leak").replace(' ', "-");
    let mut text = format!(
        "{}: {}",
        leak.case(),
        leak.type_name.as_deref().unwrap_or("memory")
    );
    for part in [
        leak.reason.as_deref(),
        leak.holder.as_deref().map(|_| "held by:"),
        leak.holder.as_deref(),
    ]
    .into_iter()
    .flatten()
    {
        text.push(' ');
        text.push_str(part);
    }
    let (file, line) = place(leak.site.as_deref());
    let fingerprint = leak
        .fingerprint
        .clone()
        .unwrap_or_else(|| leak.case().to_string());
    json!({
        "ruleId": rule,
        "level": "error",
        "message": {"text": text},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": file},
            "region": {"startLine": line},
        }}],
        "partialFingerprints": {"exuviaLeak/v1": fingerprint},
    })
}

/// `file:line[:column]`, or the bench target.
fn place(site: Option<&str>) -> (String, u64) {
    let site = site.unwrap_or("benches/exuvia.rs:1");
    let mut parts = site.split(':');
    let file = parts.next().unwrap_or_default().replace(' ', "%20");
    (
        file,
        parts
            .next()
            .and_then(|line| line.trim().parse().ok())
            .unwrap_or(1),
    )
}
