//! The pages under test on disk, and where pictures go.

use std::path::{Path, PathBuf};

use super::driver::Result;
use super::pages;

/// Folder of the pages and of the screenshots.
pub(crate) struct Site {
    pages: PathBuf,
    screenshots: PathBuf,
}

impl Site {
    /// Writes every page anew.
    pub(crate) fn write() -> Result<Site> {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let target = scratch.parent().unwrap_or(scratch);
        let site = Site {
            pages: scratch.join("browser-pages"),
            screenshots: target.join("exuvia/screenshots"),
        };
        for folder in [&site.pages, &site.screenshots] {
            std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        for name in pages::NAMES
            .iter()
            .chain(&["fail-12", "first-12", "fail-1000"])
        {
            let path = site.path(name);
            std::fs::write(&path, pages::page(name))
                .map_err(|e| format!("{}: {e}", path.display()))?;
        }
        Ok(site)
    }

    /// Address of a page.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    /// Size of a page in bytes.
    pub(crate) fn size(&self, name: &str) -> Result<u64> {
        let meta = std::fs::metadata(self.path(name)).map_err(|e| format!("{name}: {e}"))?;
        Ok(meta.len())
    }

    /// Keeps a picture for a person to look at.
    pub(crate) fn keep(&self, name: &str, png: &[u8]) -> Result<()> {
        let path = self.screenshots.join(name);
        std::fs::write(&path, png).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// axe-core's script, where `scripts/setup-browser` put it.
    pub(crate) fn axe(&self) -> Option<String> {
        let target = self.screenshots.parent()?.parent()?;
        std::fs::read_to_string(target.join("axe/axe.min.js")).ok()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.pages.join(format!("{name}.html"))
    }
}
