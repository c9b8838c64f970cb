//! What the page promises: one file, safe whatever things are called, the same bytes for the same
//! input, and the same numbers as the comparison.

#[path = "../examples/fixtures/pages.rs"]
mod pages;
#[path = "../examples/fixtures/suite.rs"]
mod suite;

use std::collections::{BTreeMap, BTreeSet};

use exuvia_reports::compare::RowVerdict;
use exuvia_reports::{format, html};

/// Every fixture with its page.
fn all_pages() -> [(&'static str, String); pages::NAMES.len()] {
    pages::NAMES.map(|name| (name, pages::page(name)))
}

fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let key = format!(" {name}=\"");
    page.split(&key)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

fn elements<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let open = format!("<{name} ");
    page.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split('>').next())
        .collect()
}

/// Text without tags, entities of names decoded as far as the tests need.
fn text_of(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<').skip(1) {
        text.push_str(part.split_once('>').map_or("", |(_, t)| t));
        text.push(' ');
    }
    text.replace('\u{a0}', " ")
}

#[test]
fn the_same_records_give_the_same_bytes() {
    for name in ["fail-40", "hostile"] {
        assert!(pages::page(name) == pages::page(name), "{name}");
    }
}

#[test]
fn every_id_is_unique_and_every_inner_link_has_its_target() {
    for (name, page) in all_pages() {
        let ids = attributes(&page, "id");
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{name}");
        for link in attributes(&page, "href") {
            let target = link.strip_prefix('#').expect("only links inside the page");
            assert!(unique.contains(target), "{name}: {link}");
        }
    }
}

#[test]
fn every_picture_has_a_title_and_a_description() {
    for (name, page) in all_pages() {
        for picture in page.split("<svg ").skip(1) {
            let picture = picture.split("</svg>").next().expect("closed");
            let head = picture.split('>').next().expect("tag");
            if head.contains("aria-hidden=\"true\"") {
                continue;
            }
            assert!(head.contains("role=\"img\""), "{name}: {head}");
            assert!(
                !picture.contains("-t\"></title>") && !picture.contains("-d\"></desc>"),
                "{name}"
            );
            assert!(
                picture.contains("<title id=") && picture.contains("<desc id="),
                "{name}"
            );
        }
    }
}

#[test]
fn hostile_names_produce_no_element_and_no_attribute() {
    let page = pages::page("hostile");
    for tag in ["<script>alert", "<b>", "<img", "onerror=alert(1)>"] {
        assert!(!page.contains(tag), "{tag}");
    }
    assert_eq!(page.matches("<script").count(), 1);
    for id in attributes(&page, "id") {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(id.chars().all(plain), "{id}");
    }
    let text = text_of(&page);
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;/x"));
}

