//! `list`: all stages, one line each, and why one of them does not go on.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use stagecraft::run::BoxError;
use stagecraft_core::api::status::Phase;

use crate::clock::now;
use crate::cluster::{Cluster, Place};
use crate::output::{Output, print, print_json};
use crate::screen::paint::{Paint, Tone};
use crate::screen::table::{Cell, cell, columns, toned, wrapped};
use crate::screen::time::since;
use crate::screen::view::View;
use crate::screen::{WIDTH, bar};

/// Which stages.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// Those of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    #[command(flatten)]
    output: Output,
}

/// Prints them.
///
/// # Errors
///
/// They cannot be listed.
pub async fn run(place: &Place, arguments: &Arguments) -> Result<ExitCode, BoxError> {
    let cluster = Cluster::connect(place).await?;
    let all = cluster.stages(arguments.all_namespaces).await?;
    let all: Vec<View> = all.iter().map(View::of).collect();
    if arguments.output.is_json() {
        print_json(&all)?;
    } else if all.is_empty() && arguments.all_namespaces {
        print("There is no ApiStage in this cluster.\n")?;
    } else if all.is_empty() {
        print(&format!(
            "There is no ApiStage in namespace {}. All that there are: kubectl stagecraft list -A\n",
            cluster.namespace
        ))?;
    } else {
        print(&text(&all, arguments.all_namespaces, now(), Paint::of_standard_output()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The table, and below it a sentence for each stage that does not go on by itself.
#[must_use]
pub fn text(all: &[View], everywhere: bool, now: Timestamp, paint: Paint) -> String {
    let head = ["NAME", "STAGE", "SERVES", "FOR", "RELEASE", "CACHE", "STATE", "SINCE"];
    let mut rows: Vec<Vec<Cell>> = vec![head.map(|name| toned(Tone::Quiet, name)).into()];
    rows.extend(all.iter().map(|view| row(view, everywhere, now)));
    let mut text: String = columns(&rows, WIDTH, paint).into_iter().map(|line| line + "\n").collect();
    for view in all.iter().filter(|view| awaits_somebody(view)) {
        let Some(ready) = view.condition("Ready") else { continue };
        text.push('\n');
        text.push_str(&paint.put(Tone::Strong, &name(view, everywhere)));
        text.push_str(":\n");
        for line in wrapped(&ready.message, WIDTH - 2) {
            text.push_str("  ");
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// Nothing goes on before somebody changes something.
fn awaits_somebody(view: &View) -> bool {
    let is = |kind: &str, status: &str| view.condition(kind).is_some_and(|condition| condition.status == status);
    is("Ready", "False") && !is("Reconciling", "True")
}

fn name(view: &View, everywhere: bool) -> String {
    if everywhere { view.full_name() } else { view.name.clone() }
}

fn row(view: &View, everywhere: bool, now: Timestamp) -> Vec<Cell> {
    let stage = view.place.stage_name.as_ref().map_or_else(|| view.name.clone(), ToString::to_string);
    let api = view.place.rest_api_id.as_ref().map(|api| format!(" of {api}")).unwrap_or_default();
    let serves = view.serves.as_ref().map(|serves| {
        serves.revision.as_ref().map_or_else(|| format!("dep {}", serves.deployment_id), ToString::to_string)
    });
    let age = view.serves.as_ref().and_then(|serves| serves.since.as_ref());
    let cache = view.cache.as_ref().filter(|cache| cache.status != "NOT_AVAILABLE");
    let ready = view.condition("Ready");
    let tone = match ready.map(|ready| ready.status.as_str()) {
        Some("True") => Tone::Good,
        _ if view.condition("Stalled").is_some() => Tone::Bad,
        _ => Tone::Busy,
    };
    let reason = ready.map_or_else(|| "not looked at yet".to_owned(), |ready| ready.reason.clone());
    let reason = if view.deleting_since.is_some() { "being deleted".to_owned() } else { reason };
    vec![
        toned(Tone::Strong, name(view, everywhere)),
        cell(format!("{stage}{api}")),
        cell(serves.unwrap_or_else(|| "-".to_owned())),
        cell(age.map(|at| since(at.0, now)).unwrap_or_default()),
        cell(release(view)),
        cell(cache.map(|cache| cache_word(&cache.status)).unwrap_or_default()),
        toned(tone, reason),
        cell(ready.map(|ready| since(ready.last_transition_time.0, now)).unwrap_or_default()),
    ]
}

/// `CREATING` for `CREATE_IN_PROGRESS`.
fn cache_word(status: &str) -> String {
    match status.strip_suffix("_IN_PROGRESS") {
        Some(verb) => format!("{}ING", verb.trim_end_matches('E')),
        None => status.to_owned(),
    }
}

/// Where a release is, in a few words; else whether a foreign canary is there.
fn release(view: &View) -> String {
    let share = view.canary.as_ref().map(|canary| format!(" at {}", bar::percent(canary.percent))).unwrap_or_default();
    let Some(release) = &view.release else { return foreign(view, &share) };
    let step = release.step.map(|step| format!(" step {step}/{}", release.steps.len())).unwrap_or_default();
    let id = &release.id;
    match release.phase {
        Phase::Preparing => format!("{id} being prepared"),
        // What is awaited is told by the state.
        Phase::Progressing | Phase::AwaitingApproval | Phase::Paused => format!("{id}{step}{share}"),
        Phase::Promoting => format!("{id} being promoted"),
        Phase::Baking => format!("{id} still judged"),
        Phase::RollingBack => format!("{id} being undone"),
        Phase::Failed if foreign(view, &share).is_empty() => format!("{id} failed"),
        Phase::Failed | Phase::Idle | Phase::Succeeded => foreign(view, &share),
    }
}

fn foreign(view: &View, share: &str) -> String {
    if view.canary.is_some() { format!("a foreign canary{share}") } else { String::new() }
}
