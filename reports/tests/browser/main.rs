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
use std::time::Instant;

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
    let site = Site::write()?;
    let browser = Browser::start()?;
    let mut faults = 0;
    for (name, check) in criteria::ALL {
        if !asked.is_empty() && !asked.iter().any(|a| name.contains(a.as_str())) {
            continue;
        }
        let start = Instant::now();
        let outcome = check(&browser, &site)?;
        let word = if outcome.faults.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        let took = start.elapsed().as_secs_f64();
        println!("{word:>6}  {name}: {} ({took:.1} s)", outcome.measured);
        for fault in outcome.faults.iter().take(25) {
            println!("        {fault}");
        }
        faults += outcome.faults.len();
    }
    Ok(faults)
}
