//! The hands against the simulator: a second reading of AWS's documentation, over real connections.

use std::collections::BTreeMap;
use std::pin::Pin;

use apigateway_simulator::{AfterTheEffect, BeforeTheEffect, Moment, Server, Simulator};
use http::Method;
use serde_json::{Value, json};
use stagecraft_core::api::arn;
use stagecraft_core::api::names::{AccountId, DeploymentId, StageName};
use stagecraft_core::cause::Cause;
use stagecraft_core::observed::{
    Availability, CacheCluster, Canary, Deployment, MethodSummary, RestApi, Stage, Stages,
};
use stagecraft_core::patch::PatchOperation;
use tokio::task::JoinSet;

use super::*;
use crate::aws::{NewStage, Observations};

/// An account with one REST API, and hands that reach it.
struct Bench {
    simulator: Simulator,
    _server: Server,
    aws: Aws,
    gateway: Gateway,
    api: RestApiId,
}

impl Bench {
    async fn new() -> Self {
        let simulator = Simulator::builder().account("123456789012").region(REGION).seed(1).build();
        let server = Server::start(simulator.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let aws = aws(options(server.url())).await;
        let gateway = aws.gateway(&Region::from(REGION));
        let api = RestApiId::new(simulator.create_rest_api("shop"));
        simulator.reset_calls();
        Self { simulator, _server: server, aws, gateway, api }
    }

    /// With a deployment, and a stage `prod` on it.
    async fn with_stage() -> (Self, DeploymentId) {
        let bench = Self::new().await;
        let deployment = bench.gateway.create_deployment(&bench.api, "first", permit()).await.unwrap().id;
        bench.gateway.create_stage(&bench.api, new_stage("prod", &deployment), permit()).await.unwrap();
        bench.simulator.reset_calls();
        (bench, deployment)
    }

    fn arn(&self, stage: &str) -> String {
        arn::stage_arn(self.gateway.region(), &self.api, &StageName::from(stage))
    }

    fn operations(&self) -> Vec<&'static str> {
        self.simulator.calls().iter().map(|call| call.info.operation).collect()
    }

    async fn update(&self, stage: &str, operations: &[PatchOperation]) -> Result<Stage, Error> {
        self.gateway.update_stage(&self.api, &StageName::from(stage), operations, permit()).await
    }
}

fn map<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

fn new_stage(name: &str, deployment: &DeploymentId) -> NewStage {
    NewStage {
        name: StageName::from(name),
        deployment_id: deployment.clone(),
        description: None,
        variables: map([("COLOR", "blue")]),
        tags: map([("stagecraft.dev/owner", "c/shop/prod")]),
        tracing_enabled: None,
        documentation_version: None,
        cache: None,
    }
}

