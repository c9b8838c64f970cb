//! The runner: plans the processes of a run, starts them, and makes one record of their answers.
//!
//! - [`plan`] and [`filter`]: which case, which instrument;
//! - [`child`]: one measured process with its limits; [`memory`]: one whose resident memory is watched;
//! - [`count`], [`callgrind`] and [`phases`]: processes under callgrind; [`repeat`]: counted a second time;
//! - [`duel`]: base against head;
//! - [`selftest`]: what the gate is worth on this machine;
//! - [`environment`] and [`dependencies`]: where and with what all this happened; [`assemble`]: rows, also for what failed or is missing;
//! - [`progress`]: what the terminal shows.
//!
//! Counted processes run side by side on all cores, because a count does not move with load. Timed ones run alone.
//! A planned row that could not be measured is in the record with its reason: nothing vanishes.

pub(crate) mod assemble;
pub(crate) mod callgrind;
pub(crate) mod child;
pub(crate) mod count;
pub(crate) mod dependencies;
pub(crate) mod duel;
pub(crate) mod environment;
pub(crate) mod filter;
pub(crate) mod memory;
pub(crate) mod phases;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod repeat;
pub(crate) mod selftest;
pub(crate) mod site;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use exuvia_reports::record::{Depth, Environment, Record};
use exuvia_reports::why::{CaseFunctions, Details};
use rayon::prelude::*;

use crate::exec::{Inject, Instrument, Request};
use crate::{CaseId, Suite};
use assemble::{Answer, Answers};
use child::Limits;
use count::{CountError, Counted, Target};
use plan::{Plan, Selection};
use progress::Progress;

/// So many cases share one process of iai-callgrind: its start costs as much as a small case.
const GROUP: usize = 6;

/// What a run needs besides the suite.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) target: Target,
    /// Folder of the record and of everything that is only an intermediate result.
    pub(crate) out: PathBuf,
    pub(crate) selection: Selection,
}

/// A record and what only a regression needs to know besides.
pub(crate) struct Measured {
    pub(crate) record: Record,
    pub(crate) details: Details,
}

/// Measures everything the plan names. The record is complete: what could not be measured is in it with the reason.
/// What differs from `reference` is counted twice.
pub(crate) fn run(
    suite: &Suite,
    setup: &Setup,
    reference: Option<&Record>,
) -> anyhow::Result<Measured> {
    let plan = Plan::new(suite, &setup.selection);
    let runner = Runner::new(setup, &plan)?;
    let mut answers = Answers::default();
    runner.exact_stages(&plan, &mut answers);
    runner.count_again(&mut answers, reference);
    runner.stage(
        "time",
        &plan,
        Instrument::Time,
        &mut answers,
        Runner::one_by_one,
    );
    runner.stage("rss", &plan, Instrument::Rss, &mut answers, Runner::watched);
    runner.progress.finish();
    let environment = runner.environment.clone();
    Ok(Measured {
        details: runner.details(),
        record: assemble::record(suite, setup, &plan, answers, environment),
    })
}

/// One run of every case with its checksum and no instrument; the failures by case.
pub(crate) fn check(
    suite: &Suite,
    setup: &Setup,
) -> anyhow::Result<Vec<(CaseId, Result<(), String>)>> {
    let selection = Selection {
        instruments: vec!["time".to_owned()],
        ..setup.selection.clone()
    };
    let plan = Plan::new(suite, &selection);
    let runner = Runner::new(setup, &plan)?;
    let cases: Vec<_> = plan.cases(Instrument::Time).cloned().collect();
    let answers = runner.side_by_side(Instrument::Plain, &cases);
    Ok(answers
        .into_iter()
        .map(|(case, _, answer)| (case, answer.map(drop)))
        .collect())
}

pub(crate) struct Runner<'a> {
    setup: &'a Setup,
    environment: Environment,
    /// Functions of every counted case; a case that was counted twice is there twice.
    functions: Mutex<Vec<(CaseId, CaseFunctions)>>,
    /// What the self test adds to every case.
    inject: Option<Inject>,
    progress: Progress,
    /// The version, or why there is none.
    valgrind: Result<String, String>,
    memory_bytes: Option<u64>,
}

type Stage<'a> = fn(&Runner<'a>, Instrument, &[CaseId]) -> Vec<(CaseId, Instrument, Answer)>;