#[test]
fn links_to_a_benchmark_do_not_move_when_others_come() {
    let small = pages::page("fail-40");
    let large = pages::page("fail-200");
    for id in attributes(&small, "id")
        .into_iter()
        .filter(|id| id.starts_with("bench-"))
    {
        assert!(large.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[test]
fn nothing_is_loaded_and_nothing_of_the_machine_is_told() {
    for (name, page) in all_pages() {
        assert!(
            page.contains("default-src 'none'; style-src 'unsafe-inline'"),
            "{name}"
        );
        for forbidden in [
            "http:", "https:", "//cdn", "url(", "@import", "/home/", "/root/", "/tmp/",
        ] {
            assert!(!page.contains(forbidden), "{name}: {forbidden}");
        }
    }
}

#[test]
fn the_page_begins_with_the_verdict_and_has_one_main_and_one_heading() {
    for (name, title) in [
        ("pass-40", "<title>PASS"),
        ("fail-40", "<title>FAIL"),
        ("unclear-40", "<title>UNCLEAR"),
    ] {
        let page = pages::page(name);
        assert!(page.contains(title), "{name}");
        assert_eq!(page.matches("<h1>").count(), 1);
        assert_eq!(page.matches("<main>").count(), 1);
        assert!(page.contains("<html lang=\"en\">"));
        assert!(page.contains("name=\"viewport\""));
    }
}

#[test]
fn the_rows_agree_with_the_counts_of_the_comparison() {
    for name in [
        "pass-40",
        "fail-40",
        "unclear-40",
        "no-valgrind",
        "hostile",
        "fail-200",
    ] {
        let (head, base) = pages::records(name);
        let cmp = pages::judge(&head, base.as_ref());
        let page = html::render(&head, base.as_ref(), &cmp, &pages::beside(name, &head));
        let mut shown: BTreeMap<&str, u64> = BTreeMap::new();
        for row in elements(&page, "tr") {
            if let Some(verdict) = row
                .split("data-v=\"")
                .nth(1)
                .and_then(|r| r.split('"').next())
            {
                *shown.entry(verdict).or_default() += 1;
            }
        }
        let tally = cmp.counts.by_benchmark;
        for (verdict, count) in [
            (RowVerdict::Regressed, tally.regressed),
            (RowVerdict::Improved, tally.improved),
            (RowVerdict::Unchanged, tally.unchanged),
            (RowVerdict::Unclear, tally.unclear),
            (RowVerdict::Missing, tally.missing),
            (RowVerdict::New, tally.new),
        ] {
            let rows = shown
                .get(verdict.to_string().as_str())
                .copied()
                .unwrap_or(0);
            assert_eq!(rows, count, "{name}: {verdict}");
        }
        assert!(page.contains(&cmp.sentence()), "{name}");
    }
}

#[test]
fn every_change_that_votes_stands_on_the_page_with_both_its_values() {
    let (head, base) = pages::records("fail-40");
    let cmp = pages::judge(&head, base.as_ref());
    let text = text_of(&html::render(
        &head,
        base.as_ref(),
        &cmp,
        &pages::beside("fail-40", &head),
    ));
    let moved = cmp
        .rows
        .iter()
        .filter(|r| r.votes && r.change.is_some_and(|c| c != 0.0));
    let mut seen = 0;
    for row in moved {
        let (base, head) = (row.base.expect("base"), row.head.expect("head"));
        for number in [
            format::exact(base),
            format::exact(head),
            format::change(base, head, &row.unit).replace('\u{a0}', " "),
        ] {
            assert!(text.contains(&number), "{}: {number}", row.metric);
        }
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn a_missing_instrument_is_a_gap_with_its_reason() {
    let page = pages::page("no-valgrind");
    assert!(page.contains("valgrind is not installed"));
    assert!(page.contains("not measured"));
    let gap = "<span class=\"gap\" title=\"";
    assert!(page.contains(gap));
}

#[test]
fn a_page_without_results_or_without_a_baseline_says_what_to_do() {
    let page = pages::page("empty");
    assert!(page.contains("exuvia list"));
    assert!(!page.contains("class=\"plot\""));
    let page = pages::page("no-baseline");
    assert!(page.contains("exuvia baseline save"));
}

#[test]
fn two_hundred_benchmarks_fit_in_six_megabytes() {
    let page = pages::page("fail-200");
    assert!(page.len() <= 6_000_000, "{} bytes", page.len());
    assert!(page.matches("<tr role=\"row\" data-g").count() >= 200);
}

#[test]
fn a_variant_has_one_colour_in_the_whole_report() {
    let page = pages::page("no-baseline");
    let mut colours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for text in page.split("<text ").skip(1) {
        let (head, rest) = text.split_once('>').expect("tag");
        let Some(class) = head
            .split("class=\"f-t")
            .nth(1)
            .and_then(|c| c.split('"').next())
        else {
            continue;
        };
        let name = rest.split('<').next().expect("content");
        colours
            .entry(name.to_owned())
            .or_default()
            .insert(class.to_owned());
    }
    assert!(colours.len() >= 8, "{colours:?}");
    assert!(colours.values().all(|c| c.len() == 1), "{colours:?}");
}

#[test]
fn the_causes_of_a_regression_stand_with_their_shares() {
    let (head, base) = pages::records("fail-40");
    let cmp = pages::judge(&head, base.as_ref());
    let cause = cmp.causes.first().expect("the first case is explained");
    let page = html::render(&head, base.as_ref(), &cmp, &pages::beside("fail-40", &head));
    let text = text_of(&page);
    assert!(text.contains("Why"));
    for part in &cause.parts {
        let share = format::percent(part.difference / cause.difference);
        let name = part
            .name
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        for said in [
            format::difference(part.difference, &cause.unit),
            share.trim_start_matches('+').to_owned(),
            name,
            part.detail.clone(),
        ] {
            assert!(text.contains(&said), "{said}");
        }
    }
    assert!(cause.share() >= 0.8);
}

#[test]
fn trends_and_peers_are_drawn_with_the_numbers_they_were_made_of() {
    let (head, _) = pages::records("fail-40");
    let beside = pages::beside("fail-40", &head);
    let page = pages::page("fail-40");
    let text = text_of(&page);
    let steps: usize = beside.trends.iter().map(|trend| trend.steps.len()).sum();
    assert_eq!(steps, 3, "every third track steps once");
    assert_eq!(text.matches("at run 13 (commit 0000000000)").count(), steps);
    let peers = beside.peers.expect("the fixture has them");
    for line in &peers.lines {
        let ratio = line
            .best_entry()
            .and_then(|entry| entry.ratio)
            .expect("a ratio");
        assert!(
            text.contains(&format!("{}×", format::bare(ratio.median, ""))),
            "{}",
            line.row
        );
        assert!(text.contains(&line.question[1..]), "{}", line.row);
    }
    assert!(text.contains("Ahead of the best peer in 3 of 3 rows."));
    assert!(text.contains("3 with a step"));
}

/// The text of the cells after each row header `name` up to the end of its row.
fn cells_after(page: &str, name: &str) -> Vec<Vec<String>> {
    let header = format!("{name}</th>");
    let rows = page.split(&header).skip(1);
    let text = |cell: &str| {
        let inner = cell.split_once('>').map_or("", |(_, inner)| inner);
        inner.split('<').next().unwrap_or_default().to_owned()
    };
    let cells = |row: &str| {
        let row = row.split("</tr>").next().unwrap_or_default();
        row.split("<td").skip(1).map(text).collect()
    };
    rows.map(cells).collect()
}

#[test]
fn a_leak_verdict_is_a_word_where_it_is_known() {
    let page = pages::page("fail-40");
    let rows = cells_after(&page, "Leak verdict");
    let against: Vec<_> = rows.iter().filter(|cells| cells.len() == 6).collect();
    assert!(!against.is_empty(), "{rows:?}");
    for cells in against {
        assert_ne!(cells[1], "–", "{cells:?}");
    }
}
