//! A picture of a rehearsal: the share of the traffic over time, with the checks on it.

use std::fmt::{self, Write as _};

use stagecraft_core::api::check::Verdict;

use super::timeline::{Entry, Happening, Outcome, TimeLine};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 840.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 250.0;

/// Colours that stay apart for most eyes; the shapes differ, too.
const SHARE: &str = "#0072b2";
const PASS: &str = "#009e73";
const FAIL: &str = "#d55e00";
const NO_DATA: &str = "#999999";

/// Draws the time line.
pub(super) fn draw(line: &TimeLine) -> String {
    let mut svg = String::new();
    // Writing into a string does not fail.
    write_all(&mut svg, line).ok();
    svg
}

fn write_all(svg: &mut String, line: &TimeLine) -> fmt::Result {
    let end = line.entries.iter().map(|entry| entry.seconds).chain([line.ending.seconds, 60]).max().unwrap_or(60);
    let axis = Axis { end: number(end) };
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">"
    )?;
    writeln!(svg, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>")?;
    let title = format!("{}: {}", line.scenario, line.description);
    writeln!(svg, "<text x=\"{LEFT}\" y=\"24\" font-weight=\"bold\">{}</text>", escaped(&title))?;
    writeln!(svg, "<text x=\"{LEFT}\" y=\"42\">{}</text>", escaped(&summary(line)))?;
    axis.write(svg)?;
    axis.staircase(svg, line)?;
    for entry in &line.entries {
        axis.mark(svg, entry)?;
    }
    let legend = [(SHARE, "share of the new revision"), (PASS, "● pass"), (FAIL, "✕ fail"), (NO_DATA, "○ no data")];
    for (index, (colour, name)) in (0_i32..).zip(legend) {
        let x = LEFT + 180.0 * f64::from(index);
        writeln!(svg, "<text x=\"{x}\" y=\"{}\" fill=\"{colour}\">{name}</text>", HEIGHT - 12.0)?;
    }
    writeln!(svg, "</svg>")
}

fn summary(line: &TimeLine) -> String {
    let what = match line.ending.outcome {
        Outcome::Promoted => "promoted",
        Outcome::Aborted => "aborted",
        Outcome::Held => "held",
    };
    format!(
        "{what} after {} minutes; of {} requests to {} got {} a 5xx (seed {}, {} requests a minute)",
        line.ending.seconds / 60,
        line.ending.requests,
        line.revision,
        line.ending.errors_5xx,
        line.seed,
        line.requests_a_minute
    )
}

/// Time from left to right, shares from bottom to top.
struct Axis {
    /// Seconds at the right end.
    end: f64,
}

impl Axis {
    fn x(&self, seconds: i64) -> f64 {
        LEFT + (RIGHT - LEFT) * (number(seconds) / self.end).clamp(0.0, 1.0)
    }

    fn y(percent: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (percent / 100.0).clamp(0.0, 1.0)
    }

    fn write(&self, svg: &mut String) -> fmt::Result {
        for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
            let y = Self::y(percent);
            writeln!(svg, "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#dddddd\"/>")?;
            writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{percent} %</text>", LEFT - 6.0, y + 4.0)?;
        }
        let every = [1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 1_440]
            .into_iter()
            .find(|minutes| number(*minutes * 60) * 12.0 >= self.end)
            .unwrap_or(10_080);
        let ticks = (0..=12).map(|tick| tick * every).take_while(|minutes| number(minutes * 60) <= self.end);
        for minutes in ticks {
            let x = self.x(minutes * 60);
            writeln!(svg, "<path d=\"M{x:.1} {BOTTOM}v4\" stroke=\"#666666\"/>")?;
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{minutes}m</text>", BOTTOM + 18.0)?;
        }
        Ok(())
    }

    fn staircase(&self, svg: &mut String, line: &TimeLine) -> fmt::Result {
        let mut path = format!("M{LEFT} {:.1}", Self::y(0.0));
        for share in &line.shares {
            write!(path, "H{:.1}V{:.1}", self.x(share.seconds), Self::y(share.percent))?;
        }
        writeln!(svg, "<path d=\"{path}H{RIGHT}\" fill=\"none\" stroke=\"{SHARE}\" stroke-width=\"2\"/>")
    }

    fn mark(&self, svg: &mut String, entry: &Entry) -> fmt::Result {
        let Happening::Check { verdict, sentences } = &entry.what else { return Ok(()) };
        let (x, y) = (self.x(entry.seconds), BOTTOM + 32.0);
        let title = escaped(&sentences.join("; "));
        let shape = match verdict {
            Verdict::Pass => format!("<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"3\" fill=\"{PASS}\">"),
            Verdict::NoData => {
                format!("<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"3\" fill=\"none\" stroke=\"{NO_DATA}\">")
            }
            Verdict::Fail => {
                let (left, top) = (x - 4.0, y - 4.0);
                format!("<path d=\"M{left:.1} {top}l8 8m0 -8l-8 8\" stroke=\"{FAIL}\" stroke-width=\"2\">")
            }
        };
        let name = if shape.starts_with("<path") { "path" } else { "circle" };
        writeln!(svg, "{shape}<title>{title}</title></{name}>")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a release")]
fn number(seconds: i64) -> f64 {
    seconds as f64
}
