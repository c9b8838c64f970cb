//! Holder paths without positions: a tree of (field, type) steps from the roots, shared by all objects that are held alike.
//!
//! ```text
//!   root "cache" -> Cache.by_key[*] -> Node.edges[*]        one node of the tree for any number of objects
//! ```
//!
//! A step that its path has already taken leads back to where it was taken first, so lists and trees of any depth have
//! one node for each way of hanging below (LeakCanary folds chains of one name alike).

use std::collections::HashMap;
use std::rc::Rc;

use super::place::Label;
use super::types::{Types, short_name};

/// Tree nodes at most; what lies deeper counts at the last node that fitted.
const MAX_NODES: usize = 4_096;

/// Steps looked back for one taken before.
const MAX_DEPTH: usize = 64;

/// How a path begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// At a declared root of this name.
    Root(Rc<str>),
    /// At a declared native handle of this owner.
    Native(Rc<str>),
    /// At an immortal object.
    Immortal,
    /// At an object with references that nobody is known to hold.
    Lost,
    /// At an unreachable object that no collection has freed.
    Unreachable,
}

impl Origin {
    pub(crate) fn text(&self) -> String {
        match self {
            Origin::Root(name) => format!("root {name:?}"),
            Origin::Native(owner) => format!("native {owner:?}"),
            Origin::Immortal => "(immortal)".to_owned(),
            Origin::Lost => "(held by no known reference)".to_owned(),
            Origin::Unreachable => "(unreachable)".to_owned(),
        }
    }
}

struct Node {
    /// The node itself for origins.
    parent: u32,
    label: Option<Label>,
    type_number: u32,
    depth: u32,
    origin: Origin,
}

/// The tree of the paths met so far.
#[derive(Default)]
pub(crate) struct PathTree {
    nodes: Vec<Node>,
    origins: HashMap<(Origin, u32), u32>,
    /// The node given out last for an origin: paths that begin alike come one after another.
    last_origin: Option<u32>,
    children: HashMap<Step, u32>,
    /// Steps taken lately, by a few bits of each: objects that are held alike come one after another.
    recent: Vec<Option<(Step, u32)>>,
}

/// Parent node, label and type of a step.
type Step = (u32, Label, u32);

/// Entries of the table of recent steps; a power of two.
const RECENT: usize = 256;

impl PathTree {
    /// The node of an object of this type where a path begins.
    pub(crate) fn origin(&mut self, origin: &Origin, type_number: u32) -> u32 {
        if let Some(node) = self.last_origin
            && self.nodes[node as usize].type_number == type_number
            && self.nodes[node as usize].origin == *origin
        {
            return node;
        }
        let node = self.origin_by_table(origin, type_number);
        self.last_origin = Some(node);
        node
    }

    fn origin_by_table(&mut self, origin: &Origin, type_number: u32) -> u32 {
        let key = (origin.clone(), type_number);
        if let Some(&node) = self.origins.get(&key) {
            return node;
        }
        let node = self.nodes.len() as u32;
        self.nodes.push(Node {
            parent: node,
            label: None,
            type_number,
            depth: 0,
            origin: origin.clone(),
        });
        self.origins.insert(key, node);
        node
    }

    /// The node of an object of this type that an object at `parent` holds under `label`.
    pub(crate) fn child(&mut self, parent: u32, label: Label, type_number: u32) -> u32 {
        let step = (parent, label, type_number);
        let place = (parent as usize * 31 + type_number as usize * 7 + label.hash_bits()) % RECENT;
        if self.recent.is_empty() {
            self.recent = vec![None; RECENT];
        }
        if let Some((recent, node)) = self.recent[place]
            && recent == step
        {
            return node;
        }
        let node = self.child_by_table(step);
        self.recent[place] = Some((step, node));
        node
    }

