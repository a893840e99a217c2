//! All that there is to know about one stage, as a tree: what is so, why, and what can be done next.

use jiff::Timestamp;
use stagecraft_core::api::progress::Changes;
use stagecraft_core::api::status::{CommandState, Phase};

use super::paint::{Paint, Tone};
use super::table::{Cell, beside, cell, columns, labelled, toned, wrapped};
use super::time::since;
use super::view::{OnStage, Place, Serves, View, name_of};
use super::{WIDTH, bar, checks, history, next};

/// Where the texts begin, behind their labels.
const INDENT: usize = 13;

/// The whole screen. `flags` stands behind the commands that it names.
#[must_use]
pub fn print(view: &View, now: Timestamp, flags: &str, paint: Paint) -> String {
    let mut text = head(view, paint);
    text.push('\n');
    let mut part = |label: &str, lines: Vec<String>| text.push_str(&labelled(label, INDENT, &lines, paint));
    part("Ready", ready(view, now, paint));
    part("Deleting", deleting(view, now));
    part("Serves", serves(view, now, paint));
    part("Release", release(view, now, paint));
    let running = view.running().is_some();
    if let Some(check) = view.check.as_ref().filter(|_| running || is_failed(view)) {
        part("Checks", checks::lines(check, INDENT, paint));
    }
    part("Blind", view.blind_steps.iter().flat_map(|step| wrapped(step, beside(INDENT))).collect());
    part("API diff", changes(view, paint));
    part("Cache", cache(view, now));
    part("Settings", settings(view, now));
    part("Held", held(view, now));
    if !view.history.is_empty() {
        part("History", wrapped(&history::line(&view.history, now), beside(INDENT)));
    }
    part("Command", refused(view, now));
    if !view.unreadable.is_empty() {
        let said = format!(
            "{} is told in a shape that this version of the plugin ({}) does not know: update the plugin to see it",
            view.unreadable.join(", "),
            env!("CARGO_PKG_VERSION")
        );
        part("Unknown", wrapped(&said, beside(INDENT)));
    }
    let advice = next::line(view, flags);
    if !advice.is_empty() {
        text.push('\n');
        for (number, line) in advice.iter().enumerate() {
            let label = if number == 0 { "Next:" } else { "     " };
            for (row, line) in wrapped(line, WIDTH - 8).into_iter().enumerate() {
                let label = if row == 0 { label } else { "     " };
                for piece in ["  ", &paint.put(Tone::Strong, label), " ", &line, "\n"] {
                    text.push_str(piece);
                }
            }
        }
    }
    text
}

/// `shop/orders-prod · stage prod of a1b2c3d4e5 (eu-west-1) · https://…`, on two lines where it is too long for one.
fn head(view: &View, paint: Paint) -> String {
    let Place { rest_api_id, stage_name, region, account_id: _, invoke_url } = &view.place;
    let mut parts = Vec::new();
    let stage = stage_name.as_ref().map(|stage| format!("stage {stage}"));
    let api = rest_api_id.as_ref().map(|api| format!("of {api}"));
    let region = region.as_ref().map(|region| format!("({region})"));
    let place: Vec<String> = stage.into_iter().chain(api).chain(region).collect();
    if !place.is_empty() {
        parts.push(place.join(" "));
    }
    parts.extend(invoke_url.clone());
    let name = view.full_name();
    let one_line = format!("{} · {}", name, parts.join(" · "));
    let strong = paint.put(Tone::Strong, &name);
    if parts.is_empty() {
        return format!("{strong}\n");
    }
    if one_line.chars().count() <= WIDTH {
        return format!("{}\n", one_line.replacen(&name, &strong, 1));
    }
    format!("{strong}\n  {}\n", parts.join("\n  "))
}

