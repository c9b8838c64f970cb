//! What a heap records while it traces: address, bytes and site of each block.
//!
//! Sites are interned by the address of their `Location` and the return
//! addresses of the stack; names are looked up when a snapshot asks for them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::Location;

use super::TraceError;
use super::snapshot::{AllocationTrace, Domain, Snapshot};
use super::traceback::{Frame, Site, Traceback};
use crate::alloc::pools::KeyMap;

/// Frames of this crate that may stand above the caller's.
const OWN_FRAMES: usize = 24;

#[derive(Default)]
pub(crate) struct Tracer {
    on: Cell<bool>,
    limit: Cell<usize>,
    current: Cell<usize>,
    peak: Cell<usize>,
    /// Whose allocations these are while a closure allocates, which no
    /// `#[track_caller]` reaches into.
    behalf: Cell<Option<&'static Location<'static>>>,
    tables: RefCell<Tables>,
}

#[derive(Default)]
struct Tables {
    records: KeyMap<Record>,
    sites: Vec<Captured>,
    by_key: HashMap<(usize, Box<[usize]>), u32>,
}

/// Ends [`Tracer::on_behalf`].
pub(crate) struct Behalf<'a> {
    tracer: &'a Tracer,
    outer: Option<&'static Location<'static>>,
}

impl Drop for Behalf<'_> {
    fn drop(&mut self) {
        self.tracer.behalf.set(self.outer);
    }
}

struct Record {
    bytes: usize,
    site: u32,
    domain: Domain,
}

struct Captured {
    location: &'static Location<'static>,
    /// Return addresses, newest first; empty when one frame is enough.
    stack: Box<[usize]>,
}

impl Tracer {
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on.get()
    }

    pub(crate) fn start(&self, frames: usize) -> Result<(), TraceError> {
        if !self.on.replace(true) {
            self.limit.set(frames);
        }
        Ok(())
    }

    pub(crate) fn stop(&self) {
        self.on.set(false);
        self.limit.set(1);
        *self.tables.borrow_mut() = Tables::default();
        self.current.set(0);
        self.peak.set(0);
    }

    pub(crate) fn clear(&self) {
        *self.tables.borrow_mut() = Tables::default();
        self.current.set(0);
        self.peak.set(0);
    }

    pub(crate) fn reset_peak(&self) {
        self.peak.set(self.current.get());
    }

    pub(crate) fn traced_memory(&self) -> (usize, usize) {
        (self.current.get(), self.peak.get())
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.get().max(1)
    }

    /// Until the result is dropped, allocations are the caller's.
    #[inline]
    #[track_caller]
    pub(crate) fn on_behalf(&self) -> Option<Behalf<'_>> {
        if !self.on.get() {
            return None;
        }
        let outer = self.behalf.get();
        self.behalf.set(outer.or(Some(Location::caller())));
        Some(Behalf {
            tracer: self,
            outer,
        })
    }

    /// A block is taken by the caller.
    #[track_caller]
    pub(crate) fn track(&self, address: usize, bytes: usize, domain: Domain) {
        if !self.on.get() {
            return;
        }
        let location = self.behalf.get().unwrap_or(Location::caller());
        let stack = self.walk();
        let tables = &mut *self.tables.borrow_mut();
        let site = tables.intern(location, stack);
        let record = Record {
            bytes,
            site,
            domain,
        };
        if let Some(old) = tables.records.insert(address, record) {
            self.current.set(self.current.get() - old.bytes);
        }
        let current = self.current.get() + bytes;
        self.current.set(current);
        self.peak.set(self.peak.get().max(current));
    }

    /// A block is given back.
    pub(crate) fn untrack(&self, address: usize) {
        if !self.on.get() {
            return;
        }
        if let Some(record) = self.tables.borrow_mut().records.remove(&address) {
            self.current.set(self.current.get() - record.bytes);
        }
    }

    fn walk(&self) -> Box<[usize]> {
        let limit = self.limit();
        let mut stack = Vec::new();
        if limit > 1 {
            backtrace::trace(|frame| {
                stack.push(frame.ip().addr());
                stack.len() < limit + OWN_FRAMES
            });
        }
        stack.into_boxed_slice()
    }

    pub(crate) fn own_bytes(&self) -> usize {
        let tables = self.tables.borrow();
        let stacks: usize = tables.sites.iter().map(|site| site.stack.len()).sum();
        tables.records.capacity() * (size_of::<Record>() + size_of::<usize>())
            + tables.sites.capacity() * size_of::<Captured>()
            + tables.by_key.capacity() * size_of::<((usize, Box<[usize]>), u32)>()
            + 2 * stacks * size_of::<usize>()
    }

    pub(crate) fn site(&self, address: usize) -> Option<Site> {
        let tables = self.tables.borrow();
        let record = tables.records.get(&address)?;
        Some(Site::at(tables.sites[record.site as usize].location))
    }

    pub(crate) fn traceback(&self, address: usize) -> Option<Traceback> {
        let tables = self.tables.borrow();
        let record = tables.records.get(&address)?;
        Some(tables.sites[record.site as usize].named(self.limit()))
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let tables = self.tables.borrow();
        let limit = self.limit();
        let named: Vec<Traceback> = tables.sites.iter().map(|s| s.named(limit)).collect();
        let mut records: Vec<(&usize, &Record)> = tables.records.iter().collect();
        records.sort_unstable_by_key(|(address, _)| **address);
        let traces = records
            .into_iter()
            .map(|(_, record)| AllocationTrace {
                domain: record.domain,
                size: record.bytes,
                traceback: named[record.site as usize].clone(),
            })
            .collect();
        Snapshot::new(limit, traces)
    }
}

