//! One run of a measuring executable.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::rows::Answer;

/// Gives the child's main thread 16 GiB of stack, or what it may have: peers that walk a graph by recursion need it, and
/// a thread started for its stack would slow glibc's malloc for the rest of the process.
const WITH_STACK: &str =
    r#"ulimit -s 16777216 2>/dev/null || ulimit -s "$(ulimit -H -s)" 2>/dev/null; exec "$0" "$@""#;

/// `command` behind a shell that raises its stack limit.
pub(super) fn with_stack(executable: &std::path::Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", WITH_STACK]).arg(executable);
    shell
}

/// The answer of a child, or why there is none.
pub(super) fn run(mut command: Command, limit: Duration) -> Result<Answer, String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| format!("cannot start: {error}"))?;
    let Some(status) = wait(&mut child, limit) else {
        // It may have ended by itself meanwhile.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("takes longer than {} s", limit.as_secs()));
    };
    let (mut text, mut complaint) = (String::new(), String::new());
    // A child writes one line to each at most, which a pipe holds; what cannot be read is no answer.
    let _ = child
        .stdout
        .take()
        .map(|mut out| out.read_to_string(&mut text));
    let _ = child
        .stderr
        .take()
        .map(|mut out| out.read_to_string(&mut complaint));
    if !status.success() {
        return Err(describe(status, &complaint));
    }
    serde_json::from_str(text.trim()).map_err(|_| format!("answers `{}`", text.trim()))
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    const PAUSE: Duration = Duration::from_millis(5);
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(PAUSE);
    }
    None
}

fn describe(status: ExitStatus, complaint: &str) -> String {
    let mut lines = complaint.lines().filter(|line| !line.trim().is_empty());
    let last = lines.next_back().unwrap_or("says nothing").trim();
    match status.signal() {
        Some(signal) => format!("ends by signal {signal}: {last}"),
        None => format!("fails: {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Answer, String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, Duration::from_millis(500))
    }

    #[test]
    fn an_answer_is_read_and_everything_else_is_a_reason() {
        let answer = shell(r#"echo '{"values":[["row",1.5]],"checks":[],"note":null}'"#).unwrap();
        assert_eq!(answer.values, [("row".to_owned(), 1.5)]);
        assert!(shell("echo nothing").unwrap_err().contains("`nothing`"));
        assert!(
            shell("echo broken >&2; exit 7")
                .unwrap_err()
                .contains("broken")
        );
        assert!(shell("kill -9 $$").unwrap_err().contains("signal 9"));
        assert!(shell("sleep 5").unwrap_err().contains("longer"));
    }
}
