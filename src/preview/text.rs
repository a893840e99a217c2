//! What is shown, for people.

use super::calls::Call;
use super::shown::{Change, Field, Shown};

/// Widest field name that its column makes room for.
const WIDEST_FIELD: usize = 56;

/// All of it for people.
pub(super) fn print(all: &[Shown]) -> String {
    let mut text = String::new();
    for shown in all {
        stage(&mut text, shown);
    }
    text
}

/// What differs, without the calls that would put it right.
pub(super) fn differences(shown: &Shown) -> String {
    let mut text = String::new();
    head(&mut text, shown);
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    if shown.ready.status != "True" && !shown.ready.message.is_empty() {
        line(format!("{}: {}", shown.ready.reason, shown.ready.message));
    }
    line(match (shown.fields.len(), shown.differs()) {
        (0, false) => "No difference.".to_owned(),
        (0, true) => "No field differs; kubectl stagecraft plan shows the calls that are left.".to_owned(),
        (fields, _) => format!("{} as the operator would set it; nothing was written.", count(fields, "field")),
    });
    text
}

/// What it is about, and its fields.
fn head(text: &mut String, shown: &Shown) {
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let place = shown.place.as_ref().map_or_else(String::new, |place| {
        let what =
            place.stage_name.as_ref().map(|stage| format!("stage {stage}")).or_else(|| place.response_type.clone());
        format!(" ({} of {}, {})", what.unwrap_or_default(), place.rest_api_id, place.region)
    });
    let new = if shown.new_object { ", which is new" } else { "" };
    line(format!("{} {}{place}{new}", shown.kind, shown.name));
    let width = shown.fields.iter().map(|field| field.path.len()).max().unwrap_or_default().min(WIDEST_FIELD);
    for one in &shown.fields {
        line(format!("  {}", field(one, width, shown)));
    }
}

fn stage(text: &mut String, shown: &Shown) {
    head(text, shown);
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    if shown.changes_something() || shown.adopts() {
        line("Calls, in this order:".to_owned());
        for (number, one) in shown.calls.iter().enumerate() {
            line(format!("  {:>2}  {}", number + 1, call(one)));
        }
    }
    if let Some(release) = &shown.release {
        let at_once = || "at once".to_owned();
        let through = release.through.as_ref().map_or_else(at_once, |name| format!("through ApiCanary {name}"));
        let step = release.step.filter(|step| *step > 0);
        let step = step.map_or_else(String::new, |step| format!(", to step {step} first"));
        line(format!("Release {} goes {through}{step}.", release.id));
    }
    if shown.ready.status != "True" && !shown.ready.message.is_empty() {
        line(format!("Then {}: {}", shown.ready.reason, shown.ready.message));
    }
    line(format!("{}\n", summary(shown)));
}

fn field(field: &Field, width: usize, shown: &Shown) -> String {
    let mark = match field.change {
        Change::Add => '+',
        Change::Update => '~',
        Change::Remove => '-',
    };
    let values = match (&field.old, &field.new) {
        _ if field.hidden => "(value hidden; --show-values)".to_owned(),
        (Some(old), Some(new)) => format!("{old} -> {new}"),
        (Some(value), None) | (None, Some(value)) => value.clone(),
        (None, None) => String::new(),
    };
    let through = shown.release.as_ref().filter(|_| field.released).and_then(|release| release.through.as_ref());
    let through = through.map_or_else(String::new, |name| format!("   released through ApiCanary {name}"));
    format!("{mark} {:<width$}   {values}{through}", field.path).trim_end().to_owned()
}

fn call(call: &Call) -> String {
    let purpose = call.purpose.unwrap_or_default();
    let details = call.details.join("\n                                         ");
    format!("{:<20}  {purpose:<11} {details}", call.operation).trim_end().to_owned()
}

fn summary(shown: &Shown) -> String {
    if shown.adopts() && !shown.changes_something() {
        return "No change, but for the tag by which the stage becomes this object's. Nothing was written.".to_owned();
    }
    let writes = shown.calls.iter().filter(|call| call.write).count();
    if writes == 0 {
        return if shown.ready.status == "True" { "No change." } else { "Nothing would be written." }.to_owned();
    }
    let some = |number: usize, what: &str| (number > 0).then(|| count(number, what));
    let calls = |is: fn(&Call) -> bool| shown.calls.iter().filter(|call| is(call)).count();
    let settings = shown.fields.iter().filter(|field| !field.released || shown.release.is_none()).count();
    let parts = [
        some(settings, "setting"),
        some(usize::from(shown.release.is_some()), "release"),
        some(calls(Call::is_description), "description of a deployment"),
        some(calls(Call::is_clean_up), "deletion of a deployment"),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let what = match parts.split_last() {
        None => count(writes, "call"),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    };
    format!("{what} to apply. Nothing was written.")
}

fn count(number: usize, what: &str) -> String {
    // The first word is what is counted: deletions of a deployment.
    let (noun, rest) = what.split_once(' ').map_or((what, String::new()), |(noun, rest)| (noun, format!(" {rest}")));
    if number == 1 { format!("1 {what}") } else { format!("{number} {noun}s{rest}") }
}
