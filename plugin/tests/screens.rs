//! The screens over objects that the operator's own plan made: `core/src/plan/tests/screens.rs` holds them to it.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use kubectl_stagecraft::cluster::Governed;
use kubectl_stagecraft::list;
use kubectl_stagecraft::object;
use kubectl_stagecraft::screen::paint::Paint;
use kubectl_stagecraft::screen::view::View;
use kubectl_stagecraft::screen::{WIDTH, history, status};
use serde_json::{Value, json};
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::stage::ApiStage;

const MOMENTS: [&str; 14] = [
    "synced",
    "releasing",
    "paused",
    "awaiting-approval",
    "awaiting-promotion",
    "baking",
    "failed",
    "cache-creating",
    "cached",
    "foreign-canary",
    "denied",
    "deletion-blocked",
    "suspended",
    "no-status",
];

fn moment(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/objects/{name}.json"));
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn read(moment: &Value) -> (View, Timestamp) {
    let stage = object::read::<ApiStage>(&serde_json::from_value(moment["stage"].clone()).unwrap()).unwrap();
    let canary = moment["canary"]
        .as_object()
        .map(|canary| object::read::<ApiCanary>(&serde_json::from_value(json!(canary)).unwrap()).unwrap());
    let of_canary = canary.iter().flat_map(|canary| canary.unreadable.iter().map(|field| format!("ApiCanary {field}")));
    let unreadable = stage.unreadable.iter().cloned().chain(of_canary).collect();
    let governed = Governed { stage: stage.object, canary: canary.map(|canary| canary.object), unreadable };
    (View::of(&governed), moment["now"].as_str().unwrap().parse().unwrap())
}

fn screen(moment: &Value) -> String {
    let (view, now) = read(moment);
    status::print(&view, now, "", Paint::PLAIN)
}

#[test]
fn each_moment_has_its_screen() {
    for name in MOMENTS {
        insta::assert_snapshot!(name, screen(&moment(name)));
    }
}

/// `docs/plugin.md` shows what people will see.
#[test]
fn the_page_shows_the_screens_as_they_are() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plugin.md")).unwrap();
    for name in ["releasing", "awaiting-approval", "failed", "foreign-canary"] {
        let block = format!("```console\n$ kubectl stagecraft status orders-prod\n{}```\n", screen(&moment(name)));
        assert!(page.contains(&block), "{name} is another:\n{block}");
    }
}

#[test]
fn no_line_is_wider_than_the_screen() {
    for name in MOMENTS {
        let (view, now) = read(&moment(name));
        let table = history::table(&view, now, Paint::PLAIN);
        let list = list::text(&[view], true, now, Paint::PLAIN);
        for text in [screen(&moment(name)), table, list] {
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "{name}: {line}");
                assert_eq!(line.trim_end(), line, "{name}");
            }
        }
    }
}

#[test]
fn colours_add_nothing_that_is_not_written() {
    for name in MOMENTS {
        let (view, now) = read(&moment(name));
        let painted = status::print(&view, now, "", Paint::COLOURS);
        assert!(painted.contains("\u{1b}["), "{name}");
        assert_eq!(without_escapes(&painted), screen(&moment(name)), "{name}");
    }
}

fn without_escapes(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').unwrap().1)
}

#[test]
fn a_list_tells_where_each_stage_is_and_why_one_waits() {
    let view = |name: &&str| {
        let mut moment = moment(name);
        moment["stage"]["metadata"]["name"] = json!(name);
        read(&moment).0
    };
    let all: Vec<View> = MOMENTS.iter().map(view).collect();
    let now: Timestamp = moment("synced")["now"].as_str().unwrap().parse().unwrap();
    insta::assert_snapshot!("list", list::text(&all, false, now, Paint::PLAIN));
    insta::assert_snapshot!("list-everywhere", list::text(&all[..2], true, now, Paint::PLAIN));
}

#[test]
fn a_history_tells_what_was_served_and_what_was_not() {
    let (view, now) = read(&moment("failed"));
    insta::assert_snapshot!("history", history::table(&view, now, Paint::PLAIN));
}

#[test]
fn what_a_newer_operator_writes_is_named_and_the_rest_is_shown() {
    let mut newer = moment("releasing");
    newer["stage"]["status"]["release"]["phase"] = json!("Mirroring");
    newer["stage"]["status"]["mirror"] = json!({ "percent": 3 });
    newer["canary"]["spec"]["onFailure"] = json!("Ask");
    newer["canary"]["status"]["release"]["mood"] = json!("good");
    insta::assert_snapshot!("newer", screen(&newer));
}

#[test]
fn programs_get_everything_with_times_in_rfc_3339_and_no_value_of_a_variable() {
    let (view, _) = read(&moment("releasing"));
    let value = serde_json::to_value(&view).unwrap();
    insta::assert_json_snapshot!("releasing-json", value);
    assert!(value["release"]["startedAt"].as_str().unwrap().parse::<Timestamp>().is_ok());
    for name in MOMENTS {
        let (view, now) = read(&moment(name));
        let told = serde_json::to_string(&view).unwrap() + &status::print(&view, now, "", Paint::PLAIN);
        // Both are values of the variable backend, and one of them is kept in status.release.stable.
        assert!(!told.contains("blue") && !told.contains("green"), "{name}: {told}");
    }
}

#[test]
fn a_step_that_cannot_see_a_bad_release_is_told_by_the_traffic_that_was_counted() {
    let mut quiet = moment("releasing");
    assert!(!screen(&quiet).contains("Blind"));
    let evidence = &mut quiet["stage"]["status"]["release"]["counts"]["metrics"][0]["evidence"];
    // Three requests a minute to the stage, of which the canary has a quarter.
    for (member, count) in
        [("requests", 8), ("requestsBeforeStep", 0), ("stableRequests", 22), ("stableRequestsBeforeStep", 0)]
    {
        evidence[member] = json!(count);
    }
    evidence["stableBad"] = json!(0);
    evidence["since"] = json!(evidence["until"].as_i64().unwrap() - 10);
    evidence["missing"] = json!([]);
    let shown = screen(&quiet);
    assert!(shown.contains("  Blind      Step 2 stops a bad release by errors only if "), "{shown}");
    assert!(shown.contains("Give it a longer hold, a larger share"), "{shown}");
}
