//! Starting one measured process: pinned environment, time limit, memory limit, and an account of how it ended.
//!
//! The environment is cleared, because its size moves the stack and with it counts and times. A crash, a time-out or a
//! refused allocation becomes one sentence with the signal and the last lines of standard error.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::exec::{ChildReport, Request};

/// What a measured process may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Wall time.
    pub(crate) timeout: Duration,
    /// Address space; `None` where something else (valgrind) needs more than the workload.
    pub(crate) memory_bytes: Option<u64>,
}

/// What a finished process left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) end: End,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exited(ExitStatus),
    TimedOut(Duration),
}

impl Output {
    /// The report, or why there is none.
    pub(crate) fn report(&self) -> Result<ChildReport, String> {
        let success = matches!(self.end, End::Exited(status) if status.success());
        match ChildReport::find(&self.stdout) {
            Some(report) if success => report.failure.clone().map_or(Ok(report), Err),
            _ if success => Err(format!("it ended without a report{}", self.last_words())),
            _ => Err(self.failure()),
        }
    }

    /// How it ended, and its last words, in one line.
    pub(crate) fn failure(&self) -> String {
        let end = match self.end {
            End::TimedOut(limit) => {
                format!("stopped after {:.1} s, its time limit", limit.as_secs_f64())
            }
            End::Exited(status) => match status.signal() {
                Some(signal) => format!("killed by signal {signal}{}", signal_name(signal)),
                None => format!("exit code {}", status.code().unwrap_or(-1)),
            },
        };
        format!("{end}{}", self.last_words())
    }

    fn last_words(&self) -> String {
        const LINES: usize = 3;
        let lines: Vec<_> = self
            .stderr
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let tail = &lines[lines.len().saturating_sub(LINES)..];
        if tail.is_empty() {
            String::new()
        } else {
            format!(": {}", tail.join(" | "))
        }
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL; out of memory?)",
        11 => " (SIGSEGV)",
        _ => "",
    }
}

/// The command of a measured process with nothing but `environment` around it.
pub(crate) fn command(
    exe: &Path,
    request: &Request,
    limits: Limits,
    environment: &[(&str, &str)],
) -> Command {
    let mut command = match limits.memory_bytes {
        Some(bytes) => {
            let mut shell = Command::new("/bin/sh");
            shell
                .arg("-c")
                .arg(format!("ulimit -v {} && exec \"$0\" \"$@\"", bytes / 1024))
                .arg(exe);
            shell
        }
        None => Command::new(exe),
    };
    command.args(request.to_args()).env_clear();
    command
        .env("LC_ALL", "C")
        .env("RUST_BACKTRACE", "0")
        .envs(environment.iter().copied());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts the command and waits for it, at most `timeout`.
pub(crate) fn run(command: &mut Command, timeout: Duration) -> io::Result<Output> {
    // its own group, so that a time-out also ends what the child started (valgrind)
    let mut child = command.process_group(0).spawn()?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let end = wait(&mut child, timeout)?;
    Ok(Output {
        stdout: joined(stdout),
        stderr: joined(stderr),
        end,
    })
}

/// Reads a stream to its end beside the waiting, so that a full pipe stops nobody.
pub(crate) fn drain(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // an error ends the text early; the exit status still tells what happened
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The text of a drained stream.
pub(crate) fn joined(reader: JoinHandle<String>) -> String {
    reader.join().unwrap_or_default()
}

fn wait(child: &mut Child, timeout: Duration) -> io::Result<End> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(End::Exited(status));
        }
        if start.elapsed() > timeout {
            kill_group(child)?;
            return Ok(End::TimedOut(timeout));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Ends the child and everything in its group.
pub(crate) fn kill_group(child: &mut Child) -> io::Result<()> {
    let group = format!("-{}", child.id());
    // a failure means that nobody is left in the group
    let _ = Command::new("kill")
        .args(["-KILL", "--", &group])
        .stderr(Stdio::null())
        .status();
    child.kill()?;
    child.wait().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout_ms: u64) -> Output {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        run(&mut command, Duration::from_millis(timeout_ms)).expect("a shell starts")
    }

    #[test]
    fn a_crash_is_told_with_signal_and_last_words() {
        let failure = shell("echo one >&2; echo two >&2; kill -SEGV $$", 10_000)
            .report()
            .expect_err("crashed");
        assert_eq!(failure, "killed by signal 11 (SIGSEGV): one | two");
    }

    #[test]
    fn a_time_out_ends_the_whole_group() {
        let output = shell("sleep 30 & echo $!; sleep 30", 200);
        assert!(matches!(output.end, End::TimedOut(_)));
        let orphan = output.stdout.trim().to_owned();
        let gone = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            let stat = std::fs::read_to_string(format!("/proc/{orphan}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
        assert!(gone, "process {orphan} survived");
    }

    #[test]
    fn silence_is_no_success() {
        assert_eq!(
            shell("exit 0", 10_000).report().expect_err("no report"),
            "it ended without a report"
        );
        assert_eq!(
            shell("exit 3", 10_000).report().expect_err("failed"),
            "exit code 3"
        );
    }
}
