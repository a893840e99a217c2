//! What cannot be planned is one sentence and exit code 1, never that of changes.

use serde_json::{Value, json};

use super::{manifest, orders};
use crate::world::{World, step};

#[tokio::test]
async fn what_cannot_be_planned_is_one_sentence_and_exit_code_1() {
    let world = World::new().await;
    let good = world.spec("prod", "r1");
    let with = |member: &str, value: Value| {
        let mut spec = good.clone();
        spec[member] = value;
        spec
    };
    let policy = json!({ "stageRef": { "name": "orders" }, "steps": [{ "setPercent": 5, "hold": "10m" }] });
    let mut hasty = policy.clone();
    hasty["analysis"] = json!({ "interval": "1s" });
    let mut misspelt = policy;
    misspelt["stepz"] = json!([]);
    let mut labelled = orders(&good);
    labelled["metadata"]["lables"] = json!({ "team": "orders" });
    let response = json!({ "restApiId": world.api, "responseType": "THROTTLED", "statuscode": "429" });
    let config_map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x" } });
    let mut later = orders(&good);
    later["apiVersion"] = json!("stagecraft.dev/v1");
    let nowhere = json!({ "restApiId": "zzzzzzzzzz", "stageName": "prod", "revision": "r1" });
    let cases = [
        (
            vec![orders(&with("deploymentId", json!("abc123")))],
            "spec.revision and spec.deploymentId exclude each other",
        ),
        (vec![config_map], "there is no ApiStage and no ApiGatewayResponse in -: name a file that holds one"),
        (vec![json!("{")], "there is no ApiStage and no ApiGatewayResponse in -"),
        (vec![orders(&with("tracingEnable", json!(true)))], "unknown field \"spec.tracingEnable\""),
        (vec![labelled], "unknown field \"metadata.lables\""),
        (vec![orders(&good), manifest("ApiCanary", "orders", &hasty)], "interval must be at least 10s"),
        (vec![orders(&good), manifest("ApiCanary", "orders", &misspelt)], "unknown field \"spec.stepz\""),
        (vec![manifest("ApiGatewayResponse", "slow", &response)], "unknown field \"spec.statuscode\""),
        (
            vec![orders(&good), manifest("ApiStge", "orders", &good)],
            "apiVersion stagecraft.dev/v1alpha1 and kind ApiStge",
        ),
        (vec![later], "apiVersion stagecraft.dev/v1 and kind ApiStage"),
        (vec![orders(&nowhere)], "ApiStage default/orders: GetStages"),
    ];
    for (manifests, sentence) in cases {
        let said = world.plan(&[], &manifests).await;
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{sentence}: {}", said.err);
        assert!(said.err.contains(sentence), "{sentence}: {}", said.err);
    }

    step("the same of an object that exists");
    world.apply("orders", good.clone()).await;
    let said = world.plan(&[], &[orders(&with("tracingEnable", json!(true)))]).await;
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
    assert!(said.err.contains("unknown field \"spec.tracingEnable\""), "{}", said.err);
    let mut labelled = orders(&good);
    labelled["metadata"] = json!({ "name": "orders", "lables": {}, "creationTimestamp": null });
    let said = world.plan(&[], &[labelled]).await;
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
    assert!(said.err.contains("unknown field \"metadata.lables\""), "{}", said.err);

    step("a command line that cannot be read is no change");
    for flags in [&["-f", "-", "--nonsense"][..], &[], &["-f", "-", "--aws-rate", "0"], &["-f", "-", "--aws-unlimited"]]
    {
        let said = world.plan_text(flags, "").await;
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{flags:?}: {}", said.err);
        assert!(said.err.starts_with("error: "), "{}", said.err);
    }
    let said = world.plan_text(&["--help"], "").await;
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("Exit code: 0 no change, 2 changes, 1 an error."), "{}", said.out);
}

#[tokio::test]
async fn flags_of_the_operator_count_as_they_do_for_the_operator() {
    let world = World::new().await;
    let account = "111111111111";
    let theirs = world.simulator.scope(account, "eu-west-1");
    let api = theirs.create_rest_api("theirs");
    let file = |name: &str, text: &str| {
        let path = world.plane.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    step("a file as kubectl takes it: comments, two documents, a list");
    let manifests = format!(
        "# Theirs\napiVersion: stagecraft.dev/v1alpha1\nkind: ApiStage\nmetadata: {{ name: theirs }}\n\
         spec: {{ restApiId: {api}, stageName: prod, revision: r1 }}\n---\n---\napiVersion: v1\nkind: List\nitems:\n\
         - apiVersion: stagecraft.dev/v1alpha1\n  kind: ApiStage\n  metadata: {{ name: public, namespace: kube-public }}\n  \
         spec: {{ restApiId: {api}, stageName: next, revision: r1 }}\n"
    );
    let manifests = file("stages.yaml", &manifests);
    let rules = format!(
        "rules:\n- namespace: default\n  roleArn: arn:aws:iam::{account}:role/stagecraft\n  restApiIds: [\"{api}\"]\n  \
         regions: [eu-west-1]\n"
    );
    let rules = file("access.yaml", &rules);

    step("--access-config: a role's account needs no question, and who has no rule does nothing");
    let said = world.plan_text(&["-f", &manifests, "--access-config", &rules, "-o", "json"], "").await;
    assert_eq!(said.code, 2, "{}", said.err);
    let stages = said.json()["stages"].clone();
    assert_eq!(stages[0]["place"]["accountId"], account, "{stages:#}");
    let operations = said.operations();
    assert!(operations.contains(&"CreateStage".to_owned()), "{operations:?}");
    assert!(!operations.contains(&"GetCallerIdentity".to_owned()), "{operations:?}");
    assert_eq!(world.simulator.call_counts().get("GetCallerIdentity"), None, "nor was it asked");
    assert_eq!((&stages[1]["ready"]["reason"], &stages[1]["calls"]), (&json!("NotAllowed"), &json!([])), "{stages:#}");

    step("--watch-namespace: the operator does not look at the others");
    let said = world.plan_text(&["-f", &manifests, "--watch-namespace", "kube-system"], "").await;
    assert_eq!(said.code, 0, "{}", said.err);
    let sentence = "NotWatched: the operator looks at objects in kube-system only (--watch-namespace), so it would do \
                    nothing about this one.";
    assert_eq!(said.out.matches(sentence).count(), 2, "{}", said.out);
    assert!(!said.out.contains("No change"), "{}", said.out);

    step("where listing stages is denied, each is read by itself");
    world.simulator.faults().on("GetStages").always().error(403, apigateway_simulator::Moment::Before);
    let said = world.plan(&["-o", "json"], &[orders(&world.spec("prod", "r1"))]).await;
    assert_eq!(said.code, 2, "{}", said.err);
    let operations = said.operations();
    assert!(operations.contains(&"GetStage".to_owned()), "{operations:?}");
    assert!(!operations.contains(&"GetStages".to_owned()), "{operations:?}");
}
