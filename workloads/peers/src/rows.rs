//! What is measured: the works, the rows of the table that each of them gives, and the peers.

use serde::{Deserialize, Serialize};

/// The unit of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    /// Nanoseconds of CPU time per operation, object or node.
    #[serde(rename = "ns/op")]
    Nanoseconds,
    /// Microseconds of CPU time of one call.
    #[serde(rename = "us/call")]
    Microseconds,
    /// Bytes of resident memory per object.
    #[serde(rename = "B/object")]
    Bytes,
    /// Hundredths.
    #[serde(rename = "%")]
    Percent,
}

impl Unit {
    /// The unit as the table writes it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Unit::Nanoseconds => "ns/op",
            Unit::Microseconds => "us/call",
            Unit::Bytes => "B/object",
            Unit::Percent => "%",
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) unit: Unit,
    pub(crate) question: &'static str,
}

/// Who can do a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nodes with two references and an integer: every peer.
    Nodes,
    /// Python's object model: this heap and CPython.
    Objects,
}

/// What one child does; it gives all its rows in one go.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Too large for `--quick`.
    pub(crate) large: bool,
    pub(crate) rows: &'static [Row],
}

const fn ns(id: &'static str, question: &'static str) -> Row {
    Row {
        id,
        unit: Unit::Nanoseconds,
        question,
    }
}

const fn us(id: &'static str, question: &'static str) -> Row {
    Row {
        id,
        unit: Unit::Microseconds,
        question,
    }
}

const fn bytes(id: &'static str, question: &'static str) -> Row {
    Row {
        id,
        unit: Unit::Bytes,
        question,
    }
}

const fn percent(id: &'static str, question: &'static str) -> Row {
    Row {
        id,
        unit: Unit::Percent,
        question,
    }
}

const fn nodes(name: &'static str, rows: &'static [Row]) -> Work {
    Work {
        name,
        kind: Kind::Nodes,
        large: false,
        rows,
    }
}

const fn large(name: &'static str, rows: &'static [Row]) -> Work {
    Work {
        name,
        kind: Kind::Nodes,
        large: true,
        rows,
    }
}

const fn objects(name: &'static str, rows: &'static [Row]) -> Work {
    Work {
        name,
        kind: Kind::Objects,
        large: false,
        rows,
    }
}

