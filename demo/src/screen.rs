//! What the person in front of the terminal sees: headlines, commands, their output, ticks.

use std::{
    io::{self, Stdout, Write},
    time::{Duration, Instant},
};

/// The widest line of ours; commands print what they print.
pub(crate) const WIDTH: usize = 118;

/// The terminal, or whatever stdout is.
#[derive(Debug)]
pub(crate) struct Screen {
    stdout: Stdout,
    colour: bool,
    started: Instant,
    chapters: usize,
    held: usize,
}

/// Colours only repeat what the words and signs say.
#[derive(Clone, Copy)]
enum Ink {
    Headline,
    Command,
    Good,
    Bad,
    Quiet,
}

impl Ink {
    /// SGR parameters.
    fn code(self) -> &'static str {
        match self {
            Self::Headline => "1;36",
            Self::Command => "1",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Quiet => "2",
        }
    }
}

impl Screen {
    pub(crate) fn new(colour: bool) -> Self {
        Self { stdout: io::stdout(), colour, started: Instant::now(), chapters: 0, held: 0 }
    }

    /// The line that opens a chapter. `place` tells which one it is.
    pub(crate) fn headline(&mut self, place: &str, title: &str) -> io::Result<()> {
        if self.chapters > 0 {
            self.line("")?;
        }
        self.paint(Ink::Headline, &format!("━━ {place} · {title}"))
    }

    /// What a person would type.
    pub(crate) fn command(&mut self, command: &str) -> io::Result<()> {
        self.paint(Ink::Command, &format!("$ {command}"))
    }

    /// What a command printed, as it came.
    pub(crate) fn output(&mut self, output: &str) -> io::Result<()> {
        output.lines().try_for_each(|line| self.line(line))
    }

    /// A request that the demo itself sends, because nobody types it: what a pipeline or the console would do.
    pub(crate) fn request(&mut self, request: &str) -> io::Result<()> {
        let lines = wrap(request, 2);
        let (first, rest) = lines.split_first().map_or(("", [].as_slice()), |(first, rest)| (first.trim_start(), rest));
        self.line(&format!("→ {first}"))?;
        rest.iter().try_for_each(|line| self.line(line))
    }

    /// Words of the demo itself.
    pub(crate) fn note(&mut self, note: &str) -> io::Result<()> {
        wrap(note, 2).iter().try_for_each(|line| self.paint(Ink::Quiet, line))
    }

    /// An expectation that held.
    pub(crate) fn tick(&mut self, what: &str) -> io::Result<()> {
        self.held = self.held.saturating_add(1);
        self.paint(Ink::Good, &format!("  ✓ {what}"))
    }

    /// An expectation that did not hold, or whatever else ends the demo.
    pub(crate) fn cross(&mut self, what: &str) -> io::Result<()> {
        self.paint(Ink::Bad, &format!("  ✗ {what}"))
    }

    /// The end of a chapter.
    pub(crate) fn took(&mut self, time: Duration) -> io::Result<()> {
        self.chapters = self.chapters.saturating_add(1);
        self.paint(Ink::Quiet, &format!("  {:.1} s", time.as_secs_f64()))
    }

    /// The end of the demo.
    pub(crate) fn summary(&mut self) -> io::Result<()> {
        let time = self.started.elapsed().as_secs_f64();
        let (chapters, held) = (self.chapters, self.held);
        self.line("")?;
        self.paint(Ink::Headline, &format!("━━ {chapters} chapters, {held} expectations, all held: {time:.1} s"))
    }

    fn paint(&mut self, ink: Ink, line: &str) -> io::Result<()> {
        if self.colour { self.line(&format!("\x1b[{}m{line}\x1b[0m", ink.code())) } else { self.line(line) }
    }

    /// One line, at once: a person waits for it.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.stdout, "{line}")?;
        self.stdout.flush()
    }
}

/// Breaks `text` between words, so that no line is longer than [`WIDTH`]; every line is indented by `indent`.
pub(crate) fn wrap(text: &str, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(format!("{margin}{word}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_broken_between_words_and_nothing_is_lost() {
        let text = "stage ".repeat(50);
        let lines = wrap(&text, 4);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.starts_with("    ") && line.chars().count() <= WIDTH));
        assert_eq!(lines.join(" ").split_whitespace().count(), 50);
        assert_eq!(wrap("", 4), [""; 0]);
    }
}
