//! Columns that fit the screen, and sentences that are broken to fit.

use super::WIDTH;
use super::paint::{Paint, Tone};

/// Blanks between two columns.
const GAP: usize = 3;

/// Columns are not made narrower than this.
const NARROWEST: usize = 8;

/// One field of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

/// A field.
pub fn cell(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), tone: Tone::Plain }
}

/// A field in a tone.
pub fn toned(tone: Tone, text: impl Into<String>) -> Cell {
    Cell { text: text.into(), tone }
}

/// Rows of columns as wide as what they hold; where that is too wide for `width`, the widest ones are cut, which shows.
#[must_use]
pub fn columns(rows: &[Vec<Cell>], width: usize, paint: Paint) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| length(&cell.text)).max();
    let mut widths: Vec<usize> = (0..count).map(|column| widest(column).unwrap_or_default()).collect();
    let gaps = GAP * count.saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let Some(most) = widths.iter_mut().max().filter(|most| **most > NARROWEST) else { break };
        *most -= 1;
    }
    let line = |row: &Vec<Cell>| {
        let mut line = String::new();
        let mut owed = 0;
        for (cell, width) in row.iter().zip(&widths) {
            let text = cut(&cell.text, *width);
            let fill = width - length(&text);
            // Blanks are owed until something stands behind them: no line ends in any.
            if !text.is_empty() {
                line.push_str(&" ".repeat(owed));
                line.push_str(&paint.put(cell.tone, &text));
                owed = 0;
            }
            owed += fill + GAP;
        }
        line
    };
    rows.iter().map(line).collect()
}

/// The text in lines of at most `width` characters, broken at blanks.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| length(line) + 1 + length(word) <= width) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A label, and text beside it that goes on below itself.
#[must_use]
pub fn labelled(label: &str, indent: usize, lines: &[String], paint: Paint) -> String {
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        let blanks = " ".repeat(indent.saturating_sub(2 + length(label)));
        let line = format!("  {}{blanks}{line}", paint.put(Tone::Quiet, label));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What is left of a line beside labels of this width.
#[must_use]
pub fn beside(indent: usize) -> usize {
    WIDTH.saturating_sub(indent)
}

/// Characters as a terminal counts them, as far as ours go: none of them is wide.
pub(crate) fn length(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<Cell>> {
        rows.iter().map(|row| row.iter().map(|text| cell(*text)).collect()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        let table = columns(&rows(&[&["NAME", "A", "END"], &["orders", "", "x"], &["o", "yes"]]), 80, Paint::PLAIN);
        assert_eq!(table, ["NAME     A     END", "orders         x", "o        yes"]);
    }

    #[test]
    fn what_is_too_wide_is_cut_where_it_is_widest() {
        let long = "a".repeat(100);
        let table = columns(&rows(&[&[&long, "orders-prod", "r1"]]), 60, Paint::PLAIN);
        assert_eq!(length(&table[0]), 60);
        assert!(table[0].ends_with("a…   orders-prod   r1"), "{table:?}");
    }

    #[test]
    fn sentences_are_broken_at_blanks_and_words_are_not() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable a", 4), ["unbreakable", "a"]);
        assert_eq!(
            labelled("Ready", 10, &wrapped("one two three", 7), Paint::PLAIN),
            "  Ready   one two\n          three\n"
        );
    }
}
