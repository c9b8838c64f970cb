//! Types as a reader knows them: Rust types by their path, instances by their class.

use std::any::TypeId;
use std::collections::HashMap;

use crate::alloc::page::describe;
use crate::gc::header::Header;
use crate::gc::type_info::TypeInfo;
use crate::object::{Form, Instance};

/// Numbers the types met in one inspection.
#[derive(Default)]
pub(crate) struct Types {
    names: Vec<String>,
    /// An instance of each type that is a class. Not a handle: that would be one more count.
    instances: Vec<Option<*const Header>>,
    /// Whether objects of each type can hold references.
    holds: Vec<bool>,
    /// By type, and the class's address for instances (else 0).
    by_identity: HashMap<(TypeId, usize), u32>,
    /// By table and class, without asking for the identity: the same address is the same type.
    by_table: HashMap<(usize, usize), u32>,
    instance_tables: HashMap<usize, bool>,
    last: Option<((usize, usize), u32)>,
}

impl Types {
    /// The number of an object's type.
    ///
    /// # Safety
    /// 1. `header` belongs to a live object.
    pub(crate) unsafe fn of(&mut self, header: *const Header) -> u32 {
        // SAFETY: duty 1.
        let info = unsafe { describe(header) }.0;
        let table = std::ptr::from_ref(info).addr();
        let class = if self.is_instance(info) {
            // SAFETY: duty 1; the type was just compared.
            unsafe { Instance::class_of(header) }.header().addr()
        } else {
            0
        };
        let key = (table, class);
        match self.last {
            Some((last, number)) if last == key => number,
            _ => {
                let number = self.look_up(key, info, header);
                self.last = Some((key, number));
                number
            }
        }
    }

    fn is_instance(&mut self, info: &'static TypeInfo) -> bool {
        if let Some(((table, class), _)) = self.last
            && table == std::ptr::from_ref(info).addr()
        {
            return class != 0;
        }
        *self
            .instance_tables
            .entry(std::ptr::from_ref(info).addr())
            .or_insert_with(|| Types::are_instances(info))
    }

    /// Whether objects of this Rust type are instances of classes.
    pub(super) fn are_instances(info: &TypeInfo) -> bool {
        info.type_id() == TypeId::of::<Instance>()
    }

    fn look_up(&mut self, key: (usize, usize), info: &TypeInfo, header: *const Header) -> u32 {
        if let Some(&number) = self.by_table.get(&key) {
            return number;
        }
        let (names, instances, holds) = (&mut self.names, &mut self.instances, &mut self.holds);
        let number = *self
            .by_identity
            .entry((info.type_id(), key.1))
            .or_insert_with(|| {
                names.push(name_of(info, key.1, header));
                instances.push((key.1 != 0).then_some(header));
                holds.push(info.holds);
                names.len() as u32 - 1
            });
        self.by_table.insert(key, number);
        number
    }

    /// The name of a type: a Rust path, or the name of a class.
    pub(crate) fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }

    /// Whether objects of the type are instances of a class: their places have names.
    pub(crate) fn has_class(&self, number: u32) -> bool {
        self.instances[number as usize].is_some()
    }

    /// Whether objects of the type can hold references.
    pub(crate) fn holds(&self, number: u32) -> bool {
        self.holds[number as usize]
    }

    /// The name of the attribute at a place of an instance.
    pub(crate) fn attribute(&self, number: u32, place: usize) -> String {
        let Some(instance) = self.instances[number as usize] else {
            return String::new();
        };
        // SAFETY: an inspection ends before the heap changes, so the instance is alive.
        let class = unsafe { Instance::class_of(instance) };
        let slots = class.slot_count();
        if let Some(name) = class.slot_names().get(place) {
            return name.as_str().to_owned();
        }
        match place - slots {
            0 => "__dict__".to_owned(),
            value if class.form() == Form::Inline && value <= class.shared_name_count() => {
                class.shared_name(value - 1).as_str().to_owned()
            }
            value => format!("<place {value}>"),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

fn name_of(info: &TypeInfo, class: usize, header: *const Header) -> String {
    if class == 0 {
        return info.name().to_owned();
    }
    let header = std::ptr::NonNull::new(header.cast_mut()).expect("an object has an address");
    // SAFETY: the caller of `of` passed a live object, which is an instance when it has a class.
    unsafe { Instance::class_name_of(header) }.to_owned()
}

/// The last part of a path, arguments included: `alloc::vec::Vec<a::b::C>` is `Vec<C>`.
///
/// The types of the object model go by their Python names.
pub(crate) fn short_name(path: &str) -> String {
    if let Some(inside) = path.strip_prefix("exuvia_core::object::") {
        let last = inside.rsplit("::").next().unwrap_or(inside);
        return match last {
            "Class" => "type".to_owned(),
            other => other.to_lowercase(),
        };
    }
    if path.starts_with("exuvia_core::gc::weak::") && path.ends_with("::WeakBox") {
        return "weakref".to_owned();
    }
    let mut short = String::new();
    let mut word = String::new();
    for c in path.chars() {
        match c {
            ':' => word.clear(),
            c if c.is_alphanumeric() || c == '_' => word.push(c),
            c => {
                short.push_str(&word);
                word.clear();
                short.push(c);
            }
        }
    }
    short + &word
}

#[cfg(test)]
mod tests {
    use super::short_name;

    #[test]
    fn paths_are_cut_and_their_arguments_too() {
        assert_eq!(short_name("a::b::Node"), "Node");
        assert_eq!(short_name("alloc::vec::Vec<a::b::C>"), "Vec<C>");
        assert_eq!(short_name("exuvia_core::object::list::List"), "list");
        assert_eq!(short_name("(u8, a::B)"), "(u8, B)");
        let weak = std::any::type_name::<crate::gc::weak::WeakBox>();
        assert_eq!(short_name(weak), "weakref");
    }
}
