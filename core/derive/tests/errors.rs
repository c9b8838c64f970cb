//! What the derive and the handles refuse at compile time, with the words they say.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
