//! The person's own rights, and names that are not there.

use std::path::Path;

use serde_json::json;

use crate::world::{World, step};

#[tokio::test]
async fn what_cannot_be_done_is_one_clear_sentence() {
    let world = World::quiet().await;
    let spec = json!({ "restApiId": world.api, "stageName": "prod", "revision": "r1" });
    world.apply("ApiStage", "orders-prod", &spec).await;
    let name = format!("{}/orders-prod", world.namespace());

    step("a wrong name has near ones");
    let said = world.plugin(&["status", "orders-prdo"]).await;
    let sentence = format!(
        "error: there is no ApiStage orders-prdo in namespace {}; did you mean orders-prod?\n",
        world.namespace()
    );
    assert_eq!((said.code, said.err), (1, sentence));

    step("nobody's rights: one sentence");
    let nobody = world.person("nobody", &[]).await;
    let said = world.plugin_as(nobody.clone(), &["status", "orders-prod"], "").await;
    assert_eq!((said.code, said.err.lines().count()), (1, 1), "{said:?}");
    assert!(said.err.starts_with(&format!("error: could not read ApiStage {name}: you may not. ")), "{}", said.err);
    assert!(said.err.contains("such as stagecraft-view of the chart"), "{}", said.err);
    let said = world.plugin_as(nobody, &["list"], "").await;
    assert!(said.err.starts_with("error: could not list the ApiStages of namespace "), "{said:?}");

    step("who may read, reads, and is told what giving a command takes");
    let reader = world.person("reader", &["get", "list", "watch"]).await;
    let said = world.plugin_as(reader.clone(), &["status", "orders-prod"], "").await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("the operator has not looked at this object yet"), "{}", said.out);
    let said = world.plugin_as(reader, &["flush-authorizers", "orders-prod"], "").await;
    assert_eq!((said.code, said.err.lines().count()), (1, 1), "{said:?}");
    assert!(said.err.starts_with(&format!("error: could not flush authorizers {name}: you may not. ")), "{}", said.err);
    assert!(said.err.contains("such as stagecraft-edit of the chart"), "{}", said.err);

    step("no cluster");
    let said = world.plugin(&["list", "--context", "nowhere"]).await;
    assert!(said.code == 1 && said.err.starts_with("error: found no cluster to talk to: "), "{said:?}");
    step("a command that is none");
    assert_eq!(world.plugin(&["statsu", "orders"]).await.code, 1);
}

/// As people call it: kubectl finds the program on PATH.
#[tokio::test]
async fn kubectl_finds_the_plugin() {
    let world = World::quiet().await;
    let mut environment = world.cluster.environment();
    for (name, value) in &mut environment {
        if *name == "PATH" {
            let mut path = Path::new(env!("CARGO_BIN_EXE_kubectl-stagecraft")).parent().unwrap().as_os_str().to_owned();
            path.push(":");
            path.push(&*value);
            *value = path;
        }
    }
    let path = environment.iter().find(|(name, _)| *name == "PATH").map(|(_, path)| path.clone()).unwrap();
    let kubectl = std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|kubectl| kubectl.is_file());
    let mut command = tokio::process::Command::new(kubectl.unwrap());
    command.args(["stagecraft", "list", "-n", world.namespace()]).envs(environment);
    let output = command.output().await.unwrap();
    let sentence = format!("There is no ApiStage in namespace {}. All that there are: ", world.namespace());
    assert!(String::from_utf8_lossy(&output.stdout).starts_with(&sentence), "{output:?}");
}

#[tokio::test]
async fn scripts_for_shells_need_no_cluster() {
    let world = World::quiet().await;
    let said = world.plugin_as("/nowhere".into(), &["completion", "bash"], "").await;
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let complete = async |words: &str, word: u32| {
        let script = format!(
            "{}\nCOMP_WORDS=({words}); COMP_CWORD={word}; _kubectl__stagecraft kubectl-stagecraft \"${{COMP_WORDS[COMP_CWORD]}}\" x; \
             echo \"${{COMPREPLY[@]}}\"",
            said.out
        );
        let output = tokio::process::Command::new("bash").args(["-c", &script]).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(complete("kubectl-stagecraft st", 1).await, "status\n");
    assert_eq!(complete("kubectl-stagecraft status --w", 2).await, "--watch --wait\n");
    assert_eq!(complete("kubectl-stagecraft rollback orders --t", 3).await, "--timeout --to\n");
}
