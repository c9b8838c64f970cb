use exuvia_core::Trace;

#[derive(Trace)]
#[trace(finalise)]
struct Misspelt;

#[derive(Trace)]
struct OnField {
    #[trace(skip)]
    number: u32,
}

#[derive(Trace)]
enum OnVariant {
    #[trace(leaf)]
    Number(u32),
}

fn main() {}
