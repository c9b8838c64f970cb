//! Names from user code, made harmless.

/// Whether a character could move the cursor, hide text or turn its direction.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text with every such character written as its number: `\u{1b}`.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unprintable(c) {
            out.extend(c.escape_unicode())
        } else {
            out.push(c)
        }
    }
    out
}

/// The text for Markdown outside of code: markup characters become entities.
///
/// An underscore inside a word is no markup and stays.
pub(super) fn markdown(text: &str) -> String {
    let text = printable(text);
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let in_word = [before, rest.peek().copied()]
            .iter()
            .all(|n| n.is_some_and(char::is_alphanumeric));
        match c {
            '_' if in_word => out.push(c),
            '&' | '<' | '>' | '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '@' | '~' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            c => out.push(c),
        }
        before = Some(c);
    }
    out
}

/// Escapes `text` for the content of an XML element and for quoted attributes; characters that XML forbids or that do
/// not show (controls) become a visible replacement.
pub(crate) fn xml_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The text as code in Markdown: backticks where nothing in it is markup, else an element.
pub(super) fn code(text: &str) -> String {
    let text = printable(text);
    let plain = |c: char| c.is_alphanumeric() || "/[]{}=,._- :%+".contains(c);
    if !text.is_empty() && text.trim() == text && text.chars().all(plain) {
        format!("`{text}`")
    } else {
        format!("<code>{}</code>", markdown(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_written_as_numbers() {
        assert_eq!(
            printable("a\u{1b}[31m\u{202e}b\n"),
            "a\\u{1b}[31m\\u{202e}b\\u{a}"
        );
    }

    #[test]
    fn markup_in_a_text_stays_text() {
        assert_eq!(
            xml_escape("<b a='\"'>&\u{0}"),
            "&lt;b a=&#39;&quot;&#39;&gt;&amp;\u{fffd}"
        );
    }

    #[test]
    fn ordinary_names_keep_their_look() {
        assert_eq!(
            code("lists/append[append]{n=1000}"),
            "`lists/append[append]{n=1000}`"
        );
        assert_eq!(code("Vec<T>"), "<code>Vec&#60;T&#62;</code>");
    }

    proptest! {
        #[test]
        fn no_name_breaks_a_table_or_opens_a_tag(name in any::<String>()) {
            for text in [markdown(&name), code(&name)] {
                let inner = text.trim_matches('`').replace("<code>", "").replace("</code>", "");
                let markup = inner.contains(['|', '<', '>', '\n', '\r', '`', '\u{1b}']);
                prop_assert!(!markup, "{}", text);
            }
        }
    }
}
