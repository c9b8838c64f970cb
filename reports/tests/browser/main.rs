//! The page in a real browser: the twenty criteria of a report that can be trusted.
//!
//! `scripts/test-browser [CRITERION ...]` runs this. The pages are the invented reports of `examples/fixtures`;
//! each line of the output is one criterion with what was measured. Screenshots for a person to look at land in
//! `target/exuvia/screenshots`. Without chromium the tests are skipped loudly, and fail where `CI` is set.
//!
//! - `driver`: the browser; `criteria`: the checks; `*.js`: what runs in the page.

#[path = "../../examples/fixtures/pages.rs"]
mod pages;
#[path = "../../examples/fixtures/suite.rs"]
mod suite;

mod criteria;
mod driver;
mod site;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use driver::Browser;
use site::Site;

fn main() -> ExitCode {
    let missing: Vec<&str> = ["chromium", "chromedriver"]
        .into_iter()
        .filter(|program| !driver::is_installed(program))
        .collect();
    if !missing.is_empty() {
        println!(
            "SKIPPED: {} not installed, the page was NOT tested in a browser; scripts/setup-browser installs it",
            missing.join(" and ")
        );
        return if std::env::var_os("CI").is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        };
    }
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(faults) => {
            eprintln!("{faults} faults");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("the browser tests could not run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the criteria asked for and returns the number of faults.
fn run() -> driver::Result<usize> {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|a| name.contains(a.as_str()));
    let site = Site::write()?;
    let wanted = criteria::ALL.into_iter().filter(|(name, _)| is_asked(name));
    let (timed, others): (Vec<_>, Vec<_>) = wanted.partition(|(name, _)| *name == criteria::TIMED);
    // what measures time has the machine to itself; a browser keeps little more than one core busy
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(checked(&timed, &site, 1)? + checked(&others, &site, cores.min(MOST_BROWSERS))?)
}

const MOST_BROWSERS: usize = 4;

/// Checks criteria in so many browsers at once and returns the number of faults.
fn checked(
    criteria: &[(&str, criteria::Check)],
    site: &Site,
    browsers: usize,
) -> driver::Result<usize> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut faults = 0;
        let mut browser = None;
        while let Some((name, check)) = criteria.get(next.fetch_add(1, Ordering::Relaxed)) {
            let browser = match &browser {
                Some(browser) => browser,
                None => browser.insert(Browser::start()?),
            };
            let start = Instant::now();
            let outcome = check(browser, site)?;
            print!("{}", told(name, &outcome, start.elapsed()));
            faults += outcome.faults.len();
        }
        Ok(faults)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..browsers).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended
            .map(|faults| faults.map_err(|_| "a criterion panicked".to_owned())?)
            .sum()
    })
}

/// One line, and one for each of the first faults.
fn told(name: &str, outcome: &criteria::Outcome, took: Duration) -> String {
    let word = if outcome.faults.is_empty() {
        "ok"
    } else {
        "FAILED"
    };
    let took = took.as_secs_f64();
    let mut told = format!("{word:>6}  {name}: {} ({took:.1} s)\n", outcome.measured);
    for fault in outcome.faults.iter().take(25) {
        told.push_str(&format!("        {fault}\n"));
    }
    told
}
