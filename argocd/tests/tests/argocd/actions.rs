//! The actions of an `ApiStage`: which are offered, and what each of them writes.

use serde_json::{Value, json};
use stagecraft_argocd::{Customizations, Error};
use stagecraft_core::api::COMMAND;
use stagecraft_core::api::command::{Command, Verb};

use crate::{object, objects};

const ACTIONS: [&str; 8] = ["abort", "approve", "flush-cache", "pause", "promote", "resume", "retry", "rollback"];

/// Which actions make sense in which story.
const OFFERED: &[(&str, &[&str])] = &[
    ("apistage-aborted", &["retry"]),
    ("apistage-access-denied", &[]),
    ("apistage-awaiting-apicanary", &["abort", "flush-cache", "pause"]),
    ("apistage-awaiting-promotion", &["abort", "approve", "pause", "promote"]),
    ("apistage-awaiting-step", &["abort", "approve", "pause", "promote"]),
    ("apistage-baking", &["abort"]),
    ("apistage-cache-available", &["flush-cache"]),
    ("apistage-cache-creating", &[]),
    ("apistage-changed", &[]),
    ("apistage-deletion-blocked", &[]),
    ("apistage-drift-reported", &[]),
    ("apistage-foreign-canary", &["abort", "flush-cache", "resume"]),
    ("apistage-held", &["retry"]),
    ("apistage-new", &[]),
    ("apistage-no-rest-api", &[]),
    ("apistage-paused", &["abort", "promote", "resume"]),
    ("apistage-progressing", &["abort", "pause", "promote"]),
    ("apistage-promoted", &["rollback"]),
    ("apistage-rolled-back", &["retry", "rollback"]),
    ("apistage-suspended", &[]),
    ("apistage-synced", &[]),
];

fn stages() -> Vec<String> {
    objects().into_iter().filter(|name| name.starts_with("apistage-")).collect()
}

/// The command that an action writes, if it writes one.
fn command(name: &str, object: &Value) -> Result<String, Error> {
    let patch = Customizations::installed()?.act(name, object)?;
    let annotations = &patch["metadata"]["annotations"];
    assert_eq!(patch, json!({ "metadata": { "annotations": annotations } }), "nothing else is touched");
    assert_eq!(annotations.as_object().map(serde_json::Map::len), Some(1), "{annotations}");
    Ok(annotations[COMMAND].as_str().unwrap().to_owned())
}

#[test]
fn what_is_offered_makes_sense_where_it_is_offered() {
    let customizations = Customizations::installed().unwrap();
    assert_eq!(customizations.defined(&object("apistage-new")).unwrap(), ACTIONS);
    let named: Vec<_> = OFFERED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(named, stages(), "a stage without a row, or a row without a stage");
    for (name, expected) in OFFERED {
        let actions = customizations.discover(&object(name)).unwrap();
        assert!(actions.keys().eq(ACTIONS), "{name}: {actions:?}");
        let offered: Vec<_> =
            actions.iter().filter(|(_, action)| !action.disabled).map(|(name, _)| name.as_str()).collect();
        assert_eq!(offered, *expected, "{name}");
    }
}

#[test]
fn every_action_on_every_object_writes_a_command_or_says_why_not() {
    let customizations = Customizations::installed().unwrap();
    let mut written = 0;
    for name in stages() {
        let object = object(&name);
        let offered = customizations.discover(&object).unwrap();
        for action in ACTIONS {
            match command(action, &object) {
                Ok(value) => {
                    let command =
                        Command::parse(&value).unwrap_or_else(|error| panic!("{name} {action}: {value}: {error}"));
                    assert_eq!((command.verb.name(), command.nonce.as_str()), (action, "argocd-4711"), "{name}");
                    written += 1;
                }
                Err(Error::Script(why)) => {
                    assert!(offered[action].disabled, "{name} offers {action}, which fails: {why}");
                    assert!(why.contains("nothing to ") || why.contains("does not await"), "{name} {action}: {why}");
                }
                Err(error) => panic!("{name} {action}: {error}"),
            }
        }
    }
    assert!(written > 60, "{written}");
}

/// What is meant is what is written: the release, the step, the deployment.
#[test]
fn a_command_names_what_the_status_names() {
    let verb = |action: &str, name: &str| Command::parse(&command(action, &object(name)).unwrap()).unwrap().verb;
    let approve = |step: &str| Verb::Approve { release: "r2.2".to_owned(), step: step.to_owned() };
    assert_eq!(verb("approve", "apistage-awaiting-step"), approve("1"));
    assert_eq!(verb("approve", "apistage-awaiting-promotion"), approve("promotion"));
    assert_eq!(verb("promote", "apistage-progressing"), Verb::Promote("r2.2".to_owned()));
    assert_eq!(verb("pause", "apistage-progressing"), Verb::Pause("r2.2".to_owned()));
    assert_eq!(verb("resume", "apistage-paused"), Verb::Resume("r2.2".to_owned()));
    assert_eq!(verb("abort", "apistage-baking"), Verb::Abort("r2.2".to_owned()));
    assert_eq!(verb("retry", "apistage-held"), Verb::Retry("r2.2".to_owned()));
    assert_eq!(verb("rollback", "apistage-promoted"), Verb::Rollback(None));
    assert_eq!(verb("flush-cache", "apistage-cache-available"), Verb::FlushCache);
    let foreign = object("apistage-foreign-canary");
    let theirs = foreign["status"]["canary"]["deploymentId"].as_str().unwrap().to_owned();
    assert_ne!(foreign["status"]["release"]["target"]["deploymentId"], json!(theirs));
    assert_eq!(verb("abort", "apistage-foreign-canary"), Verb::Abort(theirs));
}

#[test]
fn the_menu_says_what_would_be_approved() {
    let customizations = Customizations::installed().unwrap();
    let says = |name: &str| customizations.discover(&object(name)).unwrap()["approve"].display_name.clone();
    assert_eq!(says("apistage-awaiting-step"), "Approve step 1 of r2.2");
    assert_eq!(says("apistage-awaiting-promotion"), "Approve promotion of r2.2");
    assert_eq!(says("apistage-synced"), "Approve");
}

/// Of several held targets the one that the spec names is released again; a revision with slashes is no other thing.
#[test]
fn odd_names_and_several_held_targets() {
    let mut stage = object("apistage-held");
    let entry = |release: &str, revision: &str| json!({ "release": release, "revision": revision, "why": "Failed" });
    stage["spec"]["revision"] = json!("feature/login");
    stage["status"]["held"] = json!([
        entry("r9.9", "r9"),
        entry("feature/login.7", "feature/login"),
        entry("feature/login.3", "feature/login")
    ]);
    let retried = Command::parse(&command("retry", &stage).unwrap()).unwrap();
    assert_eq!(retried.verb, Verb::Retry("feature/login.7".to_owned()));
    stage["spec"] = json!({ "revision": "r10" });
    assert_eq!(Command::parse(&command("retry", &stage).unwrap()).unwrap().verb, Verb::Retry("r9.9".to_owned()));
    let mut annotated = object("apistage-awaiting-step");
    annotated["metadata"]["annotations"] = json!({ "team": "orders", COMMAND: "pause/r2.2/1" });
    assert_eq!(command("approve", &annotated).unwrap(), "approve/r2.2/1/argocd-4711");
}
