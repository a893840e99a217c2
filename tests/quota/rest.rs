//! What a thousand stages cost while nothing changes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{DRIFT_INTERVAL, World, spec};

const REST_APIS: usize = 100;
const STAGES_EACH: usize = 10;
const INTERVALS: u32 = 4;

/// A thousand stages that are Ready, and nothing is due.
async fn at_rest() -> (World, Vec<String>) {
    let mut world = World::new();
    world.start_operator(None).await;
    let mut names = Vec::new();
    for (number, rest_api) in world.rest_apis(REST_APIS).iter().enumerate() {
        for stage in 0..STAGES_EACH {
            let name = format!("api{number}-s{stage}");
            world.apiserver.apply(&name, &spec(rest_api, &format!("s{stage}"), "r1"));
            world.reconcile(&name);
            names.push(name);
        }
    }
    world.until_ready(&names, Duration::from_mins(10)).await;
    // The first polls are spread over an interval.
    world.clock.wait(DRIFT_INTERVAL * 2).await;
    (world, names)
}

fn by_operation(world: &World) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for call in world.calls() {
        *counts.entry(call.info.operation).or_default() += 1;
    }
    counts
}

/// A start finds all objects at once, in any order, and begins a few dozen passes at a time.
#[tokio::test(start_paused = true)]
async fn a_new_leader_reads_each_rest_api_once() {
    let (mut world, names) = at_rest().await;
    world.start_operator(None).await;
    world.simulator.reset_calls();
    for stage in 0..STAGES_EACH {
        for name in names.iter().skip(stage).step_by(STAGES_EACH) {
            world.reconcile(name);
            world.clock.wait(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(by_operation(&world), BTreeMap::from([("GetStages", REST_APIS)]));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_stages_over_a_hundred_rest_apis_cost_a_hundred_reads_an_interval() {
    let (world, names) = at_rest().await;
    let mut counts = Vec::new();
    for _ in 0..INTERVALS {
        world.simulator.reset_calls();
        let versions: Vec<_> = names.iter().map(|name| world.apiserver.get(name).metadata.resource_version).collect();
        world.clock.wait(DRIFT_INTERVAL).await;
        let by_operation = by_operation(&world);
        assert_eq!(by_operation.keys().collect::<Vec<_>>(), [&"GetStages"], "nothing else");
        counts.push(by_operation["GetStages"]);
        let after: Vec<_> = names.iter().map(|name| world.apiserver.get(name).metadata.resource_version).collect();
        assert_eq!(versions, after, "a poll wrote to an object");
    }
    println!("GetStages in {INTERVALS} drift intervals: {counts:?}");
    // Polls are spread by ±20 %, so a single interval can hold a few more or less.
    assert!(counts.iter().all(|count| (90..=110).contains(count)), "{counts:?}");
    let mean = counts.iter().sum::<usize>() / counts.len();
    assert!((96..=104).contains(&mean), "{counts:?}");
}

/// Ten stages for each of `rest_apis` REST APIs: the first ones as these say, which are changed once all are there, the rest Ready.
async fn mixed(rest_apis: usize, kinds: &[fn(&mut Value)]) -> (World, Vec<String>) {
    let mut world = World::new();
    world.start_operator(None).await;
    let ids = world.rest_apis(rest_apis);
    let name_of = |number: usize, stage: usize| format!("api{number}-s{stage}");
    let all: Vec<_> = (0..rest_apis).flat_map(|number| (0..STAGES_EACH).map(move |stage| (number, stage))).collect();
    let names: Vec<_> = all.iter().map(|(number, stage)| name_of(*number, *stage)).collect();
    for (number, stage) in &all {
        world.apiserver.apply(&name_of(*number, *stage), &spec(&ids[*number], &format!("s{stage}"), "r1"));
        world.reconcile(&name_of(*number, *stage));
    }
    world.until_ready(&names, Duration::from_mins(10)).await;
    // The last one has a history: what it served before is looked at by housekeeping, and is there for others to serve.
    let last = STAGES_EACH - 1;
    for revision in ["r2", "r3"] {
        for (number, rest_api) in ids.iter().enumerate() {
            world.apiserver.apply(&name_of(number, last), &spec(rest_api, &format!("s{last}"), revision));
        }
        world.clock.wait(Duration::from_mins(5)).await;
    }
    for (number, stage) in &all {
        if let Some(change) = kinds.get(*stage) {
            let mut changed = spec(&ids[*number], &format!("s{stage}"), "r1");
            change(&mut changed);
            if let Some(revision) = changed.as_object_mut().unwrap().remove("movedByHandTo") {
                world.move_by_hand(&ids[*number], &format!("s{stage}"), revision.as_str().unwrap());
            } else {
                world.apiserver.apply(&name_of(*number, *stage), &changed);
            }
        }
    }
    // Whatever is due an hour after something ceased to serve is over then.
    world.clock.wait(Duration::from_hours(3)).await;
    (world, names)
}

fn held(spec: &mut Value) {
    spec["movedByHandTo"] = json!("r2");
}

fn suspended(spec: &mut Value) {
    spec["suspend"] = json!(true);
}

fn without_role(spec: &mut Value) {
    spec["methodSettings"] = json!([{ "resourcePath": "*", "httpMethod": "*", "loggingLevel": "ERROR" }]);
}

fn without_certificate(spec: &mut Value) {
    spec["clientCertificateId"] = json!("gone00");
}

fn not_kept(spec: &mut Value) {
    spec["description"] = json!(crate::world::WRITTEN_OTHERWISE);
}

/// What is said of the stages of the first REST API.
fn said(world: &World) -> Vec<String> {
    (0..STAGES_EACH).map(|stage| world.apiserver.ready(&format!("api0-s{stage}"))).collect()
}

/// Calls in so many drift intervals, in which nothing is written to any object.
async fn calls_in(world: &World, names: &[String], intervals: u32) -> BTreeMap<&'static str, usize> {
    world.simulator.reset_calls();
    let versions: Vec<_> = names.iter().map(|name| world.apiserver.get(name).metadata.resource_version).collect();
    world.clock.wait(DRIFT_INTERVAL * intervals).await;
    let after: Vec<_> = names.iter().map(|name| world.apiserver.get(name).metadata.resource_version).collect();
    assert_eq!(versions, after, "a poll wrote to an object");
    by_operation(world)
}

#[tokio::test(start_paused = true)]
async fn stages_that_wait_for_a_person_cost_no_reads_of_their_own() {
    let (mut world, names) = mixed(20, &[held, held, held, suspended, suspended, suspended]).await;
    let mut expected = vec!["False StageMovedByHand"; 3];
    expected.extend(["False Suspended"; 3]);
    expected.extend(["True Synced"; 4]);
    assert_eq!(said(&world), expected);
    let calls = calls_in(&world, &names, 4).await;
    println!("calls in 4 drift intervals: {calls:?}");
    // What is held is looked up among the deployments at each poll: it may be gone meanwhile.
    assert_eq!(calls.keys().collect::<Vec<_>>(), [&"GetDeployments", &"GetStages"], "nothing else");
    assert!(calls.values().all(|count| (72..=88).contains(count)), "20 REST APIs, 4 intervals: {calls:?}");

    // Nor do they after another process took over.
    world.start_operator(None).await;
    world.simulator.reset_calls();
    for name in &names {
        world.reconcile(name);
        world.clock.wait(Duration::from_millis(100)).await;
    }
    assert_eq!(by_operation(&world), BTreeMap::from([("GetDeployments", 20), ("GetStages", 20)]));
}

#[tokio::test(start_paused = true)]
async fn stages_that_aws_refuses_something_share_their_reads() {
    let kinds: &[fn(&mut Value)] = &[without_role, without_role, without_certificate, not_kept, not_kept];
    let (world, names) = mixed(10, kinds).await;
    let mut expected = vec!["False LogsRoleMissing"; 2];
    expected.push("False Refused");
    expected.extend(["False SettingNotKept"; 2]);
    expected.extend(["True Synced"; 5]);
    assert_eq!(said(&world), expected);
    let calls = calls_in(&world, &names, 6).await;
    println!("calls in 6 drift intervals: {calls:?}");
    assert_eq!(calls.keys().collect::<Vec<_>>(), [&"GetStages", &"UpdateStage"], "nothing else");
    // An hour has 8 to 12 tries of each log level, which wait five minutes and up to half as much, and 4 to 6 of the certificate.
    // What is not kept is not tried at all.
    assert!((200..=300).contains(&calls["UpdateStage"]), "{calls:?}");
    let not_kept = world.calls().into_iter().filter(|call| call.info.operation == "UpdateStage");
    let not_kept: Vec<_> =
        not_kept.filter(|call| ["/s3", "/s4"].iter().any(|end| call.info.path.ends_with(end))).collect();
    assert_eq!(not_kept.len(), 0);
    // After each refusal the stages are read anew; beside that a REST API is read every five minutes, as long as something is
    // wrong with one of its stages.
    assert!(calls["GetStages"] <= calls["UpdateStage"] + 10 * 12, "{calls:?}");
}
