//! What a shell and a reader of manuals need: `completions`, `man`, `schema`, and `--open`.

use std::io::Write;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use clap::CommandFactory;
use exuvia_reports::schema;

use super::args::{Cli, CompletionsArgs, SchemaArgs, SchemaOf};
use super::{Status, UsageError};

/// Prints the completion script of a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<Status> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "exuvia", &mut script);
    printed(&script)
}

/// Prints the manual page, each subcommand a section of it.
pub(crate) fn man() -> anyhow::Result<Status> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for sub in command.get_subcommands() {
        let words = format!(".SH \"EXUVIA {}\"\n", sub.get_name().to_uppercase());
        page.extend_from_slice(words.as_bytes());
        let manual = clap_mangen::Man::new(sub.clone());
        manual.render_synopsis_section(&mut page)?;
        manual.render_description_section(&mut page)?;
        manual.render_options_section(&mut page)?;
    }
    printed(&page)
}

/// Prints the JSON Schema of a file that exuvia writes.
pub(crate) fn schema(args: &SchemaArgs) -> anyhow::Result<Status> {
    let text = match args.of {
        SchemaOf::Run => schema::RUN,
        SchemaOf::Report => schema::REPORT,
    };
    printed(text.as_bytes())
}

/// Writes to standard output; a reader that went away is no error.
fn printed(bytes: &[u8]) -> anyhow::Result<Status> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Status::Pass),
    }
}

/// Shows a page in the reader's browser.
pub(crate) fn open(page: &Path) -> anyhow::Result<()> {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut command = Process::new(opener);
    let silent = command
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match silent.status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(UsageError::Other(format!(
            "no browser could be started (`{opener}`): open {} yourself",
            page.display()
        ))
        .into()),
    }
}
