//! The three hunts of `docs/leaks.md` as programs: each is run, and what the guide quotes is what was printed.
//!
//! With `EXUVIA_WRITE_HUNTS=1` the test writes the chapter anew instead of comparing it.
#![cfg(all(feature = "heap", feature = "sites"))]

mod cache;
mod finalizer;
mod forgotten_handle;

use std::path::Path;
use std::time::Duration;

use exuvia_core::Heap;
use exuvia_harness::leak::{LeakCheck, LeakClass, LeakReport};

/// The chapter of the guide, up to the next one.
const CHAPTER: &str = "## Three hunts\n";

const INTRODUCTION: &str = "
Each is a program in `harness/tests/leak_hunts`, checked with `LeakCheck::new().iterations(4_096).run_with(prepare, leaking)`.
A test runs them and compares what they print with this chapter.
";

/// Between the story of a program and how its answer is read.
const ANSWER: &str = "---";

struct Hunt {
    source: &'static str,
    class: LeakClass,
    leaking: LeakReport,
    mended: LeakReport,
}

fn hunt<S>(
    source: &'static str,
    class: LeakClass,
    prepare: fn(&Heap) -> S,
    programs: [fn(&Heap, &mut S); 2],
) -> Hunt {
    // Long enough that the number of iterations does not hang on the load of the machine.
    let check = LeakCheck::new()
        .iterations(4_096)
        .budget(Duration::from_secs(60));
    let [leaking, mended] = programs.map(|program| check.run_with(prepare, program));
    Hunt {
        source,
        class,
        leaking,
        mended,
    }
}

fn hunts() -> [Hunt; 3] {
    [
        hunt(
            include_str!("forgotten_handle.rs"),
            LeakClass::CountLeak,
            |_| 0,
            [forgotten_handle::leaking, forgotten_handle::mended],
        ),
        hunt(
            include_str!("finalizer.rs"),
            LeakClass::ReachableGrowth,
            finalizer::prepare,
            [finalizer::leaking, finalizer::mended],
        ),
        hunt(
            include_str!("cache.rs"),
            LeakClass::ReachableGrowth,
            cache::prepare,
            [cache::leaking, cache::mended],
        ),
    ]
}

/// Prose, program, answer, and the answer once mended.
fn chapter(hunts: &[Hunt]) -> String {
    let mut text = CHAPTER.to_owned() + INTRODUCTION;
    for hunt in hunts {
        let prose: Vec<&str> = hunt
            .source
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(str::trim)
            .collect();
        let code: Vec<&str> = hunt
            .source
            .lines()
            .skip_while(|line| line.starts_with("//!"))
            .collect();
        let prose = prose.join("\n");
        let (story, reading) = prose.split_once(ANSWER).expect("a story and its answer");
        for part in [
            story.trim(),
            &format!("```rust\n{}\n```", code.join("\n").trim()),
            &format!("```text\n{}\n```", hunt.leaking),
            reading.trim(),
            &format!("```text\n{}\n```", hunt.mended),
        ] {
            text.push('\n');
            text.push_str(part);
            text.push('\n');
        }
    }
    text.push('\n');
    text
}

#[test]
fn the_guide_quotes_what_the_programs_print() {
    let hunts = hunts();
    for hunt in &hunts {
        let classes: Vec<LeakClass> = hunt.leaking.findings.iter().map(|f| f.class).collect();
        assert_eq!(classes, [hunt.class], "{}", hunt.leaking);
        assert!(hunt.leaking.findings[0].site.is_some(), "{}", hunt.leaking);
        hunt.mended.assert_clean();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/leaks.md");
    let guide = std::fs::read_to_string(&file).expect("the guide is there");
    let start = guide.find(CHAPTER).expect("the guide has the chapter");
    let length = guide[start + CHAPTER.len()..]
        .find("\n## ")
        .expect("another chapter follows");
    let end = start + CHAPTER.len() + length + 1;
    let chapter = chapter(&hunts);
    if std::env::var_os("EXUVIA_WRITE_HUNTS").is_some() {
        let renewed = guide[..start].to_owned() + &chapter + &guide[end..];
        std::fs::write(&file, renewed).expect("the guide can be written");
        return;
    }
    assert_eq!(
        &guide[start..end],
        chapter,
        "run this test with EXUVIA_WRITE_HUNTS=1 and look at the difference"
    );
}
