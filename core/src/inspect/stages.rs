//! From where an audit reaches each object, on several threads: by breadth, a wave after the other. Which edge leads to
//! an object first is nobody's question here, so its threads race for it.

use std::sync::atomic::{AtomicU8, Ordering};

use super::arrays::{atomic_bytes, fetch};
use super::control::{AuditControl, Cancelled};
use super::graph::Graph;
use super::reach::Edges;
use super::references::References;
use super::threads::map_parts;

/// Objects of a wave that a thread takes at a time; shorter waves are followed by one thread.
const PORTION: usize = 4 << 10;

/// Objects between two looks at a control.
const STRIDE: usize = 64 << 10;

/// From where an object was reached first, as far as an audit asks.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// From nowhere: what is left when everything else was followed.
    Unreached,
    /// A declared root, an immortal object, or a holder that nobody knows.
    Held,
    Native,
}

/// The stage of each object.
pub(super) struct Stages(Vec<AtomicU8>);

impl Stages {
    pub(super) fn of(
        graph: &Graph,
        references: &References,
        threads: usize,
        control: &AuditControl,
    ) -> Result<Stages, Cancelled> {
        let stages = Stages(atomic_bytes(references.table.len()));
        let mut search = Search {
            graph,
            stages: &stages,
            threads,
            control,
            wave: Vec::new(),
            steps: 0,
        };
        let lost = references.unbalanced.iter().filter(|found| found.1 > 0);
        let roots = references.roots.held().iter();
        let natives = references.natives.held().iter();
        search.follow(roots.map(|held| held.1), Stage::Held)?;
        search.follow(natives.map(|held| held.1), Stage::Native)?;
        search.follow(references.immortal.iter().copied(), Stage::Held)?;
        search.follow(lost.map(|found| found.0), Stage::Held)?;
        control.end();
        Ok(stages)
    }

    #[inline]
    pub(super) fn is(&self, object: u32, stage: Stage) -> bool {
        self.0[object as usize].load(Ordering::Relaxed) == stage as u8
    }

    /// Whether the object had no stage: it has this one now.
    #[inline]
    fn claim<const SHARED: bool>(&self, object: u32, stage: Stage) -> bool {
        let place = &self.0[object as usize];
        let (none, stage) = (Stage::Unreached as u8, stage as u8);
        if place.load(Ordering::Relaxed) != none {
            return false;
        }
        if SHARED {
            let claimed = place.compare_exchange(none, stage, Ordering::Relaxed, Ordering::Relaxed);
            return claimed.is_ok();
        }
        place.store(stage, Ordering::Relaxed);
        true
    }
}

struct Search<'a> {
    graph: &'a Graph,
    stages: &'a Stages,
    threads: usize,
    control: &'a AuditControl,
    /// Objects whose edges are still to be followed.
    wave: Vec<u32>,
    /// Objects followed since the last look at the control.
    steps: usize,
}

impl Search<'_> {
    /// Gives a stage to the seeds and to what they reach that has none.
    fn follow(
        &mut self,
        seeds: impl IntoIterator<Item = u32>,
        stage: Stage,
    ) -> Result<(), Cancelled> {
        let seeds = seeds.into_iter();
        self.wave
            .extend(seeds.filter(|&seed| self.stages.claim::<false>(seed, stage)));
        while !self.wave.is_empty() {
            let wave = std::mem::take(&mut self.wave);
            for stretch in wave.chunks(STRIDE) {
                self.steps += stretch.len();
                if self.steps >= STRIDE {
                    self.control.step(std::mem::take(&mut self.steps))?;
                }
                self.follow_stretch(stretch, stage);
            }
        }
        Ok(())
    }

    fn follow_stretch(&mut self, stretch: &[u32], stage: Stage) {
        if self.threads == 1 || stretch.len() <= PORTION {
            follow_portion::<false>(self.graph, self.stages, stretch, stage, &mut self.wave);
            return;
        }
        let (graph, stages) = (self.graph, self.stages);
        let portions: Vec<&[u32]> = stretch.chunks(PORTION).collect();
        let follow = |portion: &&[u32]| {
            let mut next = Vec::new();
            follow_portion::<true>(graph, stages, portion, stage, &mut next);
            next
        };
        // SAFETY: graph and portions are only read, stages are atomic, and no value is visited.
        for next in unsafe { map_parts(self.threads, &portions, follow) } {
            self.wave.extend(next);
        }
    }
}

/// Pushes what the portion's objects refer to and nothing led to before.
fn follow_portion<const SHARED: bool>(
    graph: &Graph,
    stages: &Stages,
    portion: &[u32],
    stage: Stage,
    next: &mut Vec<u32>,
) {
    for (at, &holder) in portion.iter().enumerate() {
        graph.fetch_ahead(portion, at, |object| fetch(&stages.0, object as usize));
        for &target in graph.targets_of(holder) {
            if stages.claim::<SHARED>(target, stage) {
                next.push(target);
            }
        }
    }
}