#[tokio::test]
async fn a_stage_lives_and_dies_as_the_hands_say() {
    let bench = Bench::new().await;
    let (gateway, api, prod) = (&bench.gateway, &bench.api, StageName::from("prod"));
    let rest_api = gateway.rest_api(api).await.unwrap();
    let expected =
        RestApi { id: api.clone(), name: "shop".to_owned(), private: false, availability: Availability::Available };
    assert_eq!(rest_api, expected);
    assert_eq!(gateway.stages(api).await.unwrap(), []);
    assert_eq!(gateway.deployments(api).await.unwrap(), []);
    let created: jiff::Timestamp = bench.simulator.clock().now().strftime("%FT%TZ").to_string().parse().unwrap();

    let first = gateway.create_deployment(api, "first", permit()).await.unwrap();
    assert_eq!(first, Deployment { id: first.id.clone(), created, description: Some("first".to_owned()) });
    assert_eq!(gateway.deployments(api).await.unwrap(), std::slice::from_ref(&first));
    let method = MethodSummary { authorization_type: "NONE".to_owned(), api_key_required: false };
    let summary = BTreeMap::from([("/".to_owned(), BTreeMap::from([("GET".to_owned(), method)]))]);
    assert_eq!(gateway.api_summary(api, &first.id).await.unwrap(), summary);
    let renamed = gateway.update_deployment(api, &first.id, "good", permit()).await.unwrap();
    assert_eq!(renamed, Deployment { description: Some("good".to_owned()), ..first.clone() });

    let stage = gateway.create_stage(api, new_stage("prod", &first.id), permit()).await.unwrap();
    let expected = Stage {
        name: prod.clone(),
        deployment_id: first.id.clone(),
        description: None,
        variables: map([("COLOR", "blue")]),
        tags: None,
        canary: None,
        created: Some(created),
        last_updated: Some(created),
        web_acl_arn: None,
        client_certificate_id: None,
        documentation_version: None,
        tracing_enabled: false,
        cache: CacheCluster { enabled: false, size: None, status: "NOT_AVAILABLE".to_owned() },
        method_settings: BTreeMap::new(),
        access_log: None,
    };
    assert_eq!(stage, expected);
    let tagged = |tags: BTreeMap<String, String>| Stage { tags: Some(tags), ..expected.clone() };
    let read = gateway.stages(api).await.unwrap();
    assert_eq!(read, [tagged(map([("stagecraft.dev/owner", "c/shop/prod")]))]);

    gateway.tag(&bench.arn("prod"), map([("team", "shop")]), permit()).await.unwrap();
    let read = gateway.stages(api).await.unwrap();
    assert_eq!(read, [tagged(map([("stagecraft.dev/owner", "c/shop/prod"), ("team", "shop")]))]);
    let keys = ["team".to_owned(), "stagecraft.dev/owner".to_owned()];
    gateway.untag(&bench.arn("prod"), &keys, permit()).await.unwrap();
    assert_eq!(gateway.stages(api).await.unwrap(), [tagged(BTreeMap::new())]);

    let second = gateway.create_deployment(api, "second", permit()).await.unwrap();
    let opened = bench
        .update(
            "prod",
            &[
                PatchOperation::replace("/canarySettings/deploymentId", second.id.as_str()),
                PatchOperation::replace("/canarySettings/percentTraffic", "12.50"),
                PatchOperation::replace("/canarySettings/stageVariableOverrides/COLOR", "green"),
                PatchOperation::replace("/description", "shop"),
            ],
        )
        .await
        .unwrap();
    let canary = Canary {
        deployment_id: second.id.clone(),
        percent_traffic: 12.5,
        use_stage_cache: false,
        stage_variable_overrides: map([("COLOR", "green")]),
    };
    assert_eq!(opened, Stage { canary: Some(canary), description: Some("shop".to_owned()), ..expected.clone() });
    let closed = bench.update("prod", &[PatchOperation::remove("/canarySettings")]).await.unwrap();
    assert_eq!(closed, Stage { description: Some("shop".to_owned()), ..expected });

    gateway.delete_stage(api, &prod, permit()).await.unwrap();
    gateway.delete_deployment(api, &first.id, permit()).await.unwrap();
    assert_eq!(bench.simulator.stages(api.as_str()), Vec::<Value>::new());
    assert_eq!(gateway.deployments(api).await.unwrap(), [second]);
    assert!(bench.simulator.calls().iter().all(|call| call.status.is_some_and(|status| status < 300)));
}

#[tokio::test]
async fn the_account_is_the_one_of_the_credentials() {
    let bench = Bench::new().await;
    assert_eq!(bench.aws.account_id().await, Ok(AccountId::from("123456789012")));
    assert_eq!(bench.aws.account_id().await, Ok(AccountId::from("123456789012")));
    assert_eq!(bench.operations(), ["GetCallerIdentity"]);
}

