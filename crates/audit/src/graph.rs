//! Who reached whose data: the log as a graph from actors to subjects.

use std::collections::BTreeMap;

use uuid::Uuid;
use vutf_kernel::{Timestamp, UserId};

use crate::{
    Record,
    timeline::{Line, LineKind},
};

/// Edges that are kept at most: about 20 MB.
pub const MOST_EDGES: usize = 100_000;

/// One who reaches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reacher {
    /// A user.
    User(Uuid),
    /// A kind of actor that is no user: `anonymous`, `operator` or `system`.
    Kind(String),
}

impl std::fmt::Display for Reacher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Kind(kind) => f.write_str(kind),
        }
    }
}

/// What went from one to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Events that showed something.
    pub reads: u64,
    /// Events that changed something, sessions included.
    pub changes: u64,
    /// Events that were refused or failed.
    pub refusals: u64,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
}

impl Edge {
    /// All events.
    pub fn events(&self) -> u64 {
        self.reads + self.changes + self.refusals
    }
}

/// There are more edges than [`MOST_EDGES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MOST_EDGES} pairs of actor and subject: narrow the period")]
pub struct TooManyEdges;

/// A graph under construction. What a person does to their own data is an edge to themself.
#[derive(Clone, Debug, Default)]
pub struct AccessGraph {
    edges: BTreeMap<(Reacher, UserId), Edge>,
    events: u64,
}

impl AccessGraph {
    /// Takes an event; one without subjects makes no edge.
    ///
    /// # Errors
    /// [`TooManyEdges`] when it would make one too many.
    pub fn push(&mut self, record: &Record) -> Result<(), TooManyEdges> {
        let line = Line::of(record);
        self.events += 1;
        let from = line
            .actor_id
            .map_or_else(|| Reacher::Kind(line.actor_kind.clone()), Reacher::User);
        for subject in &record.intake.subjects {
            let key = (from.clone(), *subject);
            if self.edges.len() >= MOST_EDGES && !self.edges.contains_key(&key) {
                return Err(TooManyEdges);
            }
            let at = line.occurred_at;
            let edge = self.edges.entry(key).or_insert(Edge {
                reads: 0,
                changes: 0,
                refusals: 0,
                first: at,
                last: at,
            });
            edge.first = edge.first.min(at);
            edge.last = edge.last.max(at);
            match line.kind {
                LineKind::Read => edge.reads += 1,
                LineKind::Change | LineKind::Session => edge.changes += 1,
                LineKind::Refusal => edge.refusals += 1,
            }
        }
        Ok(())
    }
    /// Events that were taken.
    pub fn events(&self) -> u64 {
        self.events
    }
    /// The edges, by actor and subject.
    pub fn edges(&self) -> impl Iterator<Item = (&Reacher, UserId, &Edge)> {
        self.edges.iter().map(|((from, to), edge)| (from, *to, edge))
    }
    /// The graph in the language of Graphviz. Ids and words of the log are the only text in it, and stand in quotes.
    pub fn dot(&self) -> String {
        use std::fmt::Write as _;
        let mut text =
            String::from("digraph access {\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\"];\n");
        for (from, to, edge) in self.edges() {
            let _infallible = writeln!(
                text,
                "  \"{from}\" -> \"{to}\" [label=\"{}, last {}\", reads={}, changes={}, refusals={}];",
                edge.events(),
                edge.last,
                edge.reads,
                edge.changes,
                edge.refusals
            );
        }
        text.push_str("}\n");
        text
    }
}
