//! The oracle: generated programs over the object model run on a real CPython
//! 3.13 and on the heap, and must do the same.
//!
//! `EXUVIA_PYTHON` names the interpreter; otherwise `python3.13` is looked for
//! on the path and with pyenv. Without one the test says that it was skipped.
//! `EXUVIA_ORACLE_SEED` and `EXUVIA_ORACLE_COUNT` choose the programs
//! (`scripts/oracle SEED COUNT`). A failing program is shortened and printed in
//! the form of the files in `regressions`, which are run first.

mod actors;
mod compare;
mod describe;
mod design;
mod machine;
mod program;
mod python;

use std::fmt::Write as _;
use std::time::Instant;

use compare::Difference;
use design::Hits;
use machine::Outcome;
use program::Program;
use python::{Python, Said};

const OPERATIONS: usize = 200;
/// Programs for one process of the interpreter.
const BATCH: u64 = 100;
/// Rounds of shortening, each a process of the interpreter.
const ROUNDS: usize = 60;
/// Orders of the trash that a program is tried in when it differs.
const ORDERS: u64 = 64;
/// What a regression file says when its program takes one of them.
const ANOTHER_ORDER: &str = "# Alike in another order of the trash alone";
/// Failing programs that are shortened.
const REPORTED: usize = 4;

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is {text:?}, not a number")),
        Err(_) => default,
    }
}

fn python() -> Option<Python> {
    let found = Python::find().unwrap_or_else(|error| panic!("{error}"));
    if found.is_none() {
        eprintln!(
            "SKIPPED: no CPython 3.13 found; set EXUVIA_PYTHON, or put python3.13 on the path"
        );
    }
    found
}

fn ours(program: &Program, said: &[Said], order: Option<u64>) -> Vec<Outcome> {
    machine::run(program, true, order, |at| compare::automatic(said, at))
}

/// What differs between CPython and the heap, or between the heap and itself when
/// nobody looks at it.
fn difference(
    program: &Program,
    ours: &[Outcome],
    said: &[Said],
    hits: &mut Hits,
) -> Option<Difference> {
    let unseen = machine::run(program, false, None, |at| compare::automatic(said, at));
    let first = compare::compare(program.lift, ours, said, hits);
    let differs = first.filter(|_| !is_alike_in_another_order(program, said, hits));
    differs.or_else(|| compare::compare_unseen(program.lift, ours, &unseen, hits))
}

/// Whether the heap does all that CPython does, consequences included, when it
/// meets the trash of each collection in another order.
fn is_alike_in_another_order(program: &Program, said: &[Said], hits: &mut Hits) -> bool {
    let alike = (0..ORDERS).find_map(|order| {
        let mut met = *hits;
        let ours = ours(program, said, Some(order));
        let difference = compare::compare(program.lift, &ours, said, &mut met);
        difference.is_none().then_some(met)
    });
    if let Some(met) = alike {
        *hits = met;
        hits.reordered += 1;
    }
    alike.is_some()
}