    fn child_by_table(&mut self, step: Step) -> u32 {
        if let Some(&node) = self.children.get(&step) {
            return node;
        }
        let (parent, label, type_number) = step;
        let node = self
            .taken_before(parent, label, type_number)
            .unwrap_or_else(|| self.grow(parent, label, type_number));
        self.children.insert(step, node);
        node
    }

    fn taken_before(&self, from: u32, label: Label, type_number: u32) -> Option<u32> {
        let mut node = from;
        for _ in 0..MAX_DEPTH {
            let step = &self.nodes[node as usize];
            if step.label == Some(label) && step.type_number == type_number {
                return Some(node);
            }
            if step.parent == node {
                return None;
            }
            node = step.parent;
        }
        None
    }

    fn grow(&mut self, parent: u32, label: Label, type_number: u32) -> u32 {
        let depth = self.nodes[parent as usize].depth + 1;
        if self.nodes.len() >= MAX_NODES || depth as usize >= MAX_DEPTH {
            return parent;
        }
        let origin = self.nodes[parent as usize].origin.clone();
        self.nodes.push(Node {
            parent,
            label: Some(label),
            type_number,
            depth,
            origin,
        });
        self.nodes.len() as u32 - 1
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The type of the objects that a node stands for.
    pub(crate) fn type_of(&self, node: u32) -> u32 {
        self.nodes[node as usize].type_number
    }

    /// The type of all objects that a node stands for, if a path begins there: others may be folded into it else.
    pub(crate) fn type_at_origin(&self, node: u32) -> Option<u32> {
        let node = &self.nodes[node as usize];
        node.label.is_none().then_some(node.type_number)
    }

    /// Whether any path begins at an unreachable object.
    pub(crate) fn has_unreachable(&self) -> bool {
        let mut origins = self.origins.keys();
        origins.any(|(origin, _)| *origin == Origin::Unreachable)
    }

    /// How the path of a node begins.
    pub(crate) fn origin_of(&self, node: u32) -> &Origin {
        &self.nodes[node as usize].origin
    }

    /// The node whose objects hold those of this one, and where; `None` at the beginning of a path.
    pub(crate) fn step_to(&self, node: u32) -> Option<(u32, Label)> {
        let step = &self.nodes[node as usize];
        step.label.map(|label| (step.parent, label))
    }

    /// The path in words, `root "cache" -> Cache.by_key[*] -> Node`.
    pub(crate) fn text(&self, node: u32, types: &Types) -> String {
        let mut steps = vec![short_name(types.name(self.type_of(node)))];
        let mut at = node;
        while let Some((parent, label)) = self.step_to(at) {
            let holder = self.type_of(parent);
            steps.push(step_text(types, holder, label, "*"));
            at = parent;
        }
        steps.push(self.origin_of(at).text());
        steps.reverse();
        steps.join(" -> ")
    }
}

/// One step: the holder's type, its field, and the element in it.
pub(crate) fn step_text(types: &Types, holder: u32, label: Label, element: &str) -> String {
    let mut text = short_name(types.name(holder));
    if label.attribute > 0 {
        let place = usize::from(label.attribute) - 1;
        return text + "." + &types.attribute(holder, place);
    }
    if !label.field.is_empty() {
        text.push('.');
        text.push_str(label.field);
    }
    if label.is_element {
        text.push('[');
        text.push_str(element);
        text.push(']');
    }
    text
}

/// A name with its runs of digits replaced by a mark: one that carries a number is another one in each run.
///
/// ```
/// assert_eq!(exuvia_core::without_numbers("user 12 of 7", '#'), "user # of #");
/// ```
#[must_use]
pub fn without_numbers(name: &str, mark: char) -> String {
    let mut text = String::new();
    let mut in_number = false;
    for c in name.chars() {
        let is_digit = c.is_ascii_digit();
        if !is_digit {
            text.push(c);
        } else if !in_number {
            text.push(mark);
        }
        in_number = is_digit;
    }
    text
}
