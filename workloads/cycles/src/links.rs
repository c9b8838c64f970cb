//! Links between objects, strong and weak behind one trait, so that two variants differ in nothing else.

use std::cell::Cell;

use exuvia_core::{Gc, Trace, Weak};

/// A strong link that can be changed; reading it clones the handle, as an attribute access does.
#[derive(Trace)]
pub(crate) struct Link<T: Trace>(Cell<Option<Gc<T>>>);

/// A weak link that can be changed.
#[derive(Trace)]
pub(crate) struct WeakLink<T: Trace>(Cell<Option<Weak<T>>>);

/// What both kinds of link can do.
pub(crate) trait Pointer<T: Trace>: Trace + Default {
    /// Leads to `target` from now on.
    fn lead_to(&self, target: &Gc<T>);
    /// The target, if there is one and it lives.
    fn follow(&self) -> Option<Gc<T>>;
}

impl<T: Trace> Default for Link<T> {
    fn default() -> Self {
        Link(Cell::new(None))
    }
}

impl<T: Trace> Default for WeakLink<T> {
    fn default() -> Self {
        WeakLink(Cell::new(None))
    }
}

impl<T: Trace> Link<T> {
    /// Leads nowhere from now on.
    pub(crate) fn cut(&self) {
        self.0.set(None);
    }
}

impl<T: Trace> Pointer<T> for Link<T> {
    fn lead_to(&self, target: &Gc<T>) {
        self.0.set(Some(target.clone()));
    }

    fn follow(&self) -> Option<Gc<T>> {
        let link = self.0.take()?;
        let target = link.clone();
        self.0.set(Some(link));
        Some(target)
    }
}

impl<T: Trace> Pointer<T> for WeakLink<T> {
    fn lead_to(&self, target: &Gc<T>) {
        self.0.set(Some(Gc::downgrade(target)));
    }

    fn follow(&self) -> Option<Gc<T>> {
        let link = self.0.take()?;
        let target = link.upgrade();
        self.0.set(Some(link));
        target
    }
}

/// How a structure's way back is linked.
pub(crate) trait Back: Trace {
    /// The link itself.
    type To<T: Trace>: Pointer<T>;
}

/// The way back keeps its target alive: a cycle.
#[derive(Trace)]
pub(crate) struct StrongBack;

/// The way back does not keep its target alive: no cycle.
#[derive(Trace)]
pub(crate) struct WeakBack;

impl Back for StrongBack {
    type To<T: Trace> = Link<T>;
}

impl Back for WeakBack {
    type To<T: Trace> = WeakLink<T>;
}

/// An object with a way on and a way back.
#[derive(Trace)]
pub(crate) struct Linked<B: Back> {
    /// Summed by whoever reads the object.
    #[trace(leaf)]
    pub(crate) payload: u64,
    pub(crate) next: Link<Linked<B>>,
    pub(crate) back: B::To<Linked<B>>,
}

impl<B: Back> Linked<B> {
    /// An object that leads nowhere yet.
    pub(crate) fn new(payload: u64) -> Linked<B> {
        Linked {
            payload,
            next: Link::default(),
            back: B::To::default(),
        }
    }
}

/// An object with a way on.
#[derive(Trace)]
pub(crate) struct Node {
    /// Summed by whoever reads the object.
    pub(crate) payload: u64,
    pub(crate) next: Link<Node>,
}

impl Node {
    /// An object that leads nowhere yet.
    pub(crate) fn new(payload: u64) -> Node {
        Node {
            payload,
            next: Link::default(),
        }
    }
}
