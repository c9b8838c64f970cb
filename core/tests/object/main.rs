//! What the object model promises, one file per type.

mod list;
mod text;