#[tokio::test]
async fn refusals_mean_what_the_table_says() {
    let (bench, deployment) = Bench::with_stage().await;
    let (gateway, api, prod) = (&bench.gateway, &bench.api, StageName::from("prod"));
    let (nowhere, nobody) = (RestApiId::from("zzzzzzzzzz"), DeploymentId::from("zzzzzz"));
    let empty = {
        let made =
            bench.simulator.scope("123456789012", REGION).send(&Method::POST, "/restapis", &json!({"name": "empty"}));
        RestApiId::from(made.unwrap()["id"].as_str().unwrap())
    };
    let canary = gateway.create_deployment(api, "canary", permit()).await.unwrap().id;
    let seen = [
        gateway.rest_api(&nowhere).await.unwrap_err(),
        gateway.stages(&nowhere).await.unwrap_err(),
        gateway.deployments(&nowhere).await.unwrap_err(),
        gateway.create_deployment(&nowhere, "x", permit()).await.unwrap_err(),
        gateway.create_deployment(&empty, "x", permit()).await.unwrap_err(),
        gateway.api_summary(api, &nobody).await.unwrap_err(),
        gateway.update_deployment(api, &nobody, "x", permit()).await.unwrap_err(),
        gateway.delete_deployment(api, &nobody, permit()).await.unwrap_err(),
        gateway.delete_deployment(api, &deployment, permit()).await.unwrap_err(),
        gateway.create_stage(api, new_stage("prod", &deployment), permit()).await.unwrap_err(),
        gateway.create_stage(api, new_stage("dev", &nobody), permit()).await.unwrap_err(),
        gateway.delete_stage(api, &StageName::from("absent"), permit()).await.unwrap_err(),
        bench.update("absent", &[PatchOperation::remove("/canarySettings")]).await.unwrap_err(),
        bench.update("prod", &[PatchOperation::replace("/deploymentId", nobody.as_str())]).await.unwrap_err(),
        bench
            .update("prod", &[PatchOperation::copy("/canarySettings/deploymentId", "/deploymentId")])
            .await
            .unwrap_err(),
        bench.update("prod", &[PatchOperation::remove("/canarySettings")]).await.unwrap_err(),
        bench.update("prod", &[PatchOperation::remove("/variables/ABSENT")]).await.unwrap_err(),
        bench.update("prod", &[PatchOperation::remove("/*/*")]).await.unwrap_err(),
        bench.update("prod", &[PatchOperation::remove("/accessLogSettings/format")]).await.unwrap_err(),
        bench.update("prod", &[PatchOperation::replace("/*/*/logging/loglevel", "INFO")]).await.unwrap_err(),
        bench.update("prod", &vec![PatchOperation::replace("/description", "x"); 81]).await.unwrap_err(),
        gateway.tag(&bench.arn("absent"), map([("team", "shop")]), permit()).await.unwrap_err(),
        gateway.untag(&bench.arn("absent"), &["team".to_owned()], permit()).await.unwrap_err(),
    ];
    let expected = [
        (Operation::GetRestApi, Cause::RestApiNotFound),
        (Operation::GetStages, Cause::RestApiNotFound),
        (Operation::GetDeployments, Cause::RestApiNotFound),
        (Operation::CreateDeployment, Cause::RestApiNotFound),
        (Operation::CreateDeployment, Cause::NoMethods),
        (Operation::GetDeployment, Cause::DeploymentNotFound),
        (Operation::UpdateDeployment, Cause::DeploymentNotFound),
        (Operation::DeleteDeployment, Cause::DeploymentNotFound),
        (Operation::DeleteDeployment, Cause::DeploymentInUse),
        (Operation::CreateStage, Cause::StageExists),
        (Operation::CreateStage, Cause::DeploymentNotFound),
        (Operation::DeleteStage, Cause::StageNotFound),
        (Operation::UpdateStage, Cause::StageNotFound),
        (Operation::UpdateStage, Cause::DeploymentNotFound),
        (Operation::UpdateStage, Cause::NoCanary),
        (Operation::UpdateStage, Cause::AlreadyAbsent),
        (Operation::UpdateStage, Cause::AlreadyAbsent),
        (Operation::UpdateStage, Cause::AlreadyAbsent),
        (Operation::UpdateStage, Cause::Refused),
        (Operation::UpdateStage, Cause::LogsRoleMissing),
        (Operation::UpdateStage, Cause::PatchTooLarge),
        (Operation::TagResource, Cause::StageNotFound),
        (Operation::UntagResource, Cause::StageNotFound),
    ];
    let found: Vec<_> = seen.iter().map(|error| (error.operation, error.cause.clone())).collect();
    assert_eq!(found, expected, "{seen:#?}");

    bench.update("prod", &[PatchOperation::replace("/canarySettings/deploymentId", canary.as_str())]).await.unwrap();
    let in_use = gateway.delete_deployment(api, &canary, permit()).await.unwrap_err();
    assert_eq!(in_use.cause, Cause::DeploymentInUse);
    gateway.delete_stage(api, &prod, permit()).await.unwrap();
}