impl Tables {
    fn intern(&mut self, location: &'static Location<'static>, stack: Box<[usize]>) -> u32 {
        let key = (std::ptr::from_ref(location).addr(), stack);
        if let Some(&site) = self.by_key.get(&key) {
            return site;
        }
        let site = self.sites.len() as u32;
        self.sites.push(Captured {
            location,
            stack: key.1.clone(),
        });
        self.by_key.insert(key, site);
        site
    }
}

impl Captured {
    /// Oldest frame first; the newest is the site itself.
    fn named(&self, limit: usize) -> Traceback {
        let site = Frame::new(self.location.file(), self.location.line());
        let mut frames = vec![site];
        let mut callers = self.callers();
        let total = callers.len() + 1;
        callers.truncate(limit - 1);
        frames.extend(callers);
        frames.reverse();
        Traceback::new(frames, total)
    }

    /// The frames above the one that allocated, newest first.
    fn callers(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        for &address in &self.stack {
            // A return address stands behind the call; the line is the call's.
            let address = std::ptr::without_provenance_mut(address.wrapping_sub(1));
            backtrace::resolve(address, |symbol| {
                if let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) {
                    let file = file.to_string_lossy().replace("/./", "/");
                    frames.push(Frame::new(file.trim_start_matches("./"), line));
                }
            });
        }
        // This crate's own frames stand in front of the site's. An expression
        // of several lines may have its call on another one.
        let own = name_of(self.location.file());
        let at_site = |frame: &Frame| name_of(&frame.file) == own;
        let exact = |frame: &Frame| at_site(frame) && frame.line == self.location.line();
        let site = frames.iter().position(exact);
        let site = site.or_else(|| frames.iter().position(at_site));
        let Some(site) = site else {
            return frames;
        };
        let (theirs, ours) = roots(&frames[site].file, self.location.file());
        let rename = |frame: Frame| match frame.file.strip_prefix(theirs) {
            Some(rest) if !(theirs.is_empty() && rest.starts_with('/')) => {
                Frame::new(&format!("{ours}{rest}"), frame.line)
            }
            _ => frame.clone(),
        };
        frames[site + 1..].iter().cloned().map(rename).collect()
    }
}

/// What two names of one file begin with where they differ: the compiler names
/// files from the workspace on, debug information from the root or the package.
fn roots<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    let common = |(x, y): &(char, char)| x == y;
    let pairs = a.chars().rev().zip(b.chars().rev());
    let same: usize = pairs.take_while(common).map(|(x, _)| x.len_utf8()).sum();
    (&a[..a.len() - same], &b[..b.len() - same])
}

/// The last part of a path: the compiler and debug information abbreviate the
/// rest in different ways.
fn name_of(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}
