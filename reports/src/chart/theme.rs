//! Colours by role: charts name a [`Paint`], the page decides what it looks like.
//!
//! plotters only knows RGB, so each paint travels through it as a sentinel colour that no
//! chart would use, and the SVG backend turns it into a CSS class. One drawing therefore
//! serves the light, the dark and the printed page. Contrast of every pair is tested here.

use std::fmt::Write as _;

use plotters::style::RGBColor;

/// How many colours variants are drawn in; a workload with more variants is split into panels.
pub const SERIES: usize = 6;

/// The role of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Text and axis lines.
    Ink,
    /// Secondary text.
    Muted,
    /// Grid lines.
    Grid,
    /// What lies behind the chart.
    Paper,
    /// The baseline, always grey.
    Base,
    /// A variant, by its colour number below [`SERIES`].
    Series(usize),
    /// The name of a variant written in its colour.
    SeriesText(usize),
    /// Past a limit in the bad direction.
    Worse,
    /// Past a limit in the good direction.
    Better,
}

impl Paint {
    /// Every paint there is.
    pub fn all() -> impl Iterator<Item = Paint> {
        let fixed = [
            Paint::Ink,
            Paint::Muted,
            Paint::Grid,
            Paint::Paper,
            Paint::Base,
            Paint::Worse,
            Paint::Better,
        ];
        let series = (0..SERIES).flat_map(|i| [Paint::Series(i), Paint::SeriesText(i)]);
        fixed.into_iter().chain(series)
    }

    /// Name of the CSS variable, without the dashes.
    pub fn variable(self) -> String {
        match self {
            Paint::Ink => "ink".into(),
            Paint::Muted => "muted".into(),
            Paint::Grid => "grid".into(),
            Paint::Paper => "paper".into(),
            Paint::Base => "base".into(),
            Paint::Worse => "worse".into(),
            Paint::Better => "better".into(),
            Paint::Series(i) => format!("s{}", i % SERIES),
            Paint::SeriesText(i) => format!("t{}", i % SERIES),
        }
    }

    /// The colour that stands for this paint while plotters carries it.
    pub(crate) fn sentinel(self) -> RGBColor {
        let code = Paint::all()
            .position(|p| p.variable() == self.variable())
            .and_then(|at| u8::try_from(at).ok())
            .unwrap_or(0);
        RGBColor(1, code, 254)
    }

    /// The paint behind a sentinel, or `None` for a colour that no chart may use.
    pub(crate) fn from_sentinel(rgb: (u8, u8, u8)) -> Option<Paint> {
        let (1, code, 254) = rgb else { return None };
        Paint::all().nth(usize::from(code))
    }

    /// Hex colours on the light and the dark page.
    pub fn colours(self) -> (&'static str, &'static str) {
        match self {
            Paint::Ink => ("#1b1f24", "#e8eaed"),
            Paint::Muted => ("#59626d", "#a3abb5"),
            Paint::Grid => ("#e3e6ea", "#2c333b"),
            Paint::Paper => ("#ffffff", "#111418"),
            Paint::Base => ("#868e98", "#7d8691"),
            Paint::Worse => ("#b42318", "#ff8f85"),
            Paint::Better => ("#0b6e4f", "#5fdba7"),
            Paint::Series(i) => SERIES_MARKS[i % SERIES],
            Paint::SeriesText(i) => SERIES_TEXTS[i % SERIES],
        }
    }
}

const SERIES_MARKS: [(&str, &str); SERIES] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#f0883e"),
    ("#009e73", "#3ecf9e"),
    ("#a2427a", "#e59ac4"),
    ("#6a5acd", "#b3a6ff"),
    ("#8a6d00", "#d9bf4a"),
];

const SERIES_TEXTS: [(&str, &str); SERIES] = [
    ("#0072b2", "#56b4e9"),
    ("#b34700", "#f0883e"),
    ("#00785a", "#3ecf9e"),
    ("#a2427a", "#e59ac4"),
    ("#6a5acd", "#b3a6ff"),
    ("#806500", "#d9bf4a"),
];

/// The variables of one scheme: `--ink:#1b1f24;...`.
pub fn variables(dark: bool) -> String {
    let mut css = String::new();
    for paint in Paint::all() {
        let (light_hex, dark_hex) = paint.colours();
        let hex = if dark { dark_hex } else { light_hex };
        let _ = write!(css, "--{}:{hex};", paint.variable());
    }
    css
}

/// The classes the SVG backend writes: `f-` fills, `l-` draws a line.
pub fn classes() -> String {
    let mut css = String::new();
    for paint in Paint::all() {
        let name = paint.variable();
        let _ = write!(
            css,
            ".f-{name}{{fill:var(--{name})}}.l-{name}{{fill:none;stroke:var(--{name})}}"
        );
    }
    css
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let byte = u8::from_str_radix(&hex[at..at + 2], 16).expect("hex colour");
            let c = f64::from(byte) / 255.0;
            if c <= 0.040_45 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_paint_survives_the_trip_through_its_sentinel() {
        for paint in Paint::all() {
            let RGBColor(r, g, b) = paint.sentinel();
            assert_eq!(Paint::from_sentinel((r, g, b)), Some(paint));
        }
        assert_eq!(Paint::from_sentinel((255, 0, 0)), None);
    }

    #[test]
    fn text_reaches_4_5_to_1_and_marks_3_to_1_on_both_pages() {
        let (paper_light, paper_dark) = Paint::Paper.colours();
        for paint in Paint::all() {
            let needed = match paint {
                Paint::Paper | Paint::Grid => continue,
                Paint::Base | Paint::Series(_) => 3.0,
                _ => 4.5,
            };
            let (light, dark) = paint.colours();
            assert!(contrast(light, paper_light) >= needed, "{paint:?} on light");
            assert!(contrast(dark, paper_dark) >= needed, "{paint:?} on dark");
        }
    }
}
