//! Drives serde_json over the file, one number at a time: no JSON value is ever built of the arrays.
//!
//! The sections must come in V8's order: `snapshot`, `nodes`, `edges`, `strings`; others are skipped. serde's
//! errors are strings, so a fault found here travels in the [`Cursor`] and replaces the error that it caused.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Snapshot;
use super::labels::Labels;
use super::meta::{Header, Layout};
use super::table::Tables;
use crate::fault::{Fault, ReadError};
use crate::text::{Cursor, Text};

/// What comes of a file: the graph, and its labels when they were asked for.
type Read = (Snapshot, Option<Labels>);

/// Reads the one object of a snapshot file.
pub(super) fn read(text: &mut Text<'_>, keep_labels: bool) -> Result<Read, ReadError> {
    let cursor = text.cursor();
    let mut json = serde_json::Deserializer::from_reader(&mut *text);
    let document = Document {
        cursor: &cursor,
        keep_labels,
    };
    let outcome = json
        .deserialize_map(document)
        .and_then(|snapshot| json.end().map(|()| snapshot));
    drop(json);
    outcome.map_err(|error| text.error(Fault::Json(error.to_string())))
}

/// How far the document is; each state holds what the next one needs.
enum Stage {
    Start,
    Header(Layout),
    Nodes(Tables),
    Edges(Tables),
    Complete(Read),
}

struct Document<'c> {
    cursor: &'c Cursor,
    keep_labels: bool,
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the object of a heap snapshot")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Read, M::Error> {
        let mut stage = Stage::Start;
        while let Some(key) = map.next_key::<String>()? {
            let at = self.cursor.at();
            stage = match (key.as_str(), stage) {
                ("snapshot", Stage::Start) => self.read_header(&mut map)?,
                ("nodes", Stage::Header(layout)) => self.read_nodes(&mut map, layout)?,
                ("edges", Stage::Nodes(tables)) => self.read_edges(&mut map, tables)?,
                ("strings", Stage::Edges(tables)) => self.read_strings(&mut map, tables)?,
                ("snapshot", _) => return Err(self.misplaced(at, "snapshot", "the opening brace")),
                ("nodes", _) => return Err(self.misplaced(at, "nodes", "snapshot")),
                ("edges", _) => return Err(self.misplaced(at, "edges", "nodes")),
                ("strings", _) => return Err(self.misplaced(at, "strings", "edges")),
                (_, stage) => {
                    map.next_value::<IgnoredAny>()?;
                    stage
                }
            };
        }
        let missing = match stage {
            Stage::Complete(read) => return Ok(read),
            Stage::Start => "snapshot",
            Stage::Header(_) => "nodes",
            Stage::Nodes(_) => "edges",
            Stage::Edges(_) => "strings",
        };
        Err(self.fail(self.cursor.at(), Fault::MissingSection(missing)))
    }
}

impl Document<'_> {
    fn read_header<'de, M: MapAccess<'de>>(&self, map: &mut M) -> Result<Stage, M::Error> {
        let header: Header = map.next_value()?;
        let layout = Layout::new(&header).map_err(|fault| self.fail(self.cursor.at(), fault))?;
        Ok(Stage::Header(layout))
    }

    fn read_nodes<'de, M: MapAccess<'de>>(
        &self,
        map: &mut M,
        layout: Layout,
    ) -> Result<Stage, M::Error> {
        let mut tables = Tables::new(layout, self.keep_labels);
        let cursor = self.cursor;
        map.next_value_seed(Numbers {
            cursor,
            take: |at, value| tables.push_node_number(at, value),
        })?;
        self.check(tables.finish_nodes())?;
        Ok(Stage::Nodes(tables))
    }

    fn read_edges<'de, M: MapAccess<'de>>(
        &self,
        map: &mut M,
        mut tables: Tables,
    ) -> Result<Stage, M::Error> {
        let cursor = self.cursor;
        map.next_value_seed(Numbers {
            cursor,
            take: |at, value| tables.push_edge_number(at, value),
        })?;
        self.check(tables.finish_edges())?;
        Ok(Stage::Edges(tables))
    }

    fn read_strings<'de, M: MapAccess<'de>>(
        &self,
        map: &mut M,
        mut tables: Tables,
    ) -> Result<Stage, M::Error> {
        let strings = map.next_value_seed(Strings {
            kept: tables.strings(),
        })?;
        tables
            .finish_strings(strings)
            .map_err(|(at, fault)| self.fail(at, fault))?;
        Ok(Stage::Complete(tables.into_read()))
    }

    fn check<E: Error>(&self, result: Result<(), Fault>) -> Result<(), E> {
        // The closing bracket is the last byte handed out.
        result.map_err(|fault| self.fail(self.cursor.at().saturating_sub(1), fault))
    }

    fn misplaced<E: Error>(&self, at: u64, section: &'static str, after: &'static str) -> E {
        self.fail(at, Fault::MisplacedSection { section, after })
    }

    fn fail<E: Error>(&self, at: u64, fault: Fault) -> E {
        fail(self.cursor, at, fault)
    }
}

fn fail<E: Error>(cursor: &Cursor, at: u64, fault: Fault) -> E {
    let message = fault.to_string();
    cursor.fail(at, fault);
    E::custom(message)
}

/// A flat array of unsigned integers, each handed to `take` with its offset.
struct Numbers<'c, F> {
    cursor: &'c Cursor,
    take: F,
}

impl<'de, F: FnMut(u64, u64) -> Result<(), Fault>> DeserializeSeed<'de> for Numbers<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(u64, u64) -> Result<(), Fault>> Visitor<'de> for Numbers<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of unsigned integers")
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut array: S) -> Result<(), S::Error> {
        let cursor = self.cursor;
        while let Some((at, value)) = array.next_element_seed(Number { cursor })? {
            (self.take)(at, value).map_err(|fault| fail::<S::Error>(cursor, at, fault))?;
        }
        Ok(())
    }
}

/// One unsigned integer with the offset of its first digit.
struct Number<'c> {
    cursor: &'c Cursor,
}

impl<'de> DeserializeSeed<'de> for Number<'_> {
    type Value = (u64, u64);

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(u64, u64), D::Error> {
        // serde_json has looked at the first digit, and at nothing behind it.
        let at = self.cursor.at().saturating_sub(1);
        match u64::deserialize(json) {
            Ok(value) => Ok((at, value)),
            Err(error) => Err(fail(self.cursor, at, Fault::Json(error.to_string()))),
        }
    }
}

/// The length of an array that must hold strings only, which are kept where there is a place for them.
struct Strings<'a> {
    kept: Option<&'a mut Vec<Box<str>>>,
}

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<u64, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut array: S) -> Result<u64, S::Error> {
        let mut count = 0;
        while array
            .next_element_seed(OneString(self.kept.as_deref_mut()))?
            .is_some()
        {
            count += 1;
        }
        Ok(count)
    }
}

/// A string that is kept where there is a place for it, or looked at and dropped.
struct OneString<'a>(Option<&'a mut Vec<Box<str>>>);

impl<'de> DeserializeSeed<'de> for OneString<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for OneString<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if let Some(kept) = self.0 {
            kept.push(text.into());
        }
        Ok(())
    }
}
