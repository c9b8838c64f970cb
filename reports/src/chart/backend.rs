//! The plotters backend that writes themed SVG elements.
//!
//! plotters' own SVG backend repeats colours and opacities in every element, cuts outlines and
//! shrinks fonts; this one writes a CSS class per paint, keeps text as text and refuses colours that
//! are not a [`Paint`]. Coordinates are tenths of a logical pixel, so curves look smooth.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle,
};

use super::text;
use super::theme::Paint;
use crate::output::text::xml_escape;

/// Drawing units per logical pixel.
pub(crate) const UNITS: i32 = 10;

/// What the backend refuses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    /// A colour without a role in the theme.
    #[error("the colour {0:?} is not part of the theme")]
    ForeignColour((u8, u8, u8)),
    /// Drawing pixel by pixel would swell the page.
    #[error("single pixels are not drawn")]
    Pixel,
}

type Drawn = Result<(), DrawingErrorKind<BackendError>>;

/// Collects SVG elements in a shared buffer.
pub(crate) struct SvgBackend {
    size: (u32, u32),
    elements: Rc<RefCell<String>>,
}

impl SvgBackend {
    /// A backend of `size` drawing units that appends to `elements`.
    pub(crate) fn new(size: (u32, u32), elements: Rc<RefCell<String>>) -> Self {
        SvgBackend { size, elements }
    }

    fn paint(color: BackendColor) -> Result<(String, String), DrawingErrorKind<BackendError>> {
        let paint = Paint::from_sentinel(color.rgb).ok_or(DrawingErrorKind::DrawingError(
            BackendError::ForeignColour(color.rgb),
        ))?;
        let opacity = if color.alpha < 1.0 {
            format!(" opacity=\"{}\"", color.alpha)
        } else {
            String::new()
        };
        Ok((paint.variable(), opacity))
    }

    fn stroke<S: BackendStyle>(style: &S) -> Result<String, DrawingErrorKind<BackendError>> {
        let (name, opacity) = Self::paint(style.color())?;
        Ok(format!(
            "class=\"l-{name}\" stroke-width=\"{}\"{opacity}",
            style.stroke_width()
        ))
    }

    fn fill<S: BackendStyle>(style: &S) -> Result<String, DrawingErrorKind<BackendError>> {
        let (name, opacity) = Self::paint(style.color())?;
        Ok(format!("class=\"f-{name}\"{opacity}"))
    }

    fn outline<I: IntoIterator<Item = BackendCoord>>(points: I) -> String {
        let mut d = String::new();
        for (i, (x, y)) in points.into_iter().enumerate() {
            let _ = write!(d, "{}{x} {y}", if i == 0 { 'M' } else { 'L' });
        }
        d
    }
}

impl DrawingBackend for SvgBackend {
    type ErrorType = BackendError;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Drawn {
        Err(DrawingErrorKind::DrawingError(BackendError::Pixel))
    }

    fn draw_line<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S) -> Drawn {
        self.draw_path([a, b], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (x0, y0): BackendCoord,
        (x1, y1): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let attributes = if fill {
            Self::fill(style)?
        } else {
            Self::stroke(style)?
        };
        let _ = write!(
            self.elements.borrow_mut(),
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {attributes}/>",
            x0.min(x1),
            y0.min(y1),
            x0.abs_diff(x1),
            y0.abs_diff(y1)
        );
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let attributes = Self::stroke(style)?;
        let d = Self::outline(path);
        let _ = write!(self.elements.borrow_mut(), "<path d=\"{d}\" {attributes}/>");
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let attributes = if fill {
            Self::fill(style)?
        } else {
            Self::stroke(style)?
        };
        let _ = write!(
            self.elements.borrow_mut(),
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" {attributes}/>"
        );
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vertices: I,
        style: &S,
    ) -> Drawn {
        let attributes = Self::fill(style)?;
        let d = Self::outline(vertices);
        let _ = write!(
            self.elements.borrow_mut(),
            "<path d=\"{d}Z\" {attributes}/>"
        );
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(
        &mut self,
        content: &str,
        style: &T,
        (x, y): BackendCoord,
    ) -> Drawn {
        let (name, opacity) = Self::paint(style.color())?;
        let anchor = match style.anchor().h_pos {
            HPos::Left => "",
            HPos::Center => " text-anchor=\"middle\"",
            HPos::Right => " text-anchor=\"end\"",
        };
        // From the anchor to the baseline: about 0.35 em below the middle of the small letters.
        let drop = match style.anchor().v_pos {
            VPos::Top => 0.8,
            VPos::Center => 0.35,
            VPos::Bottom => -0.22,
        };
        let y = y + (drop * style.size()).round() as i32;
        let weight = match style.style() {
            FontStyle::Bold => " font-weight=\"600\"",
            _ => "",
        };
        let _ = write!(
            self.elements.borrow_mut(),
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" class=\"f-{name}\"{anchor}{weight}{opacity}>{}</text>",
            style.size(),
            xml_escape(content)
        );
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        content: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<BackendError>> {
        let bold = matches!(style.style(), FontStyle::Bold);
        let to_units = |v: f64| v.ceil() as u32;
        Ok((
            to_units(text::width(content, style.size(), bold)),
            to_units(style.size()),
        ))
    }
}