/// Asks CPython about some programs and compares; one entry per program.
fn differences(python: &Python, programs: &[Program], text: bool) -> Vec<Option<Difference>> {
    let texts: String = programs.iter().map(Program::text).collect();
    let said = python.run(&texts, text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(said.len(), programs.len(), "an answer for each program");
    programs
        .iter()
        .zip(&said)
        .map(|(program, said)| {
            let ours = ours(program, said, None);
            difference(program, &ours, said, &mut Hits::default())
        })
        .collect()
}

/// Drops operations while the program still differs: all shorter programs of a
/// round run in one process.
fn shortened(python: &Python, mut program: Program) -> Program {
    let mut chunk = program.ops.len() / 2;
    for _ in 0..ROUNDS {
        let candidates: Vec<Program> = (0..program.ops.len())
            .step_by(chunk.max(1))
            .map(|start| {
                let mut fewer = program.clone();
                let end = (start + chunk.max(1)).min(fewer.ops.len());
                fewer.ops.drain(start..end);
                fewer
            })
            .collect();
        let found = differences(python, &candidates, false);
        let shorter = candidates
            .into_iter()
            .zip(found)
            .find(|(_, difference)| difference.is_some());
        match shorter {
            Some((shorter, _)) => program = shorter,
            None if chunk <= 1 => break,
            None => chunk /= 2,
        }
    }
    program
}

/// The program in the form of a regression file, with what differs.
fn report(python: &Python, program: &Program) -> String {
    let mut text = program.text();
    let found = differences(python, std::slice::from_ref(program), true);
    if let Some(Some(difference)) = found.into_iter().next() {
        let Difference {
            at,
            what,
            ours,
            theirs,
        } = difference;
        let _ = write!(text, "# {what} of operation {at} ({:?})", program.ops[at]);
        let theirs: Vec<&str> = theirs.lines().collect();
        let ours: Vec<&str> = ours.lines().collect();
        for line in ours.iter().filter(|line| !theirs.contains(line)) {
            let _ = write!(text, "\n# here:    {line}");
        }
        for line in theirs.iter().filter(|line| !ours.contains(line)) {
            let _ = write!(text, "\n# CPython: {line}");
        }
    }
    text
}

#[test]
fn generated_programs_do_what_cpython_does() {
    let Some(python) = python() else {
        return;
    };
    let first = number("EXUVIA_ORACLE_SEED", 0);
    let count = number("EXUVIA_ORACLE_COUNT", 500);
    let start = Instant::now();
    let mut operations = 0;
    let mut collections = [0; 2];
    let mut user_code = 0;
    let mut failed = Vec::new();
    let mut hits = Hits::default();
    let mut seed = first;
    while seed < first + count {
        let end = (seed + BATCH).min(first + count);
        let programs: Vec<Program> = (seed..end)
            .map(|seed| Program::generated(seed, OPERATIONS))
            .collect();
        let texts: String = programs.iter().map(Program::text).collect();
        let said = python.run(&texts, false).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(said.len(), programs.len(), "an answer for each program");
        for (program, said) in programs.into_iter().zip(&said) {
            let outcomes = ours(&program, said, None);
            operations += program.ops.len();
            for outcome in &outcomes {
                let of =
                    |events: &[String], kind| events.iter().filter(|e| e.starts_with(kind)).count();
                collections[0] += of(&outcome.events, ')');
                collections[1] += of(&outcome.automatic, ')');
                user_code += of(&outcome.events, 'f') + of(&outcome.events, 'c');
            }
            if difference(&program, &outcomes, said, &mut hits).is_some() {
                failed.push(program);
            }
        }
        seed = end;
    }
    println!(
        "{}: {count} programs from seed {first}, {operations} operations, {} collections asked \
         for, {} automatic, {user_code} finalizers and callbacks outside of automatic ones, \
         {} differ, {:.1} s",
        python.version,
        collections[0],
        collections[1],
        failed.len(),
        start.elapsed().as_secs_f64()
    );
    for (what, hits) in hits.rows() {
        println!("by design, {what}: {hits}");
    }
    assert!(
        collections[1] as u64 > count,
        "too few automatic collections"
    );
    if !failed.is_empty() {
        let seeds: Vec<u64> = failed.iter().map(|program| program.seed).collect();
        let reports: Vec<String> = failed
            .iter()
            .take(REPORTED)
            .map(|program| report(&python, &shortened(&python, program.clone())))
            .collect();
        panic!("programs {seeds:?} differ\n{}", reports.join("\n\n"));
    }
}

#[test]
fn programs_that_once_differed_do_no_more() {
    let Some(python) = python() else {
        return;
    };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/regressions");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "txt"))
        .collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let program =
            Program::parse(&text).unwrap_or_else(|| panic!("{} is not a program", path.display()));
        let said = python
            .run(&program.text(), true)
            .unwrap_or_else(|e| panic!("{e}"));
        let mut hits = Hits::default();
        let ours = ours(&program, &said[0], None);
        let found = difference(&program, &ours, &said[0], &mut hits);
        assert!(
            found.is_none(),
            "{}:\n{}",
            path.display(),
            report(&python, &program)
        );
        assert_eq!(
            hits.reordered > 0,
            text.contains(ANOTHER_ORDER),
            "{}: whether it takes another order of the trash",
            path.display()
        );
    }
}
