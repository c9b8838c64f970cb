use exuvia_core::Trace;

#[derive(Trace)]
#[repr(C, packed)]
struct Tight {
    byte: u8,
    number: u32,
}

fn main() {}
