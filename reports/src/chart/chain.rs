//! What keeps an object alive: the path from a root to it, drawn as a small graph.

use super::canvas::{Anchor, Canvas, Look, SMALL, WIDTH};
use super::error::ChartError;
use super::text;
use super::theme::Paint;
use super::{Caption, Chart, DataTable};

const BOX: f64 = 26.0;
const STEP: f64 = 50.0;
const PAD: f64 = 9.0;
const SHOWN: usize = 8;

/// One object on the path and how the one before refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The object: a root, or a type with the field that leads on.
    pub name: String,
    /// Whether the reference from the object before is the one that multiplies.
    pub grows: bool,
}

/// A path of references, from the root at the top to the object that stays at the bottom.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The words above it.
    pub caption: Caption,
    /// The path.
    pub links: Vec<Link>,
}

impl Chain {
    /// Reads `root "cache" -> Cache.by_key[*] => Node`, where `=>` is the reference that grows; a
    /// single name is followed by `held`, the type that stays.
    pub fn read(path: &str, held: Option<&str>) -> Option<Chain> {
        let mut links = Vec::new();
        let mut grows = false;
        let mut rest = path;
        loop {
            let next = [" -> ", " => "]
                .iter()
                .filter_map(|arrow| Some((rest.find(arrow)?, *arrow)))
                .min();
            let (name, after) = match next {
                Some((at, arrow)) => (&rest[..at], Some((arrow, &rest[at + arrow.len()..]))),
                None => (rest, None),
            };
            links.push(Link {
                name: name.trim().to_owned(),
                grows,
            });
            let Some((arrow, tail)) = after else { break };
            (grows, rest) = (arrow == " => ", tail);
        }
        let single = links.len() == 1;
        if let Some(held) = held.filter(|h| single && *h != links[0].name && !h.is_empty()) {
            links.push(Link {
                name: held.to_owned(),
                grows: true,
            });
        }
        let caption = Caption {
            title: "What keeps it alive".to_owned(),
            detail: "shortest path of references, the object that stays at the bottom".to_owned(),
        };
        (links.len() > 1 && links.iter().all(|l| !l.name.is_empty()))
            .then_some(Chain { caption, links })
    }

    /// The links drawn: a long path keeps its ends and says how much lies between.
    fn shown(&self) -> Vec<Link> {
        let count = self.links.len();
        if count <= SHOWN {
            return self.links.clone();
        }
        let mut shown = self.links[..SHOWN / 2].to_vec();
        shown.push(Link {
            name: format!("… {} more", count - SHOWN + 1),
            grows: false,
        });
        shown.extend_from_slice(&self.links[count + 1 - SHOWN / 2..]);
        shown
    }
}

impl Chart for Chain {
    fn caption(&self) -> &Caption {
        &self.caption
    }

    fn description(&self) -> String {
        let names: Vec<&str> = self.links.iter().map(|l| l.name.as_str()).collect();
        names.join(" refers to ")
    }

    fn draw(&self) -> Result<Canvas, ChartError> {
        let links = self.shown();
        let height = (links.len() - 1) as f64 * STEP + BOX + 4.0;
        let canvas = Canvas::new(WIDTH, height);
        for (i, link) in links.iter().enumerate() {
            let top = 2.0 + i as f64 * STEP;
            if i > 0 {
                draw_arrow(&canvas, top - (STEP - BOX), top, link.grows)?;
            }
            draw_object(&canvas, top, &link.name, i + 1 == links.len())?;
        }
        Ok(canvas)
    }

    fn table(&self) -> DataTable {
        let row = |(i, link): (usize, &Link)| vec![(i + 1).to_string(), link.name.clone()];
        DataTable {
            columns: vec!["step".to_owned(), "object".to_owned()],
            rows: self.links.iter().enumerate().map(row).collect(),
        }
    }
}

fn draw_object(canvas: &Canvas, top: f64, name: &str, stays: bool) -> Result<(), ChartError> {
    let mut look = Look::text(Anchor::Left);
    if stays {
        look = look.bold();
    }
    let name = text::fit(name, look.size, stays, WIDTH - 2.0 * PAD - 2.0);
    let right = look.width(&name) + 2.0 * PAD + 1.0;
    let (left, bottom) = (1.0, top + BOX);
    let corners = [
        (left, top),
        (right, top),
        (right, bottom),
        (left, bottom),
        (left, top),
    ];
    let (paint, width) = if stays {
        (Paint::Ink, 1.8)
    } else {
        (Paint::Base, 1.0)
    };
    canvas.line(&corners, paint, width)?;
    canvas.text((left + PAD, top + BOX / 2.0), &name, look)
}

fn draw_arrow(canvas: &Canvas, from: f64, to: f64, grows: bool) -> Result<(), ChartError> {
    let x = 20.0;
    let (paint, width) = if grows {
        (Paint::Worse, 2.4)
    } else {
        (Paint::Muted, 1.2)
    };
    canvas.line(&[(x, from), (x, to - 1.5)], paint, width)?;
    canvas.line(
        &[(x - 4.0, to - 6.5), (x, to - 1.5), (x + 4.0, to - 6.5)],
        paint,
        width,
    )?;
    if grows {
        let look = Look {
            size: SMALL,
            ..Look::text(Anchor::Left).painted(Paint::Worse)
        };
        canvas.text((x + 12.0, (from + to) / 2.0), "more of these", look)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_with_the_reference_that_grows() {
        let chain = Chain::read("root \"cache\" -> Cache.by_key[*] => Node", Some("Node")).unwrap();
        let names: Vec<(&str, bool)> = chain
            .links
            .iter()
            .map(|l| (l.name.as_str(), l.grows))
            .collect();
        let wanted = [
            ("root \"cache\"", false),
            ("Cache.by_key[*]", false),
            ("Node", true),
        ];
        assert_eq!(names, wanted);
        assert!(Chain::read("nothing", None).is_none());
        assert_eq!(Chain::read("List", Some("Dict")).unwrap().links.len(), 2);
    }

    #[test]
    fn a_long_path_keeps_its_ends_and_counts_the_rest() {
        let path: Vec<String> = (0..30).map(|i| format!("Node{i}")).collect();
        let chain = Chain::read(&path.join(" -> "), None).unwrap();
        let shown = chain.shown();
        assert_eq!(shown.len(), SHOWN);
        assert_eq!(shown[SHOWN / 2].name, "… 23 more");
        assert_eq!(shown[SHOWN - 1].name, "Node29");
        let hidden = 30 - (shown.len() - 1);
        assert_eq!(hidden, 23);
        assert!(chain.draw().is_ok());
    }
}
