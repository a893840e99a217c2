//! What a test can do to a control plane of its own.

use std::{fs, path::Path, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Error, api::ListParams};
use rustix::process::{Pid, test_kill_process};
use testbed::{ControlPlane, Options, User};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn the_api_server_can_be_paused_stopped_and_started_again() {
    let control_plane = ControlPlane::start(Options { controllers: false, ..Options::default() }).await.unwrap();
    assert!(!control_plane.has_controllers());
    let client = control_plane.client().unwrap();
    let namespace = control_plane.namespace("survivor").await.unwrap();
    let namespaces: Api<Namespace> = Api::all(client.clone());

    control_plane.pause_apiserver().unwrap();
    let everything = ListParams::default();
    let mut asked = Box::pin(namespaces.list(&everything));
    timeout(Duration::from_secs(1), &mut asked).await.expect_err("a paused API server answers nobody");
    control_plane.resume_apiserver().unwrap();
    let answer = timeout(DEADLINE, asked).await.expect("in time").expect("the answer to what was asked meanwhile");
    assert!(answer.items.iter().any(|found| found.metadata.name.as_deref() == Some(namespace.name())));

    control_plane.stop_apiserver();
    namespaces.get(namespace.name()).await.expect_err("nobody is there");
    let refused = control_plane.pause_apiserver().unwrap_err();
    assert_eq!(refused.to_string(), "kube-apiserver is stopped");
    control_plane.start_apiserver().await.unwrap();
    namespaces.get(namespace.name()).await.expect("the same data behind the same address, certificate and token");
    let refused = control_plane.start_apiserver().await.unwrap_err();
    assert_eq!(refused.to_string(), "kube-apiserver is running");

    let refused = namespace.delete().await.unwrap_err().to_string();
    assert!(refused.starts_with("the end of a namespace needs kube-controller-manager"), "{refused}");
    assert_eq!(control_plane.obituary(), None, "what we stopped did not end by itself");
}

#[tokio::test]
async fn a_further_user_may_do_what_rbac_says_and_the_audit_log_tells() {
    let auditor = User { name: "auditor".to_owned(), groups: vec!["office".to_owned(), "floor-2".to_owned()] };
    let options = Options { controllers: false, audit_log: true, users: vec![auditor] };
    let control_plane = ControlPlane::start(options).await.unwrap();
    assert_eq!(control_plane.token_of("nobody"), None);
    let token = control_plane.token_of("auditor").unwrap();
    let namespaces: Api<Namespace> = Api::all(control_plane.client_with(token).unwrap());
    match namespaces.list(&ListParams::default()).await {
        Err(Error::Api(status)) => assert_eq!(status.code, 403, "{}", status.message),
        other => panic!("expected a refusal, found {other:?}"),
    }
    let bind = ["create", "clusterrolebinding", "office", "--clusterrole=cluster-admin", "--group=floor-2"];
    let output = control_plane.kubectl(bind).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    // RBAC is read from a watch: it is in force a moment after it is stored.
    timeout(DEADLINE, async { while namespaces.list(&ListParams::default()).await.is_err() {} })
        .await
        .expect("in time");

    let log = fs::read_to_string(control_plane.audit_log().unwrap()).unwrap();
    let entries = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line is an entry"));
    let by_auditor: Vec<_> = entries.filter(|entry| entry["user"]["username"] == "auditor").collect();
    let codes: Vec<_> = by_auditor.iter().filter_map(|entry| entry["responseStatus"]["code"].as_u64()).collect();
    assert_eq!((codes.first(), codes.last()), (Some(&403), Some(&200)), "{by_auditor:?}");
    assert_eq!(by_auditor[0]["verb"], "list");
    assert_eq!(by_auditor[0]["objectRef"]["resource"], "namespaces");
    assert!(!log.contains(token), "a token is no news for a log");
}

#[tokio::test]
async fn a_program_beside_it_has_its_own_environment_and_ends_with_it() {
    let control_plane = ControlPlane::start(Options { controllers: false, ..Options::default() }).await.unwrap();
    let script = r#"echo "$$ ${GREETING-} ${HOME-homeless}"; exec sleep 600"#;
    let arguments = ["-c", script].map(str::to_owned);
    let environment = [("GREETING", "hello".into()), ("PATH", "/usr/bin:/bin".into())];
    let start = || control_plane.start_program("guest", Path::new("/bin/sh"), &arguments, &environment);
    start().unwrap();
    let again = start().unwrap_err().to_string();
    assert_eq!(again, "guest is running already; give the second one another name");
    let log = control_plane.folder().join("guest.log");
    let read = || fs::read_to_string(&log).unwrap();
    timeout(DEADLINE, async {
        while !read().ends_with('\n') {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("in time");
    let said = read();
    let (process, rest) = said.split_once(' ').unwrap();
    assert_eq!(rest, "hello homeless\n");
    let process = Pid::from_raw(process.parse().unwrap()).unwrap();
    test_kill_process(process).expect("it runs");
    assert_eq!(control_plane.obituary(), None);
    drop(control_plane);
    test_kill_process(process).expect_err("it ended before the drop returned");
}
