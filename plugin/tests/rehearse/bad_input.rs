//! What cannot be played is told in one sentence that says what to change.

use rstest::rstest;
use serde_json::{Value, json};

use crate::program::{rehearse, written};

fn stage(name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage", "metadata": { "name": name }, "spec": spec })
}

fn good_stage() -> Value {
    stage("orders", &json!({ "restApiId": "a1b2c3d4e5", "stageName": "prod", "revision": "r2" }))
}

fn canary(name: &str, stage: &str) -> Value {
    json!({ "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanary", "metadata": { "name": name },
        "spec": { "stageRef": { "name": stage }, "steps": [{ "setPercent": 5, "hold": "6m" }] } })
}

#[rstest]
#[case::no_policy("no-policy", vec![good_stage()], "no ApiCanary in the files has stageRef.name orders and its namespace: name the file that holds its policy with another -f")]
#[case::another_stage("another-stage", vec![good_stage(), canary("c", "users")], "no ApiCanary in the files has stageRef.name orders and its namespace: name the file that holds its policy with another -f")]
#[case::two_policies("two-policies", vec![good_stage(), canary("b", "orders"), canary("c", "orders")], "there are 2 ApiCanaries for ApiStage orders (b, c): only the oldest would govern, so keep one")]
#[case::two_stages("two-stages", vec![good_stage(), stage("users", &json!({ "restApiId": "x" })), canary("c", "orders")], "there are 2 ApiStages (orders, users): a rehearsal plays the release of one, so name a file that holds just that")]
#[case::nothing_to_release("nothing", vec![stage("orders", &json!({ "restApiId": "x" })), canary("c", "orders")], "ApiStage orders has neither revision nor deploymentId, so there is no release to play: set spec.revision")]
fn manifests_that_cannot_be_played_are_told(#[case] name: &str, #[case] objects: Vec<Value>, #[case] told: &str) {
    let file = written(name, &objects);
    let output = rehearse(&["-f", file.to_str().unwrap()]);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("error: {told}\n"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_policy_that_is_wrong_is_told_in_its_own_words() {
    let mut wrong = canary("c", "orders");
    wrong["spec"]["steps"] = json!([]);
    let file = written("wrong-policy", &[good_stage(), wrong]);
    let told = String::from_utf8(rehearse(&["-f", file.to_str().unwrap()]).stderr).unwrap();
    assert!(told.starts_with("error: ApiCanary c: spec.steps"), "{told}");
}

#[test]
fn flags_that_cannot_be_are_told() {
    let file = written("flags", &[good_stage(), canary("c", "orders")]);
    let told = |more: &[&str]| {
        let output = rehearse(&[&["-f", file.to_str().unwrap()], more].concat());
        assert!(!output.status.success(), "{more:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told(&["--scenario", "bad"]).contains("\"bad\" is no scenario: write good,"));
    assert!(told(&["--rpm", "0"]).contains("for no traffic there is --scenario silent"));
    assert!(told(&["--rpm", "NaN"]).contains("write a number above 0"));
    assert!(told(&["--stable-errors", "100"]).contains("from 0 to less than 100"));
    assert!(told(&["--runs", "0"]).contains("1..=100000"));
    let svg = told(&["--runs", "5", "-o", "svg"]);
    assert_eq!(
        svg,
        "error: a picture shows one release: leave --runs out, or print the odds with -o text or -o json\n"
    );
}

#[test]
fn a_stage_that_cannot_get_ready_is_told() {
    let bad = stage("orders", &json!({ "restApiId": "x", "stageName": "no/stage", "revision": "r2" }));
    let file = written("not-ready", &[bad, canary("c", "orders")]);
    let told = String::from_utf8(rehearse(&["-f", file.to_str().unwrap()]).stderr).unwrap();
    assert!(
        told.starts_with("error: the stage does not get ready") && told.contains("cannot be a stage name"),
        "{told}"
    );
}
