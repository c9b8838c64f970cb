//! The drawing surface: logical pixels in, SVG out, nothing outside the picture.
//!
//! A [`Canvas`] takes page furniture (labels, grid) in logical pixels; a [`Plane`] takes data and maps
//! it through two [`Scale`]s by plotters' cartesian coordinates. Both refuse what would not
//! fit: plotters itself would move it to the edge.

use std::cell::RefCell;
use std::rc::Rc;

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, ShapeStyle, TextStyle};

use super::backend::{BackendError, SvgBackend, UNITS};
use super::error::ChartError;
use super::scale::Scale;
use super::text;
use super::theme::Paint;
use crate::output::text::xml_escape;

/// Width of every chart in logical pixels: one column of a phone, a third of a desktop page.
pub const WIDTH: f64 = 360.0;

/// Air at both sides: glyphs reach a little beyond the width of their text.
const EDGE: f64 = 2.0;

/// Size of ordinary text in a chart, logical pixels.
pub(crate) const TEXT: f64 = 12.0;

/// Size of tick labels.
pub(crate) const SMALL: f64 = 11.0;

/// A point in logical pixels, from the upper left corner.
pub(crate) type At = (f64, f64);

/// Where a text hangs on its point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    Left,
    Middle,
    Right,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) size: f64,
    pub(crate) paint: Paint,
    pub(crate) bold: bool,
    pub(crate) anchor: Anchor,
}

impl Look {
    pub(crate) fn text(anchor: Anchor) -> Look {
        Look {
            size: TEXT,
            paint: Paint::Ink,
            bold: false,
            anchor,
        }
    }

    pub(crate) fn tick(anchor: Anchor) -> Look {
        Look {
            size: SMALL,
            paint: Paint::Muted,
            bold: false,
            anchor,
        }
    }

    pub(crate) fn painted(self, paint: Paint) -> Look {
        Look { paint, ..self }
    }

    pub(crate) fn bold(self) -> Look {
        Look { bold: true, ..self }
    }

    pub(crate) fn width(&self, content: &str) -> f64 {
        text::width(content, self.size, self.bold)
    }
}

/// The inner rectangle of a chart, in logical pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

/// A picture being drawn.
pub struct Canvas {
    width: f64,
    height: f64,
    area: DrawingArea<SvgBackend, Shift>,
    elements: Rc<RefCell<String>>,
}

impl Canvas {
    /// An empty picture of `width` x `height` logical pixels.
    pub(crate) fn new(width: f64, height: f64) -> Canvas {
        let elements = Rc::new(RefCell::new(String::new()));
        let size = (units(width).unsigned_abs(), units(height).unsigned_abs());
        let area = SvgBackend::new(size, Rc::clone(&elements)).into_drawing_area();
        Canvas {
            width,
            height,
            area,
            elements,
        }
    }

    /// Writes one line of text, vertically centred on its point.
    pub(crate) fn text(&self, at: At, content: &str, look: Look) -> Result<(), ChartError> {
        let width = look.width(content);
        let left = match look.anchor {
            Anchor::Left => at.0,
            Anchor::Middle => at.0 - width / 2.0,
            Anchor::Right => at.0 - width,
        };
        let half = look.size * 0.6;
        let inside = left >= -0.5
            && left + width <= self.width + 0.5
            && at.1 - half >= -0.5
            && at.1 + half <= self.height + 0.5;
        if !inside {
            return Err(ChartError::TextOutside {
                text: content.to_owned(),
            });
        }
        let element = Text::new(content.to_owned(), place(at), style_of(look));
        self.area.draw(&element).map_err(drawing)
    }

    /// Draws a line through `points`.
    pub(crate) fn line(&self, points: &[At], paint: Paint, width: f64) -> Result<(), ChartError> {
        let places: Vec<_> = points.iter().map(|p| place(*p)).collect();
        self.area
            .draw(&PathElement::new(places, stroke(paint, width)))
            .map_err(drawing)
    }

    /// Fills the rectangle between two corners.
    pub(crate) fn rect(&self, a: At, b: At, paint: Paint) -> Result<(), ChartError> {
        let style = paint.sentinel().filled();
        self.area
            .draw(&Rectangle::new([place(a), place(b)], style))
            .map_err(drawing)
    }