fn ready(view: &View, now: Timestamp, paint: Paint) -> Vec<String> {
    let Some(ready) = view.condition("Ready") else {
        return vec![paint.put(Tone::Busy, "unknown: the operator has not looked at this object yet")];
    };
    let stalled = view.condition("Stalled").is_some();
    let tone = match ready.status.as_str() {
        "True" => Tone::Good,
        _ if stalled => Tone::Bad,
        _ => Tone::Busy,
    };
    let age = since(ready.last_transition_time.0, now);
    let mut lines = vec![paint.put(tone, &format!("{} {} for {age}", ready.status, ready.reason))];
    // The bar tells the same with its times.
    let holds = view
        .condition("Reconciling")
        .is_some_and(|condition| ["StepHolds", "Baking"].contains(&condition.reason.as_str()));
    if ready.status != "True" && !(holds && view.release.as_ref().is_some_and(|release| !release.steps.is_empty())) {
        lines.extend(wrapped(&ready.message, beside(INDENT)));
    }
    if !view.up_to_date {
        lines.push(paint.put(Tone::Busy, "the object has changed since; the operator has not looked at it yet"));
    }
    lines
}

fn deleting(view: &View, now: Timestamp) -> Vec<String> {
    let Some(since_when) = &view.deleting_since else { return Vec::new() };
    vec![format!(
        "for {}; the finalizer is removed when what it governs in AWS is dealt with",
        since(since_when.0, now)
    )]
}

/// What the stage serves, and below it the canary, in common columns.
fn serves(view: &View, now: Timestamp, paint: Paint) -> Vec<String> {
    let Some(serves) = &view.serves else { return vec![paint.put(Tone::Quiet, "nothing yet")] };
    let mut rows = vec![stable_row(view, serves, now)];
    rows.extend(view.canary.as_ref().map(|canary| canary_row(view, canary)));
    let mut lines = columns(&rows, beside(INDENT), paint);
    if let Some(canary) = &view.canary
        && !canary.stage_variable_overrides.is_empty()
    {
        let names = canary.stage_variable_overrides.join(", ");
        lines.extend(wrapped(&format!("the canary sees variables of its own: {names}"), beside(INDENT)));
    }
    lines
}

fn stable_row(view: &View, serves: &Serves, now: Timestamp) -> Vec<Cell> {
    let share = view.canary.as_ref().map(|_| bar::percent(serves.percent)).unwrap_or_default();
    let since = serves.since.as_ref().map(|at| format!("stable for {}", since(at.0, now))).unwrap_or_default();
    let mut row = vec![
        toned(Tone::Strong, serves.revision.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)),
        cell(format!("dep {}", serves.deployment_id)),
    ];
    row.extend((view.canary.is_some()).then(|| cell(share)));
    row.push(cell(since));
    row
}

fn canary_row(view: &View, canary: &OnStage) -> Vec<Cell> {
    let deployment = canary.deployment_id.as_ref().map(|id| format!("dep {id}")).unwrap_or_default();
    let (name, whose) = match &canary.release {
        Some(release) => {
            let governor =
                view.governor.as_ref().map(|name| format!(", governed by ApiCanary {name}")).unwrap_or_default();
            let name = canary.revision.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            (name, format!("canary: release {release}{governor}"))
        }
        None if view.hides_its_release() => {
            ("?".to_owned(), "canary: of a release that this version cannot read".to_owned())
        }
        None => ("?".to_owned(), "canary: foreign, no release of this object opened it".to_owned()),
    };
    vec![toned(Tone::Busy, name), cell(deployment), cell(bar::percent(canary.percent)), cell(whose)]
}

fn release(view: &View, now: Timestamp, paint: Paint) -> Vec<String> {
    let Some(release) = &view.release else { return Vec::new() };
    if !release.phase.is_running() && release.phase != Phase::Failed {
        return Vec::new();
    }
    if release.phase == Phase::Failed {
        // Why is told at the top already.
        return vec![format!("{} failed, begun {} ago", release.id, since(release.started_at.0, now))];
    }
    let drawn = bar::draw(release, now, paint);
    let waits = release.waiting_since.as_ref().map(|at| format!(", for {} now", since(at.0, now))).unwrap_or_default();
    let words = format!("{}: {}{waits}", release.id, drawn.words);
    let mut lines = Vec::new();
    let width = beside(INDENT);
    if drawn.width > 0 && drawn.width + 2 + words.chars().count() <= width {
        lines.push(format!("{}  {words}", drawn.bar));
        lines.push(drawn.labels);
    } else {
        if drawn.width > 0 {
            lines.push(drawn.bar);
            lines.push(drawn.labels);
        }
        lines.extend(wrapped(&words, width));
    }
    lines.retain(|line| !line.is_empty());
    if let Some(next) = &release.next {
        lines.extend(wrapped(&format!("{} takes over when its snapshot exists", name_of(next)), width));
    }
    if let Some(counts) = &release.counts {
        let no_data = if counts.no_data > 0 { format!(", {} no data", counts.no_data) } else { String::new() };
        lines.push(format!("{} checks passed, {} failed{no_data}", counts.pass, counts.fail));
    }
    lines
}

