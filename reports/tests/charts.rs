//! What the chart layer promises: nothing is moved, nothing is cut, nothing is drawn from
//! values that no axis can show.

use exuvia_reports::chart::{
    Bar, Bars, Caption, ChartError, Curve, Curves, Figure, Level, Point, Scale, Timeline, Track,
    WIDTH, figure,
};
use exuvia_reports::format;
use proptest::prelude::*;

fn caption() -> Caption {
    Caption {
        title: "What does it cost?".into(),
        detail: "median of 30".into(),
    }
}

fn bars(values: &[(f64, f64)], names: &[String]) -> Bars {
    let bar = |(i, (value, spread)): (usize, &(f64, f64))| Bar {
        name: names[i % names.len()].clone(),
        colour: i,
        value: Ok(*value),
        interval: Some((value * (1.0 - spread), value * (1.0 + spread))),
        base: Some(value * 0.5),
    };
    Bars {
        caption: caption(),
        unit: "ns".into(),
        bars: values.iter().enumerate().map(bar).collect(),
    }
}

fn curves(points: &[(f64, f64)], name: &str) -> Curves {
    let point = |(x, y): &(f64, f64)| Point {
        x: *x,
        y: *y,
        interval: None,
    };
    Curves {
        caption: caption(),
        x_name: "n".into(),
        y_name: "time per operation".into(),
        unit: "ns".into(),
        curves: vec![Curve {
            name: name.into(),
            colour: 0,
            points: points.iter().map(point).collect(),
        }],
        shared: Vec::new(),
    }
}

/// The values of an attribute, in order of appearance, of elements with the given class.
fn attribute(svg: &str, element: &str, class: &str, name: &str) -> Vec<f64> {
    svg.split('<')
        .filter(|e| {
            e.starts_with(&format!("{element} ")) && e.contains(&format!("class=\"{class}\""))
        })
        .map(|e| {
            let rest = e.split(&format!(" {name}=\"")).nth(1).expect("attribute");
            rest.split('"')
                .next()
                .expect("quote")
                .parse()
                .expect("number")
        })
        .collect()
}

fn line_coordinates(svg: &str, class: &str) -> Vec<(f64, f64)> {
    let path = svg
        .split('<')
        .find(|e| e.starts_with("path ") && e.contains(&format!("class=\"{class}\"")))
        .expect("a line of this class");
    let d = path
        .split(" d=\"")
        .nth(1)
        .and_then(|r| r.split('"').next())
        .expect("path data");
    d.split(['M', 'L'])
        .filter(|p| !p.is_empty())
        .map(|p| {
            let (x, y) = p.split_once(' ').expect("two numbers");
            (x.parse().expect("x"), y.parse().expect("y"))
        })
        .collect()
}

/// Left and right end and middle of every text, by an independent reading of the SVG.
fn texts_outside(figure: &Figure) -> Vec<String> {
    let mut outside = Vec::new();
    let view = figure
        .svg
        .split("viewBox=\"-20 0 ")
        .nth(1)
        .and_then(|r| r.split('"').next());
    let (w, h) = view.and_then(|v| v.split_once(' ')).expect("view box");
    let (w, h): (f64, f64) = (w.parse().expect("width"), h.parse().expect("height"));
    for element in figure.svg.split("<text ").skip(1) {
        let number = |name: &str| -> f64 {
            let rest = element
                .split(&format!("{name}=\""))
                .nth(1)
                .expect("attribute");
            rest.split('"')
                .next()
                .expect("quote")
                .parse()
                .expect("number")
        };
        let content = element
            .split('>')
            .nth(1)
            .and_then(|r| r.split('<').next())
            .expect("content");
        // Narrow estimate: what any font needs at least. The exact check runs in a browser.
        let width = content.chars().count() as f64 * number("font-size") * 0.4;
        let x = number("x");
        let (left, right) = if element.contains("text-anchor=\"end\"") {
            (x - width, x)
        } else if element.contains("text-anchor=\"middle\"") {
            (x - width / 2.0, x + width / 2.0)
        } else {
            (x, x + width)
        };
        if left < -5.0 || right > w + 5.0 || number("y") > h || number("y") < 0.0 {
            outside.push(content.to_owned());
        }
    }
    outside
}