    /// Draws the mark of series `number` at `at`: colour and shape both tell series apart.
    pub(crate) fn marker(&self, at: At, number: usize) -> Result<(), ChartError> {
        let paint = Paint::Series(number);
        let style = paint.sentinel().filled();
        let (x, y) = at;
        let corners: &[At] = match number % super::theme::SERIES {
            0 => {
                return self
                    .area
                    .draw(&Circle::new(place(at), units(3.0), style))
                    .map_err(drawing);
            }
            1 => &[(-2.8, -2.8), (2.8, -2.8), (2.8, 2.8), (-2.8, 2.8)],
            2 => &[(0.0, -4.0), (4.0, 0.0), (0.0, 4.0), (-4.0, 0.0)],
            3 => &[(0.0, -3.8), (3.8, 3.0), (-3.8, 3.0)],
            4 => &[(0.0, 3.8), (3.8, -3.0), (-3.8, -3.0)],
            _ => &[
                (-3.5, -2.0),
                (0.0, -4.0),
                (3.5, -2.0),
                (3.5, 2.0),
                (0.0, 4.0),
                (-3.5, 2.0),
            ],
        };
        let places: Vec<_> = corners
            .iter()
            .map(|(dx, dy)| place((x + dx, y + dy)))
            .collect();
        self.area
            .draw(&Polygon::new(places, style))
            .map_err(drawing)
    }

    /// A data plane inside `frame`.
    pub(crate) fn plane(&self, frame: Frame, x: Scale, y: Scale) -> Plane {
        let coordinates = Cartesian2d::new(
            x.clone(),
            y.clone(),
            (
                units(frame.left)..units(frame.right),
                units(frame.bottom)..units(frame.top),
            ),
        );
        Plane {
            area: self.area.apply_coord_spec(coordinates),
            x,
            y,
        }
    }

    /// The finished SVG. `id` must be unique in the page.
    pub(crate) fn finish(self, class: &str, id: &str, title: &str, desc: &str) -> String {
        let (w, h) = (units(self.width + 2.0 * EDGE), units(self.height));
        let left = -units(EDGE);
        format!(
            "<svg class=\"{class}\" viewBox=\"{left} 0 {w} {h}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
             <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>{}</svg>",
            xml_escape(title),
            xml_escape(desc),
            self.elements.borrow()
        )
    }
}

/// Draws data; every coordinate is checked against the axes first.
pub(crate) struct Plane {
    area: DrawingArea<SvgBackend, Cartesian2d<Scale, Scale>>,
    x: Scale,
    y: Scale,
}

impl Plane {
    /// Where a datum lies on the canvas, logical pixels.
    pub(crate) fn at(&self, datum: (f64, f64)) -> Result<At, ChartError> {
        let (x, y) = self.area.map_coordinate(&self.checked(datum)?);
        Ok((
            f64::from(x) / f64::from(UNITS),
            f64::from(y) / f64::from(UNITS),
        ))
    }

    /// Draws a line through data.
    pub(crate) fn line(
        &self,
        data: &[(f64, f64)],
        paint: Paint,
        width: f64,
    ) -> Result<(), ChartError> {
        let data = self.all_checked(data)?;
        self.area
            .draw(&PathElement::new(data, stroke(paint, width)))
            .map_err(drawing)
    }

    /// Fills the area enclosed by data, faintly.
    pub(crate) fn band(&self, data: &[(f64, f64)], paint: Paint) -> Result<(), ChartError> {
        let data = self.all_checked(data)?;
        let style = paint.sentinel().mix(0.16).filled();
        self.area.draw(&Polygon::new(data, style)).map_err(drawing)
    }

    fn all_checked(&self, data: &[(f64, f64)]) -> Result<Vec<(f64, f64)>, ChartError> {
        data.iter().map(|d| self.checked(*d)).collect()
    }

    fn checked(&self, (x, y): (f64, f64)) -> Result<(f64, f64), ChartError> {
        Ok((self.x.check(x)?, self.y.check(y)?))
    }
}

fn units(pixels: f64) -> i32 {
    (pixels * f64::from(UNITS)).round() as i32
}

fn place((x, y): At) -> (i32, i32) {
    (units(x), units(y))
}

fn stroke(paint: Paint, width: f64) -> ShapeStyle {
    paint.sentinel().stroke_width(units(width).unsigned_abs())
}

fn style_of(look: Look) -> TextStyle<'static> {
    let style = if look.bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let h = match look.anchor {
        Anchor::Left => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    let font = FontDesc::new(FontFamily::SansSerif, look.size * f64::from(UNITS), style);
    let colour = look.paint.sentinel();
    TextStyle {
        pos: Pos::new(h, VPos::Center),
        color: colour.to_backend_color(),
        font,
    }
}

fn drawing(error: DrawingAreaErrorKind<BackendError>) -> ChartError {
    ChartError::Drawing(error.to_string())
}