fn is_failed(view: &View) -> bool {
    view.release.as_ref().is_some_and(|release| release.phase == Phase::Failed)
}

/// What the release changes about the API's methods.
fn changes(view: &View, paint: Paint) -> Vec<String> {
    let running = view.release.as_ref().filter(|release| release.phase.is_running() || release.phase == Phase::Failed);
    let Some(changes) = running.and_then(|release| release.changes.as_ref()) else { return Vec::new() };
    let Changes { methods_added, methods_removed, authorization_weakened, more } = changes;
    let mut lines: Vec<String> = Vec::new();
    lines.extend(methods_added.iter().map(|method| paint.put(Tone::Good, &format!("+ {method}"))));
    lines.extend(methods_removed.iter().map(|method| paint.put(Tone::Bad, &format!("- {method}"))));
    lines.extend(
        authorization_weakened
            .iter()
            .map(|method| paint.put(Tone::Bad, &format!("! {method}: authorization weakened"))),
    );
    lines.extend(more.map(|more| format!("and {more} more")));
    if lines.is_empty() {
        lines.push("the same methods, none of them weaker authorized".to_owned());
    }
    lines
}

fn cache(view: &View, now: Timestamp) -> Vec<String> {
    let Some(cluster) = view.cache.as_ref().filter(|cluster| cluster.enabled || cluster.status != "NOT_AVAILABLE")
    else {
        return Vec::new();
    };
    let size = cluster.size.as_ref().map(|size| format!("{size} GB ")).unwrap_or_default();
    let age = cluster.since.as_ref().map(|at| format!(" for {}", since(at.0, now))).unwrap_or_default();
    let mut lines = vec![format!("{size}{}{age}", cluster.status)];
    if let Some(condition) = view.condition("CacheReady").filter(|condition| condition.status != "True") {
        lines.extend(wrapped(&condition.message, beside(INDENT)));
    }
    lines
}

fn settings(view: &View, now: Timestamp) -> Vec<String> {
    if view.conditions.is_empty() {
        return Vec::new();
    }
    let mut said = vec![if view.settings_applied { "in sync".to_owned() } else { "not all applied yet".to_owned() }];
    if let Some(drift) = view.drift.first() {
        let how = if drift.corrected { "corrected" } else { "reported" };
        said.push(format!("last drift {} ago ({}, {how})", since(drift.at.0, now), drift.field));
    }
    if !view.unmanaged.is_empty() {
        said.push(format!("{} method entries are nobody's here and left alone", view.unmanaged.len()));
    }
    wrapped(&said.join(", "), beside(INDENT))
}

fn held(view: &View, now: Timestamp) -> Vec<String> {
    let told = |held: &stagecraft_core::api::status::Held| {
        let release = held.release.as_ref().map(|id| format!(" of {id}")).unwrap_or_default();
        format!("{}{release} for {}", name_of(&held.target), since(held.since.0, now))
    };
    let told: Vec<String> = view.held.iter().map(told).collect();
    wrapped(&told.join(" · "), beside(INDENT))
}

/// The last command, if it was refused: who gave it may have looked away.
fn refused(view: &View, now: Timestamp) -> Vec<String> {
    let Some(last) = view.last_command.as_ref().filter(|last| last.state == CommandState::Refused) else {
        return Vec::new();
    };
    let said = format!("{} was refused {} ago: {}", last.value, since(last.at.0, now), last.message);
    wrapped(&said, beside(INDENT))
}