#[tokio::test]
async fn a_refused_variable_is_named_and_its_value_stays_in_the_dark() {
    let (bench, _) = Bench::with_stage().await;
    let error = bench.update("prod", &[PatchOperation::replace("/variables/PASSWORD", "hunter!2")]).await.unwrap_err();
    assert_eq!(error.cause, Cause::Refused);
    let text = format!("{error} {error:?}");
    assert!(text.contains("Invalid stage variable value of PASSWORD."), "{text}");
    assert!(!text.contains("hunter"), "{text}");
}

/// A write to a REST API with stage `prod`, in some form that AWS accepts.
type Write = for<'a> fn(&'a Bench, &'a DeploymentId) -> Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

/// Every write but `DeleteDeployment`, which AWS would refuse here: the deployment is in use.
const WRITES: &[(&str, Write)] = &[
    ("CreateDeployment", |bench, _| {
        Box::pin(async { bench.gateway.create_deployment(&bench.api, "x", permit()).await.map(drop) })
    }),
    ("UpdateDeployment", |bench, id| {
        Box::pin(async { bench.gateway.update_deployment(&bench.api, id, "x", permit()).await.map(drop) })
    }),
    ("CreateStage", |bench, id| {
        Box::pin(async { bench.gateway.create_stage(&bench.api, new_stage("dev", id), permit()).await.map(drop) })
    }),
    ("UpdateStage", |bench, _| {
        Box::pin(async { bench.update("prod", &[PatchOperation::replace("/description", "x")]).await.map(drop) })
    }),
    ("DeleteStage", |bench, _| {
        Box::pin(async { bench.gateway.delete_stage(&bench.api, &StageName::from("prod"), permit()).await })
    }),
    ("FlushStageCache", |bench, _| {
        Box::pin(async { bench.gateway.flush_stage_cache(&bench.api, &StageName::from("prod"), permit()).await })
    }),
    ("FlushStageAuthorizersCache", |bench, _| {
        Box::pin(async {
            bench.gateway.flush_stage_authorizers_cache(&bench.api, &StageName::from("prod"), permit()).await
        })
    }),
    ("TagResource", |bench, _| {
        Box::pin(async { bench.gateway.tag(&bench.arn("prod"), map([("team", "shop")]), permit()).await })
    }),
    ("UntagResource", |bench, _| {
        let keys = ["stagecraft.dev/owner".to_owned()];
        Box::pin(async move { bench.gateway.untag(&bench.arn("prod"), &keys, permit()).await })
    }),
];

