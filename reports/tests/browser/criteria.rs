//! The criteria, in the order of their numbers; those that need no browser are tests beside this one
//! (10: `charts.rs` and `page.rs`; 16, 18: `outputs` and `page.rs`).

use serde_json::{Value, json};

use super::driver::{Browser, Result, View};
use super::pages;
use super::pages::NAMES;
use super::site::Site;

/// What a criterion found.
pub(crate) struct Outcome {
    pub(crate) measured: String,
    pub(crate) faults: Vec<String>,
}

pub(crate) type Check = fn(&Browser, &Site) -> Result<Outcome>;

/// The criterion that measures time.
pub(crate) const TIMED: &str = "2 fast and small";

/// Every criterion by name.
pub(crate) const ALL: [(&str, Check); 13] = [
    ("1 offline and alone", offline),
    (TIMED, speed),
    ("3 verdict on the first screen", first_screen),
    ("4 without JavaScript", without_scripts),
    ("5 8 9 15 structure at every width", structure),
    ("6 axe", axe),
    ("7 dark and forced colours", colours),
    ("10 drawn to scale", marks),
    ("11 keyboard", keyboard),
    ("12 13 links, filter and their state", state),
    ("14 print", print),
    ("16 17 19 what the page says", words),
    ("20 pictures, also without colour", pictures),
];

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

fn outcome(measured: String, faults: Vec<String>) -> Result<Outcome> {
    Ok(Outcome { measured, faults })
}

fn named(page: &str, view: View, faults: Vec<String>) -> impl Iterator<Item = String> {
    let place = format!("{page} {view}");
    faults.into_iter().map(move |f| format!("{place}: {f}"))
}

fn offline(browser: &Browser, site: &Site) -> Result<Outcome> {
    let mut faults = Vec::new();
    browser.console()?;
    for page in NAMES {
        browser.open(&site.url(page), View::DESKTOP)?;
        let script = "const csp = document.querySelector('meta[http-equiv=Content-Security-Policy]');\
                      return [performance.getEntriesByType('resource').length, csp ? csp.content : ''];";
        let answer = browser.script(script, &[])?;
        if answer[0] != 0 {
            faults.push(format!("{page}: {} further requests", answer[0]));
        }
        if !answer[1]
            .as_str()
            .is_some_and(|csp| csp.starts_with("default-src 'none'"))
        {
            faults.push(format!(
                "{page}: no policy that forbids the network: {}",
                answer[1]
            ));
        }
        faults.extend(
            browser
                .console()?
                .into_iter()
                .map(|m| format!("{page}: console: {m}")),
        );
    }
    outcome(
        format!(
            "{} pages, 1 request each, {} console messages",
            NAMES.len(),
            faults.len()
        ),
        faults,
    )
}

/// Whether so much else runs that a time says nothing about the page.
fn is_busy() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = text.split(' ').next().and_then(|load| load.parse().ok());
    load.is_some_and(|load: f64| load > 2.0 * cores + 1.0)
}

fn speed(browser: &Browser, site: &Site) -> Result<Outcome> {
    let busy = is_busy();
    let mut said = Vec::new();
    let mut faults = Vec::new();
    for (page, megabytes, paint, load) in [
        ("fail-200", 6.0, 500.0, 1500.0),
        ("fail-1000", 15.0, 4000.0, 4000.0),
    ] {
        let size = site.size(page)? as f64 / 1e6;
        let mut times = Vec::new();
        for _ in 0..3 {
            browser.open(&site.url(page), View::DESKTOP)?;
            times.push(paint_and_load(browser)?);
        }
        times.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (first_paint, loaded) = times[times.len() / 2];
        said.push(format!(
            "{page} {size:.2} MB, first paint {first_paint:.0} ms, load {loaded:.0} ms"
        ));
        if size > megabytes {
            faults.push(format!("2: {page} is larger than {megabytes} MB"));
        }
        if busy {
            said.push("times not judged, this machine is busy".to_owned());
        } else if first_paint > paint || loaded > load {
            faults.push(format!(
                "2: {page} is slower than {paint} ms to paint or {load} ms to load"
            ));
        }
    }
    outcome(said.join("; "), faults)
}

fn paint_and_load(browser: &Browser) -> Result<(f64, f64)> {
    let script = "return new Promise(done => { const ask = () => {\
        const n = performance.getEntriesByType('navigation')[0];\
        const p = performance.getEntriesByName('first-contentful-paint')[0];\
        if (p && n.loadEventEnd) done([p.startTime, n.loadEventEnd]); else setTimeout(ask, 20); }; ask(); });";
    let times = browser.script(script, &[])?;
    let [paint, load] = [0, 1].map(|i| times[i].as_f64().unwrap_or(f64::INFINITY));
    Ok((paint, load))
}

