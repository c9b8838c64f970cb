//! One run at a time in a folder, and a mark that tells the next one when it was killed.
//!
//! The lock is the kernel's and ends with the process, however it ends. The mark stays when a run is killed: until
//! another run has finished there, what lies in the folder is of an earlier run and is not judged.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

const LOCK: &str = ".lock";
const MARK: &str = ".unfinished";

/// A folder that this process alone writes into.
pub(crate) struct Claim {
    _lock: File,
    mark: PathBuf,
}

impl Claim {
    /// Claims `folder`, and says when the run before was killed.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let lock = File::create(folder.join(LOCK))
            .with_context(|| format!("cannot write into {}", folder.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another run is writing into {}: wait for it, or give this one a folder of its own with --out",
                folder.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", folder.display()));
            }
        }
        let mark = folder.join(MARK);
        if mark.is_file() {
            eprintln!(
                "the run before was ended before it had finished; nothing of it is used, this one measures everything again"
            );
        }
        let mut file = File::create(&mark).context("cannot mark the run as begun")?;
        writeln!(file, "process {}", std::process::id()).context("cannot mark the run as begun")?;
        Ok(Self { _lock: lock, mark })
    }

    /// The results are complete.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        std::fs::remove_file(&self.mark).context("cannot mark the run as finished")
    }
}

/// Refuses a folder in which a run has begun and has not finished.
pub(crate) fn refuse_unfinished(folder: &Path) -> anyhow::Result<()> {
    if folder.join(MARK).is_file() {
        bail!(
            "the last run into {} has not finished: it is still going on, or was ended. What lies there is of an earlier run; measure again",
            folder.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_do_not_share_a_folder_and_an_ended_one_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let claim = Claim::new(folder.path()).expect("free");
        assert!(Claim::new(folder.path()).is_err(), "taken");
        assert!(refuse_unfinished(folder.path()).is_err());
        drop(claim); // as if it had been killed: the mark stays
        assert!(refuse_unfinished(folder.path()).is_err());
        Claim::new(folder.path())
            .expect("free again")
            .finish()
            .expect("finished");
        refuse_unfinished(folder.path()).expect("complete");
    }
}
