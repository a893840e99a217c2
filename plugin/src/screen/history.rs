//! What a stage served, and what did not come to serve.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use stagecraft_core::api::status::{Held, HistoryEntry, How, ReleaseResult, Why};

use super::WIDTH;
use super::paint::{Paint, Tone};
use super::table::{Cell, cell, columns, toned};
use super::time::since;
use super::view::{View, name_of};

/// Entries in the line of a status.
const IN_LINE: usize = 4;

/// `r41 promoted 6d ago · r40 failed 7d ago · r39 promoted 20d ago`.
#[must_use]
pub fn line(history: &[HistoryEntry], now: Timestamp) -> String {
    let told = |entry: &HistoryEntry| format!("{} {}{}", name_of(&entry.target), what(entry), ago(entry, now));
    let told: Vec<String> = history.iter().take(IN_LINE).map(told).collect();
    told.join(" · ")
}

/// The whole history, newest first.
#[must_use]
pub fn table(view: &View, now: Timestamp, paint: Paint) -> String {
    let head = ["RELEASE", "REVISION", "DEPLOYMENT", "WHAT", "WHEN", "SERVED FOR", "NOW"];
    let mut rows: Vec<Vec<Cell>> = vec![head.map(|name| toned(Tone::Quiet, name)).into()];
    rows.extend(view.history.iter().map(|entry| row(view, entry, now)));
    columns(&rows, WIDTH, paint).into_iter().map(|line| line + "\n").collect()
}

fn row(view: &View, entry: &HistoryEntry, now: Timestamp) -> Vec<Cell> {
    let text = |value: Option<String>| cell(value.unwrap_or_else(|| "-".to_owned()));
    let served = entry.stable_since.as_ref().map(|from| {
        let to = entry.ended.as_ref().map_or(now, |ended| ended.0);
        since(from.0, to)
    });
    let current = view.serves.as_ref().map(|serves| &serves.deployment_id);
    let is_current = entry.how.is_some() && entry.ended.is_none() && entry.target.deployment_id.as_ref() == current;
    let held = view.held.iter().find(|held| held.target.is(&entry.target));
    let state = match held {
        _ if is_current => toned(Tone::Good, "serves"),
        Some(held) => toned(Tone::Bad, format!("held: {}", why(held))),
        None => cell(""),
    };
    vec![
        text(entry.release.as_ref().map(ToString::to_string)),
        text(entry.target.revision.as_ref().map(|_| name_of(&entry.target))),
        text(entry.target.deployment_id.as_ref().map(ToString::to_string)),
        toned(if entry.how.is_some() { Tone::Plain } else { Tone::Bad }, what(entry)),
        text(when(entry).map(|at| format!("{} ago", since(at.0, now)))),
        text(served),
        state,
    ]
}

/// What became of it, in one word or two.
fn what(entry: &HistoryEntry) -> &'static str {
    match (entry.how, entry.result) {
        (Some(How::First), _) => "created the stage",
        (Some(How::Canary), _) => "promoted",
        (Some(How::Direct), _) => "released at once",
        (Some(How::FastRollback), _) => "went back in",
        (Some(How::RolledBack), _) => "rolled back to",
        (Some(How::Adopted), _) => "served when adopted",
        (Some(How::PromotedByHand), _) => "promoted by hand",
        (None, Some(ReleaseResult::Failed)) => "failed",
        (None, Some(ReleaseResult::Aborted)) => "aborted",
        (None, Some(ReleaseResult::Superseded)) => "superseded",
        (None, Some(ReleaseResult::Cancelled)) => "cancelled",
        (None, None) => "ended",
    }
}

/// Why a target is held.
fn why(held: &Held) -> &'static str {
    match held.why {
        Why::Failed => "its checks failed",
        Why::Aborted => "aborted",
        Why::Unfinished => "unfinished",
        Why::RolledBackByCommand => "rolled back from",
        Why::StageMovedByHand => "moved by hand",
    }
}

fn when(entry: &HistoryEntry) -> Option<&Time> {
    entry.stable_since.as_ref().or(entry.ended.as_ref())
}

fn ago(entry: &HistoryEntry, now: Timestamp) -> String {
    when(entry).map(|at| format!(" {} ago", since(at.0, now))).unwrap_or_default()
}
