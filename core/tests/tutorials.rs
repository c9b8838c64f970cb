//! The output of the tutorials' examples.

#[path = "../examples/tutorials/shown.rs"]
mod shown;

#[test]
fn the_tutorials_show_what_they_say() {
    let expected = include_str!("../examples/tutorials/output.txt");
    assert_eq!(shown::everything(), expected);
}
