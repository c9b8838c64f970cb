//! Finds a CPython 3.13 and asks it what programs do.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What CPython said about one operation.
#[derive(Clone, Default, Debug)]
pub(crate) struct Said {
    pub(crate) events: Vec<String>,
    pub(crate) automatic: Vec<String>,
    /// The state in front of those, if the program is looked at closely.
    pub(crate) before: Vec<String>,
    pub(crate) crc: Option<u32>,
    pub(crate) state: Vec<String>,
}

pub(crate) struct Python {
    program: PathBuf,
    pub(crate) version: String,
}

impl Python {
    /// `EXUVIA_PYTHON`, then `python3.13` on the path, then what pyenv has. A
    /// variable that names something else than a CPython 3.13 is an error.
    pub(crate) fn find() -> Result<Option<Python>, String> {
        if let Some(named) = std::env::var_os("EXUVIA_PYTHON") {
            let named = PathBuf::from(named);
            return match Python::at(named.clone()) {
                Some(python) => Ok(Some(python)),
                None => Err(format!(
                    "EXUVIA_PYTHON is {}, which is not a CPython 3.13",
                    named.display()
                )),
            };
        }
        if let Some(python) = Python::at("python3.13".into()) {
            return Ok(Some(python));
        }
        Ok(Python::of_pyenv().into_iter().find_map(Python::at))
    }

    fn at(program: PathBuf) -> Option<Python> {
        let what = "import sys, platform; \
                    print(platform.python_implementation(), platform.python_version())";
        let output = Command::new(&program).args(["-I", "-c", what]).output();
        let version = String::from_utf8(output.ok()?.stdout).ok()?;
        let version = version.trim().to_owned();
        version
            .starts_with("CPython 3.13.")
            .then_some(Python { program, version })
    }

    fn of_pyenv() -> Vec<PathBuf> {
        let ask = |arguments: &[&str]| {
            let output = Command::new("pyenv").args(arguments).output().ok()?;
            String::from_utf8(output.stdout).ok()
        };
        let versions = ask(&["versions", "--bare"]).unwrap_or_default();
        versions
            .lines()
            .filter(|version| version.starts_with("3.13."))
            .filter_map(|version| ask(&["prefix", version]))
            .map(|prefix| PathBuf::from(prefix.trim()).join("bin").join("python3"))
            .collect()
    }

    /// Runs programs, given in their text form, in one process. With `text`
    /// the states come in full.
    pub(crate) fn run(&self, programs: &str, text: bool) -> Result<Vec<Vec<Said>>, String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/interpreter.py");
        let mut command = Command::new(&self.program);
        command.args(["-I", "-S", "-B", script]);
        if text {
            command.arg("text");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        let mut input = child.stdin.take().ok_or("no standard input")?;
        let programs = programs.to_owned();
        let writer = std::thread::spawn(move || input.write_all(programs.as_bytes()));
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        let written = writer.join().map_err(|_| "the writer panicked")?;
        if !output.status.success() {
            return Err(format!("the interpreter ended with {}", output.status));
        }
        written.map_err(|error| error.to_string())?;
        let text = String::from_utf8(output.stdout).map_err(|e| e.to_string())?;
        Ok(read(&text))
    }
}

fn read(text: &str) -> Vec<Vec<Said>> {
    let mut programs = Vec::new();
    let mut said: Vec<Said> = Vec::new();
    for line in text.lines() {
        if line == "." {
            programs.push(std::mem::take(&mut said));
            continue;
        }
        let mut parts = line.splitn(3, ' ');
        let (kind, at, rest) = (parts.next(), parts.next(), parts.next());
        let (Some(kind), Some(at), rest) = (kind, at, rest.unwrap_or("")) else {
            continue;
        };
        let Ok(at) = at.parse::<usize>() else {
            continue;
        };
        if kind == "P" {
            continue;
        }
        if said.len() <= at {
            said.resize_with(at + 1, Said::default);
        }
        let words = || rest.split(' ').map(str::to_owned).collect();
        match kind {
            "E" => said[at].events = words(),
            "A" => said[at].automatic = words(),
            "S" => said[at].crc = rest.parse().ok(),
            "B" => said[at].before.push(rest.to_owned()),
            "T" => said[at].state.push(rest.to_owned()),
            _ => {}
        }
    }
    programs
}