fn hostile_names() -> Vec<String> {
    [
        "<script>alert(1)</script>",
        "100 % / \"quoted\" & 'single'",
        "../../etc/passwd",
        "🦎🦎🦎 emoji",
        "שלום עולם",
        "a",
        "",
        "\u{0}\u{7}control",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([String::from("W").repeat(200)])
    .collect()
}

proptest! {
    #[test]
    fn bars_are_as_long_as_their_values(
        values in prop::collection::vec((1e-9f64..1e18, 0.0f64..0.5), 1..8),
    ) {
        let names: Vec<String> = (0..values.len()).map(|i| format!("v{i}")).collect();
        let drawn = figure(&bars(&values, &names), "id").unwrap();
        let most = values.iter().map(|(v, s)| v * (1.0 + s)).fold(0.0, f64::max);
        for (i, (value, _)) in values.iter().enumerate().take(6) {
            let wide = attribute(&drawn.svg, "rect", &format!("f-s{i}"), "width");
            let expected = value / most * WIDTH * 10.0;
            prop_assert!(wide.iter().any(|w| (w - expected).abs() <= 1.0), "{wide:?} {expected}");
        }
    }

    #[test]
    fn a_curve_passes_through_its_data(
        points in prop::collection::btree_map(1u32..1_000_000, 1e-6f64..1e15, 2..20),
    ) {
        let data: Vec<(f64, f64)> = points.iter().map(|(x, y)| (f64::from(*x), *y)).collect();
        let drawn = figure(&curves(&data, "slots"), "id").unwrap();
        let line = line_coordinates(&drawn.svg, "l-s0");
        prop_assert_eq!(line.len(), data.len());
        let xs = Scale::spanning_exactly(&data.iter().map(|d| d.0).collect::<Vec<_>>(), "").unwrap();
        let ys = Scale::spanning(&data.iter().map(|d| d.1).collect::<Vec<_>>(), "ns").unwrap();
        // Two points fix the affine map from scale position to pixels; all must lie on it.
        let (first, last) = (0, data.len() - 1);
        let fit = |a: (f64, f64), b: (f64, f64), p: f64| a.1 + (p - a.0) / (b.0 - a.0) * (b.1 - a.1);
        let x = |i: usize| (xs.position(data[i].0), line[i].0);
        let y = |i: usize| (ys.position(data[i].1), line[i].1);
        let low = (0..data.len()).min_by(|a, b| data[*a].1.total_cmp(&data[*b].1)).unwrap();
        let high = (0..data.len()).max_by(|a, b| data[*a].1.total_cmp(&data[*b].1)).unwrap();
        for (i, drawn) in line.iter().enumerate() {
            prop_assert!((fit(x(first), x(last), x(i).0) - drawn.0).abs() <= 2.0);
            if y(high).0 - y(low).0 > 0.01 {
                prop_assert!((fit(y(low), y(high), y(i).0) - drawn.1).abs() <= 2.0);
            }
        }
    }

    #[test]
    fn a_value_that_no_axis_can_show_is_an_error(
        good in prop::collection::vec(1.0f64..1e6, 1..5),
        bad in prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        at in 0usize..5,
    ) {
        let mut values: Vec<(f64, f64)> = good.iter().map(|v| (*v, 0.0)).collect();
        values.insert(at.min(good.len()), (bad, 0.0));
        let refused = figure(&bars(&values, &["v".into()]), "id");
        let is_refused = matches!(refused, Err(ChartError::NotFinite { .. }));
        prop_assert!(is_refused);
        let data: Vec<(f64, f64)> = values.iter().enumerate().map(|(i, v)| (i as f64 + 1.0, v.0)).collect();
        let is_refused = matches!(figure(&curves(&data, "v"), "id"), Err(ChartError::NotFinite { .. }));
        prop_assert!(is_refused);
    }

    #[test]
    fn no_name_and_no_magnitude_pushes_a_text_out_of_its_picture(
        values in prop::collection::vec(1e-9f64..1e18, 1..9),
        rotate in 0usize..9,
    ) {
        let mut names = hostile_names();
        names.rotate_left(rotate);
        let measured: Vec<(f64, f64)> = values.iter().map(|v| (*v, 0.1)).collect();
        let drawn = figure(&bars(&measured, &names), "id").unwrap();
        prop_assert_eq!(texts_outside(&drawn), Vec::<String>::new());
        let data: Vec<(f64, f64)> = values.iter().enumerate().map(|(i, v)| (i as f64 + 1.0, *v)).collect();
        let drawn = figure(&curves(&data, &names[0]), "id").unwrap();
        prop_assert_eq!(texts_outside(&drawn), Vec::<String>::new());
    }
}

#[test]
fn names_with_markup_produce_no_element() {
    for name in hostile_names() {
        let drawn = figure(
            &bars(&[(1.0, 0.1), (2.0, 0.1)], std::slice::from_ref(&name)),
            "id",
        )
        .unwrap();
        assert!(!drawn.svg.contains("<script"), "{name}");
        let drawn = figure(&curves(&[(1.0, 1.0), (2.0, 2.0)], &name), "id").unwrap();
        assert!(!drawn.svg.contains("<script"), "{name}");
    }
}

#[test]
fn every_picture_has_a_role_a_title_and_its_key_values() {
    let ns = |v: f64| format::bare(v, "ns").replace(' ', "\u{a0}");
    let drawn = figure(&bars(&[(20.0, 0.1)], &["slots".into()]), "plot-1").unwrap();
    for needle in [
        "role=\"img\"".to_owned(),
        "aria-labelledby=\"plot-1-t plot-1-d\"".to_owned(),
        "<title id=\"plot-1-t\">What does it cost?</title>".to_owned(),
        format!("<desc id=\"plot-1-d\">slots {}</desc>", ns(20.0)),
    ] {
        assert!(drawn.svg.contains(&needle), "{needle} in {}", drawn.svg);
    }
    let interval = format!("{} to {}", ns(18.0), ns(22.0));
    let row = vec!["slots".to_owned(), ns(20.0), interval, ns(10.0)];
    assert_eq!(drawn.table.rows, vec![row]);
}

#[test]
fn an_interval_beside_its_value_is_an_error() {
    let mut chart = bars(&[(20.0, 0.1)], &["slots".into()]);
    chart.bars[0].interval = Some((21.0, 22.0));
    assert!(matches!(
        figure(&chart, "id"),
        Err(ChartError::BadInterval { .. })
    ));
}

#[test]
fn a_missing_variant_is_a_labelled_gap() {
    let mut chart = bars(&[(20.0, 0.1), (1.0, 0.0)], &["slots".into(), "dict".into()]);
    chart.bars[1].value = Err("valgrind is not installed".into());
    chart.bars[1].interval = None;
    chart.bars[1].base = None;
    let drawn = figure(&chart, "id").unwrap();
    assert!(
        drawn
            .svg
            .contains("not measured: valgrind is not installed")
    );
    assert_eq!(
        drawn.table.rows[1][1],
        "not measured: valgrind is not installed"
    );
}

#[test]
fn memory_over_time_names_its_levels_and_keeps_its_extremes() {
    let points = (0..5_000)
        .map(|i| (f64::from(i) * 0.001, if i == 2_500 { 9e6 } else { 1e6 }))
        .collect();
    let chart = Timeline {
        caption: caption(),
        x_name: "time".into(),
        x_unit: "s".into(),
        y_name: "resident memory".into(),
        unit: "B".into(),
        tracks: vec![Track {
            name: "resident".into(),
            colour: 0,
            points,
        }],
        levels: vec![
            Level {
                name: "peak".into(),
                value: 9e6,
            },
            Level {
                name: "after".into(),
                value: 1e6,
            },
        ],
        boundaries: vec![0.0, 2.0],
        boundary_name: "blocks",
    };
    let drawn = figure(&chart, "id").unwrap();
    assert_eq!(texts_outside(&drawn), Vec::<String>::new());
    let line = line_coordinates(&drawn.svg, "l-s0");
    assert!(line.len() < 800);
    let top = line.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let level = line_coordinates(&drawn.svg, "l-base")[0].1;
    assert!(
        (top - level).abs() <= 1.0,
        "the drawn peak lies on the level of the peak"
    );
}