/// Every work, in the order of the table.
pub(crate) const WORKS: &[Work] = &[
    nodes(
        "handles",
        &[
            ns("clone_drop", "a handle cloned and dropped"),
            ns("read", "an integer read through a handle"),
        ],
    ),
    nodes(
        "alloc_drop",
        &[ns("alloc_drop", "a node allocated and dropped at once")],
    ),
    nodes(
        "kept",
        &[
            ns("alloc_keep", "10^5 nodes allocated and kept"),
            ns("free_kept", "these freed"),
        ],
    ),
    nodes(
        "tree",
        &[
            ns("tree_build", "a binary tree of depth 20 built, per node"),
            ns("tree_drop", "the same tree dropped, per node"),
        ],
    ),
    nodes(
        "list",
        &[ns("list_drop", "a list of 10^6 dropped, per node")],
    ),
    nodes(
        "rings_2",
        &[ns(
            "rings_2",
            "10^6 dead nodes in rings of 2 collected, per node",
        )],
    ),
    nodes(
        "rings_10",
        &[ns(
            "rings_10",
            "10^6 dead nodes in rings of 10 collected, per node",
        )],
    ),
    nodes(
        "rings_1e6",
        &[ns(
            "rings_1e6",
            "10^6 dead nodes in one ring collected, per node",
        )],
    ),
    nodes(
        "live_random_1e5",
        &[
            ns(
                "live_random_1e5",
                "full collection of 10^5 live nodes, random edges, root touched, per node",
            ),
            us(
                "untouched_random_1e5",
                "full collection of the same, nothing touched since the last",
            ),
        ],
    ),
    nodes(
        "live_local_1e5",
        &[
            ns(
                "live_local_1e5",
                "full collection of 10^5 live nodes, local edges, root touched, per node",
            ),
            us(
                "untouched_local_1e5",
                "full collection of the same, nothing touched since the last",
            ),
        ],
    ),
    large(
        "live_random_1e6",
        &[
            ns(
                "live_random_1e6",
                "full collection of 10^6 live nodes, random edges, root touched, per node",
            ),
            us(
                "untouched_random_1e6",
                "full collection of the same, nothing touched since the last",
            ),
        ],
    ),
    large(
        "live_local_1e6",
        &[
            ns(
                "live_local_1e6",
                "full collection of 10^6 live nodes, local edges, root touched, per node",
            ),
            us(
                "untouched_local_1e6",
                "full collection of the same, nothing touched since the last",
            ),
        ],
    ),
    large(
        "live_random_1e7",
        &[
            ns(
                "live_random_1e7",
                "full collection of 10^7 live nodes, random edges, root touched, per node",
            ),
            us(
                "untouched_random_1e7",
                "full collection of the same, nothing touched since the last",
            ),
        ],
    ),
    large(
        "live_local_1e7",
        &[
            ns(
                "live_local_1e7",
                "full collection of 10^7 live nodes, local edges, root touched, per node",
            ),
            us(
                "untouched_local_1e7",
                "full collection of the same, nothing touched since the last",
            ),
        ],
    ),
    nodes(
        "binary_trees",
        &[ns(
            "binary_trees",
            "trees of depth 4 to 16 built, counted and dropped, per node",
        )],
    ),
    nodes(
        "mutator",
        &[ns(
            "mutator",
            "a random mutator, half of its allocations dead rings, per operation",
        )],
    ),
    nodes(
        "mutator_old",
        &[
            ns(
                "mutator_old",
                "the same beside 5 x 10^5 old nodes, per operation",
            ),
            us(
                "mutator_old_longest",
                "its longest call (64 operations and what the peer does between them)",
            ),
        ],
    ),
    nodes(
        "mutator_bounded",
        &[
            ns(
                "mutator_bounded",
                "the mutator beside 5 x 10^5 old nodes, this heap with pauses bounded to 10,000 objects, per operation",
            ),
            us(
                "mutator_bounded_longest",
                "its longest call (64 operations and what the peer does between them)",
            ),
            percent(
                "mutator_bounded_floating",
                "the most garbage held in it, of the live bytes",
            ),
            percent(
                "mutator_bounded_held",
                "the most memory resident in it, of the live bytes and the most garbage",
            ),
        ],
    ),
    nodes(
        "footprint",
        &[bytes(
            "node_bytes",
            "memory per live node of two references and an integer",
        )],
    ),
    objects(
        "slots",
        &[
            ns(
                "slots_create",
                "an instance of a class with two slots created, both set",
            ),
            ns("slots_drop", "the same dropped"),
            bytes("slots_bytes", "memory per such instance"),
        ],
    ),
    objects(
        "instance",
        &[
            ns(
                "instance_create",
                "an instance of an ordinary class created, two attributes set",
            ),
            ns("instance_drop", "the same dropped"),
            bytes("instance_bytes", "memory per such instance"),
        ],
    ),
    objects(
        "dict",
        &[
            ns("dict_create", "a dict created, two items inserted"),
            ns("dict_drop", "the same dropped"),
            bytes("dict_bytes", "memory per such dict"),
        ],
    ),
    objects(
        "list_of_10",
        &[
            ns("list_of_10_create", "a list of ten items created"),
            ns("list_of_10_drop", "the same dropped"),
            bytes("list_of_10_bytes", "memory per such list"),
        ],
    ),
    objects(
        "empty_list",
        &[
            ns("empty_list_create", "an empty list created"),
            ns("empty_list_drop", "the same dropped"),
            bytes("empty_list_bytes", "memory per such list"),
        ],
    ),
    objects(
        "text",
        &[
            ns("str_create", "a str of 13 ASCII characters created"),
            ns("str_drop", "the same dropped"),
            bytes("str_bytes", "memory per such str"),
        ],
    ),
    objects(
        "generator",
        &[
            ns("generator_create", "a generator created"),
            ns("generator_drop", "the same dropped"),
            bytes("generator_bytes", "memory per such generator"),
            ns(
                "generator_step",
                "one step of a generator that yields an object",
            ),
        ],
    ),
    objects(
        "attributes",
        &[
            ns("slots_get", "an attribute in a slot read"),
            ns("slots_set", "an attribute in a slot written"),
            ns("instance_get", "an attribute of an ordinary instance read"),
            ns(
                "instance_set",
                "an attribute of an ordinary instance written",
            ),
        ],
    ),
    objects(
        "weakrefs",
        &[
            ns("weakref_create", "a weak reference created"),
            ns("weakref_deref", "a weak reference followed"),
            ns("weakref_die", "an object with a weak reference dropped"),
            bytes("weakref_bytes", "memory per weak reference"),
        ],
    ),
    objects(
        "list_append",
        &[ns(
            "list_append",
            "a fresh int object appended to a list, up to 10^6 of them",
        )],
    ),
    objects(
        "dict_insert",
        &[ns(
            "dict_insert",
            "a str whose hash is known inserted into a dict, up to 10^6 of them",
        )],
    ),
];

/// One contestant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerInfo {
    /// As the table calls it; `+mimalloc` is the same program with another allocator.
    pub(crate) name: &'static str,
    pub(crate) mimalloc: bool,
}

const fn peer(name: &'static str) -> PeerInfo {
    PeerInfo {
        name,
        mimalloc: false,
    }
}

const fn on_mimalloc(name: &'static str) -> PeerInfo {
    PeerInfo {
        name,
        mimalloc: true,
    }
}

/// This heap's own name in the table.
pub(crate) const OURS: &str = "exuvia";

/// Every peer in Rust; CPythons are found at run time.
pub(crate) const PEERS: &[PeerInfo] = &[
    peer(OURS),
    peer("rc"),
    on_mimalloc("rc"),
    peer("gc-arena"),
    on_mimalloc("gc-arena"),
    peer("boa_gc"),
    peer("gcmodule"),
    on_mimalloc("gcmodule"),
    peer("bacon_rajan_cc"),
    peer("rust-cc"),
    peer("gc"),
    peer("dumpster"),
];

/// What a child hands back, as one line of JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Row id and value, in the row's unit.
    pub(crate) values: Vec<(String, f64)>,
    /// What every peer must agree on: objects freed, sums of what was read.
    pub(crate) checks: Vec<(String, u64)>,
    /// Why the peer cannot do this work, or what is to be known about it.
    pub(crate) note: Option<String>,
}
