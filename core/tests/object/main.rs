//! What the object model promises, one file per type.

mod class;
mod deep;
mod dict;
mod generator;
mod list;
mod text;
mod value;
