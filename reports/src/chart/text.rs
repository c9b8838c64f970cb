//! How wide a text may become, without asking a font.
//!
//! The page is drawn by a browser with whatever sans-serif it has, so widths are upper
//! bounds taken from the widest common faces (DejaVu Sans and Verdana). A label that fits by
//! this estimate fits everywhere; the browser test checks that with two fonts.

/// Upper bound of the width of `text` at `size`, in the unit of `size`.
pub(crate) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let ems: f64 = text.chars().map(char_ems).sum();
    ems * size * if bold { 1.13 } else { 1.0 }
}

/// `text` shortened with an ellipsis so that its width is at most `max`.
pub(crate) fn fit(text: &str, size: f64, bold: bool, max: f64) -> String {
    if width(text, size, bold) <= max {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width(&kept, size, bold) + width("…", size, bold) > max {
            kept.pop();
            break;
        }
    }
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

/// `text` in lines of at most `max`, broken at spaces that may break; a longer word is shortened.
pub(crate) fn wrap(text: &str, size: f64, bold: bool, max: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let breaks = |c: char| c.is_whitespace() && c != '\u{a0}';
    for word in text.split(breaks).filter(|word| !word.is_empty()) {
        let word = fit(word, size, bold, max);
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, bold) <= max => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

fn char_ems(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | '\'' | '|' | ':' | ';' => 0.37,
        'I' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' | '\\' | ' ' => 0.46,
        '0'..='9' | '_' | '"' | '*' | '$' => 0.65,
        'm' | 'M' | 'W' | 'w' | '%' | '@' | '…' => 1.05,
        'a'..='z' => 0.66,
        'A'..='Z' => 0.81,
        '\u{2009}' | '\u{a0}' | '·' => 0.4,
        '×' | '−' | '+' | '±' | '=' | '<' | '>' | '#' | '~' | '–' => 0.86,
        'µ' => 0.68,
        c if c.is_ascii() => 0.85,
        '\u{80}'..='\u{24f}' => 0.9,
        _ => 1.6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortened_text_fits_and_says_that_it_was_shortened() {
        let long = "doubly_linked_with_weak_parent".repeat(5);
        let short = fit(&long, 11.0, true, 100.0);
        assert!(short.ends_with('…'));
        assert!(width(&short, 11.0, true) <= 100.0);
        assert_eq!(fit("slots", 11.0, false, 100.0), "slots");
    }

    #[test]
    fn a_wrapped_text_keeps_its_words_and_every_line_fits() {
        let text = "not measured: mimalloc asks the kernel itself, its bytes pass dhat by";
        let lines = wrap(text, 11.0, false, 120.0);
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|line| width(line, 11.0, false) <= 120.0));
        assert_eq!(lines.join(" "), text);
        let glued = text.replace("its bytes", "its\u{a0}bytes");
        let lines = wrap(&glued, 11.0, false, 120.0);
        let together = lines.iter().any(|line| line.contains("its\u{a0}bytes"));
        assert!(together, "{lines:?}");
    }
}