impl<'a> Runner<'a> {
    pub(crate) fn new(setup: &'a Setup, plan: &Plan) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&setup.out)
            .with_context(|| format!("cannot create {}", setup.out.display()))?;
        let valgrind = environment::valgrind();
        // half of what is there: two processes run side by side
        let memory_bytes = environment::available_memory_bytes().map(|bytes| bytes / 2);
        let environment =
            environment::gather(&setup.target.manifest_dir, valgrind.as_ref().ok().cloned());
        Ok(Self {
            setup,
            environment,
            functions: Mutex::default(),
            inject: None,
            progress: Progress::new(plan.processes() as u64),
            valgrind,
            memory_bytes,
        })
    }

    /// Everything that gives exact numbers, and the leak detector.
    fn exact_stages(&self, plan: &Plan, answers: &mut Answers) {
        let side_by_side: Stage<'a> = Runner::side_by_side;
        let stages = [
            (
                "instructions",
                Instrument::Instructions,
                Runner::count_all as Stage<'a>,
            ),
            ("heap", Instrument::Heap, side_by_side),
            ("footprint", Instrument::Footprint, side_by_side),
            ("leaks", Instrument::Leaks, side_by_side),
        ];
        for (name, instrument, stage) in stages {
            self.stage(name, plan, instrument, answers, stage);
        }
    }

    /// A second count of what differs from the reference, as far as it can be compared, and of a tenth by rotation.
    fn count_again(&self, answers: &mut Answers, reference: Option<&Record>) {
        let key = self.environment.instruction_key();
        let reference = reference.filter(|base| base.environment.instruction_key() == key);
        match reference {
            Some(base) => repeat::again(self, answers, repeat::differs_from(base)),
            None => repeat::again(self, answers, |_, _| false),
        }
    }

    /// The first count of each case, for the side file.
    fn details(&self) -> Details {
        let functions = self.functions.lock().expect("no counting thread panicked");
        let mut seen = std::collections::HashSet::new();
        let first = functions
            .iter()
            .filter(|(case, _)| seen.insert(case.to_string()));
        Details {
            functions: first.map(|(_, functions)| functions.clone()).collect(),
            ..Details::default()
        }
    }

    /// `; f varies by 3 instructions`, when a case was counted twice and differs.
    fn varying_function(&self, case: &CaseId) -> String {
        let functions = self.functions.lock().expect("no counting thread panicked");
        let mut counts = functions
            .iter()
            .filter(|(of, _)| of == case)
            .map(|(_, functions)| functions);
        let varying = counts.next().zip(counts.next_back());
        let varying = varying.and_then(|(first, second)| first.most_different(second));
        varying
            .map(|(name, by)| format!("; `{name}` varies, by {by:+} instructions"))
            .unwrap_or_default()
    }

    fn stage(
        &self,
        name: &str,
        plan: &Plan,
        instrument: Instrument,
        answers: &mut Answers,
        stage: Stage<'a>,
    ) {
        let cases: Vec<_> = plan.cases(instrument).cloned().collect();
        if cases.is_empty() {
            return;
        }
        let start = Instant::now();
        self.progress.begin(name);
        answers.extend(stage(self, instrument, &cases));
        self.progress.end(name, cases.len(), start.elapsed());
    }

    fn request(&self, case: &CaseId, instrument: Instrument) -> Request {
        Request {
            case: case.clone(),
            instrument,
            depth: self.setup.selection.depth,
            raw: None,
            inject: self.inject,
        }
    }

    fn timeout(&self) -> Duration {
        let of_depth = match self.setup.selection.depth {
            Depth::Quick => 60,
            Depth::Default => 300,
            Depth::Full => 900,
        };
        // a process that has to share its core gets as much done as on an idle machine
        let default = || Duration::from_secs(of_depth).mul_f64(environment::crowding());
        self.setup.selection.timeout.unwrap_or_else(default)
    }

    fn side_by_side(
        &self,
        instrument: Instrument,
        cases: &[CaseId],
    ) -> Vec<(CaseId, Instrument, Answer)> {
        cases
            .par_iter()
            .map(|case| self.measured(instrument, case))
            .collect()
    }

    fn one_by_one(
        &self,
        instrument: Instrument,
        cases: &[CaseId],
    ) -> Vec<(CaseId, Instrument, Answer)> {
        cases
            .iter()
            .map(|case| self.measured(instrument, case))
            .collect()
    }

