//! The picture of `docs/analysis.md`: what the rules do to good releases, and what a bad one costs.

use std::fmt::{self, Write as _};

use crate::rows::{Row, Scene};
use crate::tally::Measured;

/// Colours that stay apart for most eyes, in print too.
const SEQUENTIAL: &str = "#0072b2";
const THRESHOLD: &str = "#e69f00";
const RATIO: &str = "#999999";
const WALD: &str = "#000000";

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 330.0;
const PLOT: f64 = 200.0;
const BOTTOM: f64 = 260.0;

/// Groups of bars over one axis.
struct Panel {
    left: f64,
    title: &'static str,
    axis: &'static str,
    /// The value at the top of the plot.
    top: f64,
    unit: &'static str,
    /// Name of the group; colour and value of its bars.
    groups: Vec<(String, Vec<(&'static str, f64)>)>,
}

/// Draws both panels.
pub(crate) fn draw(rows: &[Row], measured: &[Measured]) -> String {
    let steady = || rows.iter().zip(measured).filter(|(row, _)| row.scene == Scene::Steady);
    let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
    let good = steady().filter(|(row, _)| row.is_good() && near(row.stable, 0.005)).map(|(row, measured)| {
        let share = |of: &crate::tally::Outcomes| of.aborted_share() * 100.0;
        let Measured { sequential, threshold, ratio, .. } = measured;
        let bars = vec![(THRESHOLD, share(threshold)), (RATIO, share(ratio)), (SEQUENTIAL, share(sequential))];
        (format!("{}/min", row.traffic), bars)
    });
    let bad = steady().filter(|(row, _)| row.traffic == 30 && near(row.stable, 0.002) && row.must_be_seen());
    let bad = bad.map(|(row, measured)| {
        let bars = vec![(WALD, row.bound()), (SEQUENTIAL, f64::from(measured.sequential.median()))];
        (format!("{:.1} %", row.canary * 100.0), bars)
    });
    let panels = [
        Panel {
            left: 60.0,
            title: "Good releases aborted within an hour (0.5 % on both sides)",
            axis: "requests to the canary",
            top: 100.0,
            unit: "%",
            groups: good.collect(),
        },
        Panel {
            left: 490.0,
            title: "Bad responses until the abort (30/min, stable side 0.2 %)",
            axis: "error rate of the canary",
            top: 12.0,
            unit: "",
            groups: bad.collect(),
        },
    ];
    let mut svg = String::new();
    // Writing into a string does not fail.
    write_all(&mut svg, &panels).ok();
    svg
}

fn write_all(svg: &mut String, panels: &[Panel]) -> fmt::Result {
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">"
    )?;
    writeln!(svg, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>")?;
    for panel in panels {
        panel.write(svg)?;
    }
    let legend = [
        ("5xx above 1 % in 5 minutes", THRESHOLD),
        ("twice the stable side in 5 minutes", RATIO),
        ("sequential (default)", SEQUENTIAL),
        ("Wald's bound, both rates known", WALD),
    ];
    for (index, (name, colour)) in (0_i32..).zip(legend) {
        let left = 60.0 + 205.0 * f64::from(index);
        let (top, text) = (HEIGHT - 22.0, HEIGHT - 13.0);
        writeln!(svg, "<rect x=\"{left}\" y=\"{top}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>")?;
        writeln!(svg, "<text x=\"{}\" y=\"{text}\">{name}</text>", left + 15.0)?;
    }
    writeln!(svg, "</svg>")
}

impl Panel {
    fn write(&self, svg: &mut String) -> fmt::Result {
        let Self { left, title, axis, top, unit, groups } = self;
        let width = 340.0;
        writeln!(svg, "<text x=\"{left}\" y=\"30\" font-weight=\"bold\">{title}</text>")?;
        for quarter in 0..=4 {
            let value = top / 4.0 * f64::from(quarter);
            let y = BOTTOM - PLOT / 4.0 * f64::from(quarter);
            writeln!(svg, "<path d=\"M{left} {y}h{width}\" stroke=\"#dddddd\"/>")?;
            writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{value:.0}{unit}</text>", left - 6.0, y + 4.0)?;
        }
        let groups_count = f64::from(u32::try_from(groups.len()).unwrap_or(u32::MAX)).max(1.0);
        let group_width = width / groups_count;
        for (index, (name, bars)) in (0_u32..).zip(groups) {
            let start = left + group_width * f64::from(index);
            let bars_count = f64::from(u32::try_from(bars.len()).unwrap_or(u32::MAX)).max(1.0);
            let bar_width = group_width * 0.75 / bars_count;
            for (number, (colour, value)) in (0_u32..).zip(bars) {
                let height = (value / top).clamp(0.0, 1.0) * PLOT;
                let x = start + group_width * 0.125 + bar_width * f64::from(number);
                let y = BOTTOM - height;
                writeln!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{bar_width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
                )?;
                let label = if *value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
                let middle = x + bar_width / 2.0;
                writeln!(
                    svg,
                    "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"8\">{label}</text>",
                    y - 3.0
                )?;
            }
            let middle = start + group_width / 2.0;
            writeln!(svg, "<text x=\"{middle:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>", BOTTOM + 15.0)?;
        }
        writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{axis}</text>", left + width / 2.0, BOTTOM + 32.0)
    }
}
