use exuvia_core::Trace;

#[derive(Trace)]
union Either {
    number: u32,
    float: f32,
}

fn main() {}
