//! A rehearsal for people: lines of at most 120 columns.

use std::fmt::Write as _;

use stagecraft_core::analysis::guidance;
use stagecraft_core::api::check::Verdict;
use stagecraft_core::api::duration::Duration as Span;

use super::odds::Odds;
use super::script::minutes;
use super::timeline::{Ending, Happening, Outcome, StepSight, TimeLine};

/// Columns of a line, and those before its text.
const WIDTH: usize = 120;
const INDENT: usize = 28;

/// The time line.
pub(super) fn time_line(line: &TimeLine) -> String {
    let mut out = String::new();
    let mut say = |text: String| {
        // Writing into a string does not fail.
        writeln!(out, "{text}").ok();
    };
    say(format!("seed {} · {} requests a minute · {}", line.seed, count(line.requests_a_minute), line.description));
    for note in &line.notes {
        say(wrapped("", note, 2));
    }
    for sight in &line.steps {
        say(wrapped("", &sees(sight), 2));
    }
    for warning in line.steps.iter().filter_map(|sight| sight.warning.as_ref()) {
        say(wrapped("warning: ", warning, 2));
    }
    say(String::new());
    for entry in &line.entries {
        let (what, text) = told(&entry.what);
        let head = format!("{:>8}  {what:<16}  ", clock(entry.seconds));
        say(wrapped(&head, &text, INDENT));
    }
    say(String::new());
    say(wrapped("", &ending(&line.ending), 2));
    out
}

/// The odds, in a line.
pub(super) fn odds(odds: &Odds) -> String {
    let share = |of: u32| format!("{:.1} %", f64::from(of) * 100.0 / f64::from(odds.runs.max(1)));
    let Odds { runs, promoted, aborted, held, .. } = odds;
    let mut text = format!(
        "{} runs: promoted {}, aborted {}, held {}.",
        number(u64::from(*runs)),
        share(*promoted),
        share(*aborted),
        share(*held)
    );
    if let Some(cost) = &odds.aborts {
        let median = Span::from_secs(cost.median_seconds);
        write!(
            text,
            " Aborted after {median} (median), with {} requests to the new revision answered by 5xx (95 in 100 runs: at most {}).",
            number(cost.median_errors),
            number(cost.most_errors)
        )
        .ok();
    }
    wrapped("", &text, 2) + "\n"
}

/// What happened: a word and a text.
fn told(what: &Happening) -> (String, String) {
    match what {
        Happening::Write { operation, patch } => (operation.clone(), patch.join("; ")),
        Happening::Check { verdict, sentences } => {
            let word = match verdict {
                Verdict::Pass => "check pass",
                Verdict::Fail => "check FAIL",
                Verdict::NoData => "check no data",
            };
            (word.to_owned(), sentences.join("; "))
        }
        Happening::Event { reason, warning: _, note } => (reason.clone(), note.clone()),
        Happening::Person { note } => ("a person".to_owned(), note.clone()),
    }
}

fn sees(sight: &StepSight) -> String {
    let StepSight { step, percent, metric, minutes: seen, requests, sees_percent, warning: _ } = sight;
    let least = match sees_percent {
        Some(percent) => format!("stops every second release with {} bad responses", guidance::rate(percent / 100.0)),
        None => "stops no release".to_owned(),
    };
    format!("step {step}, {percent} %: {metric} {least} ({requests:.0} requests in {} of data)", minutes(*seen))
}

fn ending(ending: &Ending) -> String {
    let Ending { outcome, seconds, requests, errors_5xx, errors_4xx, message } = ending;
    let what = match outcome {
        Outcome::Promoted => "Promoted",
        Outcome::Aborted => "Aborted",
        Outcome::Held => "Held",
    };
    let mut text = format!(
        "{what} after {}. {} requests met the new revision, {} got a 5xx",
        Span::from_secs(seconds.unsigned_abs()),
        number(*requests),
        number(*errors_5xx)
    );
    if *errors_4xx > 0 {
        write!(text, ", {} a 4xx", number(*errors_4xx)).ok();
    }
    text.push('.');
    if *outcome != Outcome::Promoted && !message.is_empty() {
        write!(text, " {message}").ok();
    }
    text
}

/// Seconds as `1:02:03`.
fn clock(seconds: i64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn count(requests: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and the cast saturates")]
    let whole = requests as u64;
    if requests.fract() == 0.0 { number(whole) } else { requests.to_string() }
}

/// A count with a comma at each thousand.
fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text after its head, broken between words where a line is full; further lines begin at `indent`.
fn wrapped(head: &str, text: &str, indent: usize) -> String {
    let mut out = head.to_owned();
    let mut column = head.chars().count();
    let mut first = true;
    for word in text.split(' ') {
        let width = word.chars().count();
        if !first && column + 1 + width > WIDTH {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if !first {
            out.push(' ');
            column += 1;
        }
        first = false;
        out.push_str(word);
        column += width;
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words_and_nothing_is_lost() {
        let text = "replace /canarySettings/percentTraffic 5.0; ".repeat(6);
        let lines = wrapped("head  ", &text, 4);
        assert!(lines.lines().count() > 1 && lines.lines().all(|line| line.chars().count() <= WIDTH), "{lines}");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&lines)[1..], words(&text)[..]);
    }

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([5, 3_725].map(clock), ["0:00:05", "1:02:05"]);
        assert_eq!([600.0, 0.5].map(count), ["600", "0.5"]);
    }
}