#[tokio::test]
async fn a_write_that_got_no_readable_answer_may_have_had_its_effect_and_says_so() {
    for (name, write) in WRITES {
        for moment in [BeforeTheEffect, AfterTheEffect] {
            let (bench, deployment) = Bench::with_stage().await;
            let untouched = bench.simulator.dump();
            bench.simulator.faults().on(name).drop_connection(moment);
            let error = write(&bench, &deployment).await.unwrap_err();
            assert_eq!(error.cause, Cause::LostReply, "{name} {moment:?}");
            assert!(error.cause.may_have_had_effect());
            // A flush leaves no trace in a stage without a cache.
            let effect = moment == AfterTheEffect && !name.starts_with("FlushStage");
            assert_eq!(bench.simulator.dump() != untouched, effect, "{name} {moment:?}");
            assert_eq!(bench.operations(), [*name], "{name} {moment:?}: nothing tries again");
        }
    }
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_a_lost_reply() {
    // The other writes are answered without a body.
    for (name, write) in WRITES.iter().take(4) {
        let (bench, deployment) = Bench::with_stage().await;
        bench.simulator.faults().on(name).truncate_body();
        let error = write(&bench, &deployment).await.unwrap_err();
        assert_eq!(error.cause, Cause::LostReply, "{name}");
        assert!(bench.simulator.calls()[0].effect, "{name}");
    }
}

#[tokio::test]
async fn errors_on_demand_have_their_class_before_and_after_the_effect() {
    let retry_after = Some(Duration::from_secs(1));
    let cases = [
        (429, Cause::Throttled { retry_after }),
        (409, Cause::ConcurrentModification),
        (400, Cause::ConcurrentModification),
        (403, Cause::Denied),
        (401, Cause::Denied),
        (500, Cause::ServiceFailed),
        (502, Cause::ServiceFailed),
        (503, Cause::ServiceFailed),
        (504, Cause::ServiceFailed),
    ];
    for (status, expected) in cases {
        // AWS refuses before the effect; it can fail on either side of it.
        let moments: &[Moment] = if status < 500 { &[BeforeTheEffect] } else { &[BeforeTheEffect, AfterTheEffect] };
        for (moment, (name, write)) in moments.iter().flat_map(|moment| WRITES.iter().map(move |write| (moment, write)))
        {
            let (bench, deployment) = Bench::with_stage().await;
            bench.simulator.faults().on(name).error(status, *moment);
            let error = write(&bench, &deployment).await.unwrap_err();
            assert_eq!((error.cause, error.status), (expected.clone(), Some(status)), "{name} {moment:?}");
            assert_eq!(bench.operations(), [*name], "{name} {moment:?}: nothing tries again");
            assert_eq!(bench.simulator.calls()[0].effect, *moment == AfterTheEffect, "{name} {moment:?}");
        }
    }
}

#[tokio::test]
async fn an_expired_permit_leaves_no_trace_in_aws() {
    let (bench, _) = Bench::with_stage().await;
    let clock = clock();
    let permit = Leadership::for_tests(clock.clone(), TIMEOUT, Duration::from_secs(11)).permit().unwrap();
    clock.advance(Duration::from_secs(1));
    let operations = [PatchOperation::replace("/description", "x")];
    let error =
        bench.gateway.update_stage(&bench.api, &StageName::from("prod"), &operations, permit).await.unwrap_err();
    assert_eq!(error.cause, Cause::NotLeader);
    assert_eq!(bench.simulator.calls(), []);
}

#[tokio::test]
async fn twenty_stages_of_one_rest_api_cost_one_get_stages() {
    let (bench, _) = Bench::with_stage().await;
    let observations = Observations::new(clock(), Duration::from_mins(30));
    let mut callers = JoinSet::new();
    for _ in 0..20 {
        let (observations, gateway, api) = (observations.clone(), bench.gateway.clone(), bench.api.clone());
        callers.spawn(async move { observations.stages(&gateway, &api, Duration::ZERO).await.unwrap().value.len() });
    }
    assert_eq!(callers.join_all().await, [1; 20]);
    assert_eq!(bench.operations(), ["GetStages"]);
}

#[tokio::test]
async fn where_listing_is_denied_a_stage_is_read_by_itself() {
    let (bench, deployment) = Bench::with_stage().await;
    let (clock, prod) = (clock(), StageName::from("prod"));
    let observations = Observations::new(clock.clone(), Duration::from_hours(1));
    let read = async |stage: &StageName| {
        let seen = observations.stages_or_one(&bench.gateway, &bench.api, stage, clock.boottime()).await;
        seen.map(|seen| Stages::clone(&seen.value))
    };
    let listed = read(&prod).await.unwrap();
    let all = bench.gateway.stages(&bench.api).await.unwrap();
    assert_eq!(listed.all(), Some(all.as_slice()));

    bench.simulator.faults().on("GetStages").always().error(403, BeforeTheEffect);
    bench.simulator.reset_calls();
    clock.advance(Duration::from_secs(1));
    let one = read(&prod).await.unwrap();
    assert_eq!((one.all(), one.find(&prod)), (None, all.first()), "the same stage, tags and all");
    assert_eq!(read(&StageName::from("none")).await.unwrap().find(&prod), None);
    assert_eq!(bench.operations(), ["GetStages", "GetStage", "GetStage"], "the list is not asked for in vain");
    let absent = bench.gateway.stage(&bench.api, &StageName::from("none")).await.unwrap_err();
    assert_eq!(absent.cause, Cause::StageNotFound);
    let absent = bench.gateway.stage(&RestApiId::from("none"), &prod).await.unwrap_err();
    assert_eq!(absent.cause, Cause::RestApiNotFound, "which is not an absent stage");

    let described = bench.update("prod", &[PatchOperation::replace("/description", "new")]).await.unwrap();
    observations.note_stage(&bench.gateway, &bench.api, described, clock.boottime());
    bench.simulator.reset_calls();
    let noted = read(&prod).await.unwrap().find(&prod).cloned().unwrap();
    assert_eq!((noted.description.as_deref(), noted.tags.is_some()), (Some("new"), true));
    bench.gateway.delete_stage(&bench.api, &prod, permit()).await.unwrap();
    observations.note_gone(&bench.gateway, &bench.api, &prod);
    assert_eq!(read(&prod).await.unwrap().find(&prod), None);
    bench.gateway.create_stage(&bench.api, new_stage("prod", &deployment), permit()).await.unwrap();
    observations.forget_stages(&bench.gateway, &bench.api);
    assert!(read(&prod).await.unwrap().find(&prod).is_some());
    assert_eq!(
        bench.operations(),
        ["DeleteStage", "CreateStage", "GetStage"],
        "what our writes did is known without a read"
    );

    clock.advance(Duration::from_mins(31));
    bench.simulator.reset_calls();
    assert_eq!(read(&prod).await.unwrap().all(), None);
    assert_eq!(bench.operations(), ["GetStages", "GetStage"], "listing is tried again");
    bench.simulator.faults().clear();
    clock.advance(Duration::from_mins(31));
    assert!(read(&prod).await.unwrap().all().is_some());

    bench.simulator.faults().on("GetStages").always().error(403, BeforeTheEffect);
    bench.simulator.faults().on("GetStage").always().error(403, BeforeTheEffect);
    clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        let denied = read(&prod).await.unwrap_err();
        assert_eq!(
            (denied.cause, denied.operation),
            (Cause::Denied, Operation::GetStages),
            "the list is what to allow"
        );
    }
}

#[tokio::test]
async fn a_long_history_is_read_to_its_end() {
    let bench = Bench::new().await;
    let path = format!("/restapis/{}/deployments", bench.api);
    for number in 0..501 {
        let body = json!({ "description": format!("{number}") });
        bench.simulator.scope("123456789012", REGION).send(&Method::POST, &path, &body).unwrap();
    }
    bench.simulator.reset_calls();
    let deployments = bench.gateway.deployments(&bench.api).await.unwrap();
    let mut numbers: Vec<u32> =
        deployments.iter().map(|deployment| deployment.description.as_deref().unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..501).collect::<Vec<_>>());
    assert_eq!(bench.operations(), ["GetDeployments", "GetDeployments"]);
}
