//! Colours, where somebody sees them. They never carry a meaning alone.

use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style};

/// Whether to paint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    colours: bool,
}

/// How a text is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As anything else.
    #[default]
    Plain,
    /// What it is about.
    Strong,
    /// Less important.
    Quiet,
    /// Well.
    Good,
    /// Under way, or to be looked at.
    Busy,
    /// Bad.
    Bad,
}

impl Paint {
    /// Without colours.
    pub const PLAIN: Self = Self { colours: false };

    /// With colours, whoever reads.
    pub const COLOURS: Self = Self { colours: true };

    /// With colours where standard output is a terminal, nobody has set `NO_COLOR`, and the terminal knows colours.
    #[must_use]
    pub fn of_standard_output() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        Self { colours: std::io::stdout().is_terminal() && set("NO_COLOR").is_none() && !dumb }
    }

    /// The text in its tone.
    #[must_use]
    pub fn put(self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => Style::new().bold(),
            Tone::Quiet => Style::new().dimmed(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Busy => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
        };
        if self.colours && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_nothing_is_added() {
        for tone in [Tone::Plain, Tone::Strong, Tone::Quiet, Tone::Good, Tone::Busy, Tone::Bad] {
            assert_eq!(Paint::PLAIN.put(tone, "x"), "x");
        }
        assert_eq!(Paint::COLOURS.put(Tone::Good, "x"), "\u{1b}[32mx\u{1b}[0m");
        assert_eq!(Paint::COLOURS.put(Tone::Good, ""), "");
    }
}