fn first_screen(browser: &Browser, site: &Site) -> Result<Outcome> {
    let mut faults = Vec::new();
    for page in NAMES.iter().filter(|page| **page != "hostile") {
        for view in [View::DESKTOP, View::PHONE] {
            browser.open(&site.url(page), view)?;
            faults.extend(named(
                page,
                view,
                browser.faults(include_str!("screen.js"), &[])?,
            ));
        }
    }
    outcome("verdict, counts and first result".to_owned(), faults)
}

fn without_scripts(browser: &Browser, site: &Site) -> Result<Outcome> {
    let off = json!({"value": true});
    browser.devtools("Emulation.setScriptExecutionDisabled", off)?;
    let mut faults = Vec::new();
    let mut plots = 0;
    for page in ["fail-40", "pass-40", "no-baseline"] {
        browser.open(&site.url(page), View::DESKTOP)?;
        let script = "const q = s => document.querySelectorAll(s).length; const f = document.getElementById('filter');\
            const buttons = [...document.querySelectorAll('button')].filter(b => b.checkVisibility()).length;\
            const fold = [...document.querySelectorAll('details.bench')].find(d => !d.open) || document.querySelector('details');\
            return [document.querySelector('h1').innerText.length, q('table.results tbody tr'), q('svg.plot'),\
                    f.checkVisibility() || buttons > 0, q('details.bench'), fold.id];";
        let seen = evaluate(browser, script)?;
        for (i, what) in [
            (0, "verdict"),
            (1, "result"),
            (2, "plot"),
            (4, "fold of details"),
        ] {
            if seen[i].as_u64().unwrap_or(0) == 0 {
                faults.push(format!("4: {page}: no {what} without JavaScript"));
            }
        }
        if seen[3] != false {
            faults.push(format!("4: {page}: a control that needs JavaScript shows"));
        }
        plots += seen[2].as_u64().unwrap_or(0);
        let id = seen[5].as_str().unwrap_or_default();
        browser.open(&format!("{}#{id}", site.url(page)), View::DESKTOP)?;
        let at = format!("return document.getElementById({id:?}).getBoundingClientRect().top");
        if !settles_within(browser, &at, 900.0)? {
            faults.push(format!("4: {page}: the link to {id} does not lead there"));
        }
    }
    let on = json!({"value": false});
    browser.devtools("Emulation.setScriptExecutionDisabled", on)?;
    outcome(
        format!("{plots} plots on 3 pages, controls hidden, links lead"),
        faults,
    )
}

/// Runs a script although the page may run none.
fn evaluate(browser: &Browser, script: &str) -> Result<Value> {
    let expression = format!("(() => {{ {script} }})()");
    let parameters = json!({"expression": expression, "returnByValue": true});
    let answer = browser.devtools("Runtime.evaluate", parameters)?;
    if answer["exceptionDetails"].is_object() {
        return Err(format!("{}", answer["exceptionDetails"]));
    }
    Ok(answer["result"]["value"].clone())
}