    fn measured(&self, instrument: Instrument, case: &CaseId) -> (CaseId, Instrument, Answer) {
        let answer = self.measure(instrument, case).map(Box::new);
        self.progress.done(case, answer.as_ref().err());
        (case.clone(), instrument, answer)
    }

    fn measure(
        &self,
        instrument: Instrument,
        case: &CaseId,
    ) -> Result<crate::exec::ChildReport, String> {
        let home = self.home("criterion", case);
        if instrument == Instrument::Time {
            remove(&home)?;
        }
        let home = home.display().to_string();
        let limits = Limits {
            timeout: self.timeout(),
            memory_bytes: self.memory_bytes,
        };
        let request = self.request(case, instrument);
        let mut command = child::command(
            &self.setup.target.exe,
            &request,
            limits,
            &[("CRITERION_HOME", home.as_str())],
        );
        command.current_dir(&self.setup.target.manifest_dir);
        let output = child::run(&mut command, limits.timeout)
            .map_err(|error| format!("cannot be started: {error}"))?;
        output.report()
    }

    fn watched(
        &self,
        instrument: Instrument,
        cases: &[CaseId],
    ) -> Vec<(CaseId, Instrument, Answer)> {
        let watch = |case: &CaseId| {
            let request = self.request(case, instrument);
            let limits = Limits {
                timeout: self.timeout(),
                memory_bytes: self.memory_bytes,
            };
            let answer = memory::watch(&self.setup.target, &request, limits).map(Box::new);
            self.progress.done(case, answer.as_ref().err());
            (case.clone(), instrument, answer)
        };
        cases.iter().map(watch).collect()
    }

    /// Groups first, then whatever a group lost, one by one.
    fn count_all(
        &self,
        instrument: Instrument,
        cases: &[CaseId],
    ) -> Vec<(CaseId, Instrument, Answer)> {
        if let Err(reason) = &self.valgrind {
            self.progress.say(reason.clone());
            return cases
                .iter()
                .map(|case| (case.clone(), instrument, Err(reason.clone())))
                .collect();
        }
        let groups: Vec<_> = cases.chunks(GROUP).enumerate().collect();
        let counted = groups
            .par_iter()
            .flat_map(|(index, group)| self.count_group(&format!("group{index}"), group));
        counted
            .map(|(case, counted)| (case.clone(), instrument, self.answer_of(&case, counted)))
            .collect()
    }

    fn count_group(&self, name: &str, cases: &[CaseId]) -> Vec<(CaseId, Result<Counted, String>)> {
        let first = self.count_cases(name, cases);
        let again = |(case, counted): (&CaseId, Result<Counted, CountError>)| {
            let counted = match counted {
                Err(CountError::Lost(_)) if cases.len() > 1 => {
                    let alone = self.count_cases(
                        &format!("{name}-{}", case.file_name()),
                        std::slice::from_ref(case),
                    );
                    alone
                        .into_iter()
                        .next()
                        .unwrap_or_else(|| Err(CountError::Lost("was not counted".to_owned())))
                }
                counted => counted,
            };
            let counted = counted.map_err(|error| error.to_string());
            self.progress.done(case, counted.as_ref().err());
            (case.clone(), counted)
        };
        cases.iter().zip(first).map(again).collect()
    }

    fn count_cases(&self, name: &str, cases: &[CaseId]) -> Vec<Result<Counted, CountError>> {
        let requests: Vec<_> = cases
            .iter()
            .map(|case| self.request(case, Instrument::Instructions))
            .collect();
        let home = self.setup.out.join("callgrind").join(name);
        let timeout = self.timeout() * u32::try_from(cases.len()).unwrap_or(1);
        count::count(&self.setup.target, &requests, &home, timeout).unwrap_or_else(|error| {
            let cannot = CountError::Failed(format!("callgrind cannot be started: {error}"));
            cases.iter().map(|_| Err(cannot.clone())).collect()
        })
    }

    fn answer_of(&self, case: &CaseId, counted: Result<Counted, String>) -> Answer {
        counted.map(|mut counted| {
            let functions = std::mem::take(&mut counted.functions);
            self.functions
                .lock()
                .expect("no counting thread panicked")
                .push((case.clone(), functions));
            Box::new(assemble::counted_report(case, counted))
        })
    }

    fn home(&self, kind: &str, case: &CaseId) -> PathBuf {
        self.setup.out.join(kind).join(case.file_name())
    }
}

fn remove(folder: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!(
            "old results in {} cannot be removed: {error}",
            folder.display()
        )),
        _ => Ok(()),
    }
}
