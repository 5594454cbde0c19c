//! The chart of the README: times of builds, and sizes of images, as SVG.

use std::fmt::Write as _;

/// The width of the picture and of its longest bar, and the height of a line, in pixels.
const WIDTH: f64 = 760.0;
const LONGEST: f64 = 440.0;
const LINE: f64 = 22.0;

/// The left edges of texts and bars, in pixels.
const MARGIN: f64 = 16.0;
const BARS: f64 = 200.0;

/// A group of bars with one scale.
pub(crate) struct Group {
    pub(crate) title: String,
    /// The unit of all values.
    pub(crate) unit: &'static str,
    pub(crate) bars: Vec<Bar>,
}

/// A bar.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// True for this project's own figures, which have their own colour.
    pub(crate) is_ours: bool,
}

/// Draws the groups below each other.
pub(crate) fn draw(groups: &[Group]) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    for group in groups {
        y += LINE;
        let _ = writeln!(
            body,
            r#"<text x="{MARGIN}" y="{y}" font-weight="bold">{}</text>"#,
            escape(&group.title)
        );
        let largest = group.bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
        for bar in &group.bars {
            y += LINE;
            draw_bar(&mut body, bar, group.unit, largest, y);
        }
        y += LINE / 2.0;
    }
    let height = y + MARGIN;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" fill="#24292f">
<rect width="100%" height="100%" rx="6" fill="#ffffff"/>
{body}</svg>
"##
    )
}

fn draw_bar(body: &mut String, bar: &Bar, unit: &str, largest: f64, y: f64) {
    let length = (LONGEST * bar.value / largest).max(1.0);
    let colour = if bar.is_ours { "#b7410e" } else { "#8c959f" };
    let decimals = if bar.value < 10.0 { 2 } else { 0 };
    let (top, end) = (y - 12.0, BARS + length + 6.0);
    let _ = writeln!(
        body,
        r#"<text x="{MARGIN}" y="{y}">{label}</text><rect x="{BARS}" y="{top}" width="{length:.1}" height="15" fill="{colour}"/><text x="{end:.1}" y="{y}">{value:.decimals$} {unit}</text>"#,
        label = escape(&bar.label),
        value = bar.value,
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_bar_has_the_largest_value() {
        let bar = |label: &str, value, is_ours| Bar {
            label: label.to_owned(),
            value,
            is_ours,
        };
        let group = Group {
            title: "1 file & more".to_owned(),
            unit: "s",
            bars: vec![bar("s2i", 0.5, true), bar("other", 2.0, false)],
        };
        let picture = draw(&[group]);
        assert!(picture.contains("1 file &amp; more"), "{picture}");
        assert!(picture.contains(r#"width="110.0""#), "{picture}");
        assert!(picture.contains(r#"width="440.0""#), "{picture}");
        assert!(picture.contains(">0.50 s<"), "{picture}");
    }
}