/// Whether the number that a script gives comes to lie between 0 and `limit`.
fn settles_within(browser: &Browser, script: &str, limit: f64) -> Result<bool> {
    for _ in 0..40 {
        let at = evaluate(browser, script)?.as_f64();
        if at.is_some_and(|at| (-2.0..=limit).contains(&at)) {
            return Ok(true);
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Ok(false)
}

fn structure(browser: &Browser, site: &Site) -> Result<Outcome> {
    let mut faults = Vec::new();
    let mut views = 0;
    for page in NAMES {
        let fonts: &[bool] = match page {
            "no-baseline" | "fail-40" | "hostile" => &[false, true],
            _ => &[false],
        };
        for wide in fonts {
            browser.open(&site.url(page), View::new(320, 640, false))?;
            for width in [320, 390, 768, 1280] {
                let view = View::new(width, 900, false);
                browser.view(view)?;
                let found = browser.faults(include_str!("structure.js"), &[json!(wide)])?;
                faults.extend(named(page, view, found));
                views += 1;
            }
        }
    }
    outcome(
        format!("{views} views at 320, 390, 768 and 1280 px in two fonts"),
        faults,
    )
}

fn axe(browser: &Browser, site: &Site) -> Result<Outcome> {
    let Some(script) = site.axe() else {
        let skipped = "SKIPPED: target/axe/axe.min.js is missing, scripts/setup-browser fetches it"
            .to_owned();
        let faults = std::env::var_os("CI")
            .map(|_| skipped.clone())
            .into_iter()
            .collect();
        return outcome(skipped, faults);
    };
    let run = "const done = arguments[arguments.length - 1];\
        for (const fold of document.querySelectorAll('details')) fold.open = true;\
        for (const panel of document.querySelectorAll('.panel')) panel.style.contentVisibility = 'visible';\
        return axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] })\
          .then(r => r.violations.map(v => v.id + ' (' + v.nodes.length + '): ' + v.nodes[0].html.slice(0, 140)));";
    let mut faults = Vec::new();
    let mut views = 0;
    const ALL: &[View] = &[
        View::DESKTOP,
        View::new(1280, 900, true),
        View::PHONE,
        View::new(390, 844, true),
    ];
    for (page, in_views) in [
        ("fail-12", ALL),
        ("first-12", &ALL[1..3]),
        ("empty", &ALL[..1]),
    ] {
        for view in in_views.iter().copied() {
            browser.open(&site.url(page), view)?;
            browser.script(&script, &[])?;
            faults.extend(named(page, view, browser.faults(run, &[])?));
            views += 1;
        }
    }
    outcome(
        format!("{} findings in {views} views", faults.len()),
        faults,
    )
}

fn colours(browser: &Browser, site: &Site) -> Result<Outcome> {
    let mut faults = Vec::new();
    let mut compared = 0;
    for page in ["fail-40", "no-baseline"] {
        let mut seen = Vec::new();
        for dark in [false, true] {
            browser.open(&site.url(page), View::new(1280, 900, dark))?;
            seen.push(browser.script(include_str!("colours.js"), &[])?);
        }
        let lines = |side: &Value| -> Vec<String> {
            serde_json::from_value(side["drawn"].clone()).unwrap_or_default()
        };
        let (light, dark) = (lines(&seen[0]), lines(&seen[1]));
        let same: Vec<&String> = light
            .iter()
            .filter(|l| {
                let painted = l
                    .split('|')
                    .nth(1)
                    .is_some_and(|c| c.starts_with("f-") || c.starts_with("l-"));
                painted && dark.contains(l)
            })
            .collect();
        compared += light.len();
        faults.extend(
            same.iter()
                .map(|l| format!("7: {page}: the same in light and dark: {l}")),
        );
        for (what, key) in [
            ("a white block", "white"),
            ("black text or a black line", "black"),
        ] {
            if let Some(tag) = seen[1][key].as_array().and_then(|a| a.first()) {
                faults.push(format!("7: {page}: {what} on the dark page: {tag}"));
            }
        }
    }
    browser.open(&site.url("fail-40"), View::DESKTOP)?;
    browser.media("", &[("forced-colors", "active")])?;
    let words = "return [...document.querySelectorAll('table.results tbody .v')].filter(v => v.innerText.trim()).length";
    let kept = browser.script(words, &[])?.as_u64().unwrap_or(0);
    if kept == 0 {
        faults.push("7: forced colours lose the verdict words".to_owned());
    }
    site.keep("forced-colors-1280.png", &browser.picture(1600.0)?)?;
    outcome(
        format!(
            "{compared} paints differ between light and dark, {kept} verdict words under forced colours"
        ),
        faults,
    )
}

fn marks(browser: &Browser, site: &Site) -> Result<Outcome> {
    let mut faults = Vec::new();
    let mut compared = 0;
    for page in ["no-baseline", "fail-40", "extreme", "hostile"] {
        browser.open(&site.url(page), View::DESKTOP)?;
        let seen = browser.script(include_str!("marks.js"), &[])?;
        compared += seen[0].as_u64().unwrap_or(0);
        let found: Vec<String> = serde_json::from_value(seen[1].clone()).unwrap_or_default();
        faults.extend(named(page, View::DESKTOP, found));
    }
    outcome(
        format!("{compared} bars beside the values of their tables"),
        faults,
    )
}

fn keyboard(browser: &Browser, site: &Site) -> Result<Outcome> {
    browser.open(&site.url("fail-40"), View::DESKTOP)?;
    let mut faults = Vec::new();
    let mut order: Vec<String> = Vec::new();
    let describe = "const e = document.activeElement; const s = getComputedStyle(e);\
        const kind = e.matches('.skip') ? 'skip' : e.closest('#filter') ? 'filter' : e.closest('table.results') ? 'table' :\
          e.closest('details.bench') ? 'details' : e.tagName.toLowerCase();\
        return [kind, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0, e.outerHTML.slice(0, 80)];";
    for _ in 0..400 {
        browser.press(TAB)?;
        let at = browser.script(describe, &[])?;
        let kind = at[0].as_str().unwrap_or_default().to_owned();
        if kind == "body" && order.len() > 20 {
            break; // past the last element: nothing traps
        }
        if at[1] != true {
            faults.push(format!("11: focus is not visible on {}", at[2]));
        }
        if order.last() != Some(&kind) {
            order.push(kind);
        }
    }
    let first = |kind: &str| order.iter().position(|k| k == kind);
    let wanted = ["skip", "filter", "table", "details"].map(first);
    if wanted.iter().any(Option::is_none) || !wanted.is_sorted() {
        faults.push(format!(
            "11: the order of the focus is {}",
            order.join(", ")
        ));
    }
    for key in [ENTER, " "] {
        let focus = "const d = document.querySelector('details.fold'); const s = d.querySelector('summary'); s.focus(); return d.open;";
        let before = browser.script(focus, &[])?;
        browser.press(key)?;
        let after = browser.script("return document.querySelector('details.fold').open", &[])?;
        if before == after {
            faults.push(format!("11: {key:?} does not open a fold"));
        }
    }
    outcome(
        format!("{} stations in order, focus visible", order.len()),
        faults,
    )
}

fn state(browser: &Browser, site: &Site) -> Result<Outcome> {
    let mut faults = Vec::new();
    let mut links = 0;
    for page in NAMES {
        browser.open(&site.url(page), View::DESKTOP)?;
        faults.extend(named(
            page,
            View::DESKTOP,
            browser.faults(include_str!("filter.js"), &[])?,
        ));
        browser.open(&site.url(page), View::DESKTOP)?;
        faults.extend(named(
            page,
            View::DESKTOP,
            browser.faults(include_str!("links.js"), &[])?,
        ));
        links += 1;
    }
    browser.open(&site.url("fail-40"), View::DESKTOP)?;
    let filter = "const f = document.getElementById('filter'); f.q.value = 'lists'; f.dispatchEvent(new Event('input', {bubbles: true}));\
                  return document.getElementById('shown').textContent";
    let before = browser.script(filter, &[])?;
    browser.reload()?;
    let after = browser.script("return document.getElementById('shown').textContent", &[])?;
    if before != after {
        faults.push(format!(
            "12: the filter does not survive a reload: {before} and {after}"
        ));
    }
    browser.script(
        "location.hash = document.querySelector(\"a[href^='#bench-']\").hash",
        &[],
    )?;
    browser.back()?;
    let hash = browser.script("return location.hash", &[])?;
    if hash != "#q=lists" {
        faults.push(format!(
            "12: the back button leads to {hash} and not to the filter"
        ));
    }
    outcome(
        format!("deep links and filters of {links} pages; {after}"),
        faults,
    )
}

fn print(browser: &Browser, site: &Site) -> Result<Outcome> {
    browser.open(&site.url("fail-40"), View::new(794, 1123, false))?;
    browser.media("print", &[])?;
    let script = "const style = (s, p) => getComputedStyle(document.querySelector(s))[p]; const bad = [];\
        if (style('table.results thead', 'display') !== 'table-header-group') bad.push('14: the header does not repeat');\
        for (const s of ['figure', '.results tbody tr', '.top']) if (style(s, 'breakInside') !== 'avoid') bad.push('14: ' + s + ' may be cut');\
        for (const s of ['nav', '#filter']) if (style(s, 'display') !== 'none') bad.push('14: ' + s + ' is printed');\
        if (!document.querySelector('h1').innerText) bad.push('14: no verdict');\
        if (document.documentElement.scrollWidth > document.documentElement.clientWidth) bad.push('14: wider than the sheet');\
        if (style('.top', 'backgroundColor') !== 'rgb(255, 255, 255)') bad.push('14: needs a background');\
        return bad;";
    let faults = browser.faults(script, &[])?;
    site.keep("print-794.png", &browser.picture(4000.0)?)?;
    browser.media("", &[])?;
    let pdf = browser.print()?;
    site.keep("fail-40.pdf", &pdf)?;
    let kilobytes = pdf.len() / 1024;
    let mut faults = faults;
    if !pdf.starts_with(b"%PDF") {
        faults.push("14: no PDF came out".to_owned());
    }
    outcome(format!("PDF of {kilobytes} KiB"), faults)
}

fn words(browser: &Browser, site: &Site) -> Result<Outcome> {
    let mut faults = Vec::new();
    for page in NAMES {
        let (head, base) = pages::records(page);
        let cmp = pages::judge(&head, base.as_ref());
        browser.open(&site.url(page), View::DESKTOP)?;
        let script = "return { title: document.title, h1: document.querySelector('h1').textContent,\
            counts: Object.fromEntries([...document.querySelectorAll('.counts div')].map(d => [d.querySelector('dt').textContent, d.querySelector('dd').textContent])),\
            rows: document.querySelectorAll('table.results tbody tr').length,\
            coloured: [...document.querySelectorAll(\"table.results tr[data-v='unchanged'] .worse, table.results tr[data-v='unchanged'] .better, \" +\
              \"table.results tr[data-v='unclear'] .better\")].map(e => e.textContent),\
            text: document.body.innerText.length, gaps: document.querySelectorAll('code').length };";
        let seen = browser.script(script, &[])?;
        let sentence = cmp.sentence();
        if seen["h1"] != json!(sentence)
            || !seen["title"].as_str().unwrap_or("").ends_with(&sentence)
        {
            faults.push(format!(
                "16: {page}: the page says {} and not {sentence}",
                seen["h1"]
            ));
        }
        let tally = cmp.counts.by_benchmark;
        for (name, count) in [
            ("regressed", tally.regressed),
            ("improved", tally.improved),
            ("unclear", tally.unclear),
            ("leaking", cmp.counts.leaks),
        ] {
            if seen["counts"][name]
                .as_str()
                .is_some_and(|shown| shown != count.to_string())
            {
                faults.push(format!(
                    "16: {page}: {name} is {} and not {count}",
                    seen["counts"][name]
                ));
            }
        }
        if seen["rows"] != json!(cmp.counts.benchmarks) {
            faults.push(format!(
                "16: {page}: {} rows of {}",
                seen["rows"], cmp.counts.benchmarks
            ));
        }
        if seen["coloured"].as_array().is_none_or(|c| !c.is_empty()) {
            faults.push(format!(
                "17: {page}: coloured below its limit: {}",
                seen["coloured"]
            ));
        }
        if cmp.counts.by_benchmark.unclear > 0
            && seen["h1"]
                .as_str()
                .is_some_and(|h| h.starts_with("Gate passed"))
        {
            faults.push(format!("17: {page}: unclear cases count as passed"));
        }
        if seen["gaps"].as_u64().unwrap_or(0) == 0 {
            faults.push(format!("19: {page}: no command that says what to do"));
        }
    }
    outcome(
        format!("sentence, counts and rows of {} pages", NAMES.len()),
        faults,
    )
}

fn pictures(browser: &Browser, site: &Site) -> Result<Outcome> {
    let mut kept = 0;
    for (page, widths) in [
        ("fail-40", &[390, 768, 1280][..]),
        ("pass-40", &[1280]),
        ("no-baseline", &[390, 1280]),
        ("unclear-40", &[1280]),
        ("hostile", &[390]),
    ] {
        browser.open(&site.url(page), View::DESKTOP)?;
        for width in widths.iter().copied() {
            for dark in [false, true] {
                let view = View::new(width, 900, dark);
                browser.view(view)?;
                site.keep(&format!("{page}-{view}.png"), &browser.picture(5000.0)?)?;
                kept += 1;
            }
        }
    }
    let mut faults = Vec::new();
    for sight in ["achromatopsia", "deuteranopia"] {
        browser.open(&site.url("fail-40"), View::DESKTOP)?;
        let kind = json!({"type": sight});
        browser.devtools("Emulation.setEmulatedVisionDeficiency", kind)?;
        site.keep(&format!("fail-40-{sight}.png"), &browser.picture(1400.0)?)?;
        kept += 1;
    }
    browser.devtools(
        "Emulation.setEmulatedVisionDeficiency",
        json!({"type": "none"}),
    )?;
    let shapes = "return [...new Set([...document.querySelectorAll('table.results .v')].map(v => v.textContent.trim() + ' ' + v.querySelector('use').getAttribute('href')))]";
    let shapes = browser.script(shapes, &[])?;
    let shapes: Vec<String> = serde_json::from_value(shapes).unwrap_or_default();
    let signs: std::collections::BTreeSet<&str> =
        shapes.iter().filter_map(|s| s.rsplit(' ').next()).collect();
    if shapes.len() < 3 || signs.len() != shapes.len() {
        faults.push(format!(
            "20: verdicts do not differ by word and shape: {}",
            shapes.join(", ")
        ));
    }
    outcome(
        format!("{kept} pictures kept, verdicts differ by word and shape"),
        faults,
    )
}
