//! Every call to API Gateway takes its token, and nothing else does.

use std::collections::BTreeMap;

use apigateway_simulator::{Server, Simulator};
use stagecraft_core::api::arn;
use stagecraft_core::api::gateway_response::ResponseType;
use stagecraft_core::api::names::StageName;
use stagecraft_core::cause::Cause;
use stagecraft_core::patch::PatchOperation;
use stagecraft_core::plan::Priority;
use stagecraft_core::response::Declared;
use tokio::task::JoinSet;

use super::*;
use crate::aws::{Limiters, NewStage, Observations, Share};

/// Hands behind a limiter whose clock stands still, so that a token that was taken stays taken.
struct Bench {
    simulator: Simulator,
    _server: Server,
    clock: Clock,
    limiters: Limiters,
    gateway: Gateway,
    api: RestApiId,
}

impl Bench {
    async fn new() -> Self {
        let simulator = Simulator::builder().account("123456789012").region(REGION).seed(1).build();
        let server = Server::start(simulator.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let clock = clock();
        let quiet = Arc::new(|_: Operation, _: Result<(), &Error>, _: Duration| {});
        let limiters = Limiters::new(Share { rate: 5.0, burst: 20 }, clock.clone(), quiet);
        let options = Options { limiters: Some(limiters.clone()), ..options(server.url()) };
        let gateway = aws(options).await.gateway(&Region::from(REGION));
        let api = RestApiId::new(simulator.create_rest_api("shop"));
        simulator.reset_calls();
        Self { simulator, _server: server, clock, limiters, gateway, api }
    }

    /// Tokens that were taken since the last question; then all come back.
    fn taken(&self) -> f64 {
        let taken = 20.0 - self.limiters.standing().0;
        self.clock.advance(Duration::from_mins(1));
        taken
    }
}

#[tokio::test]
async fn every_call_takes_one_token_and_sts_takes_none() {
    let bench = Bench::new().await;
    let (gateway, api, prod) = (&bench.gateway, &bench.api, StageName::from("prod"));
    let mut taken = BTreeMap::new();
    let deployment = gateway.create_deployment(api, "x", permit()).await.unwrap().id;
    taken.insert("CreateDeployment", bench.taken());
    let stage = NewStage {
        name: prod.clone(),
        deployment_id: deployment.clone(),
        description: None,
        variables: BTreeMap::new(),
        tags: BTreeMap::new(),
        tracing_enabled: None,
        documentation_version: None,
        cache: None,
    };
    gateway.create_stage(api, stage, permit()).await.unwrap();
    taken.insert("CreateStage", bench.taken());
    gateway.rest_api(api).await.unwrap();
    taken.insert("GetRestApi", bench.taken());
    gateway.stages(api).await.unwrap();
    taken.insert("GetStages", bench.taken());
    gateway.stage(api, &prod).await.unwrap();
    taken.insert("GetStage", bench.taken());
    gateway.deployments(api).await.unwrap();
    taken.insert("GetDeployments", bench.taken());
    gateway.api_summary(api, &deployment).await.unwrap();
    taken.insert("GetDeployment", bench.taken());
    gateway.update_deployment(api, &deployment, "y", permit()).await.unwrap();
    taken.insert("UpdateDeployment", bench.taken());
    let operations = [PatchOperation::replace("/description", "x")];
    gateway.update_stage(api, &prod, &operations, permit()).await.unwrap();
    taken.insert("UpdateStage", bench.taken());
    gateway.flush_stage_cache(api, &prod, permit()).await.unwrap();
    taken.insert("FlushStageCache", bench.taken());
    gateway.flush_stage_authorizers_cache(api, &prod, permit()).await.unwrap();
    taken.insert("FlushStageAuthorizersCache", bench.taken());
    let arn = arn::stage_arn(gateway.region(), api, &prod);
    gateway.tag(&arn, BTreeMap::from([("team".to_owned(), "shop".to_owned())]), permit()).await.unwrap();
    taken.insert("TagResource", bench.taken());
    gateway.untag(&arn, &["team".to_owned()], permit()).await.unwrap();
    taken.insert("UntagResource", bench.taken());
    let kind = ResponseType::Throttled;
    gateway.gateway_responses(api).await.unwrap();
    taken.insert("GetGatewayResponses", bench.taken());
    gateway.put_gateway_response(api, kind, &Declared::default(), permit()).await.unwrap();
    taken.insert("PutGatewayResponse", bench.taken());
    let operations = [PatchOperation::replace("/statusCode", "420")];
    gateway.update_gateway_response(api, kind, &operations, permit()).await.unwrap();
    taken.insert("UpdateGatewayResponse", bench.taken());
    gateway.delete_gateway_response(api, kind, permit()).await.unwrap();
    taken.insert("DeleteGatewayResponse", bench.taken());
    gateway.delete_stage(api, &prod, permit()).await.unwrap();
    taken.insert("DeleteStage", bench.taken());
    gateway.delete_deployment(api, &deployment, permit()).await.unwrap();
    taken.insert("DeleteDeployment", bench.taken());

    let called = bench.simulator.calls().into_iter().filter(|call| call.info.service == "apigateway");
    let expected: BTreeMap<_, _> = called.map(|call| (call.info.operation, 1.0)).collect();
    assert_eq!(taken, expected);
    let all: Vec<_> = Operation::ALL.into_iter().filter(|operation| operation.is_api_gateway()).collect();
    assert_eq!(taken.len(), all.len(), "an operation that this test does not know: {all:?}");
}

#[tokio::test]
async fn what_was_admitted_waits_no_more_and_what_was_not_called_is_given_back() {
    let bench = Bench::new().await;
    let gateway = bench.gateway.anew().at(Priority::Release);
    gateway.admit(&[Operation::GetRestApi, Operation::GetStages]).await.unwrap();
    assert!((bench.limiters.standing().0 - 18.0).abs() < 1e-6);
    gateway.clone().rest_api(&bench.api).await.unwrap();
    assert!((bench.limiters.standing().0 - 18.0).abs() < 1e-6, "paid before");
    drop(gateway);
    assert!((bench.limiters.standing().0 - 19.0).abs() < 1e-6);
}

#[tokio::test]
async fn what_was_admitted_with_another_call_is_not_waited_for_again() {
    let bench = Bench::new().await;
    let gateway = bench.gateway.anew();
    gateway.admit(&[Operation::CreateStage, Operation::UpdateStage]).await.unwrap();
    gateway.admit(&[Operation::UpdateStage]).await.unwrap();
    assert!((bench.limiters.standing().0 - 18.0).abs() < 1e-6, "it was there");
    gateway.admit(&[Operation::UpdateStage, Operation::UpdateStage]).await.unwrap();
    assert!((bench.limiters.standing().0 - 17.0).abs() < 1e-6, "one was there, the other was not");
}

#[tokio::test]
async fn ten_who_share_a_read_take_one_token() {
    let bench = Bench::new().await;
    let observations = Observations::new(bench.clock.clone(), Duration::from_mins(30));
    let mut callers = JoinSet::new();
    for priority in Priority::ALL.into_iter().cycle().take(10) {
        let (observations, gateway, api) = (observations.clone(), bench.gateway.at(priority), bench.api.clone());
        callers.spawn(async move { observations.stages(&gateway, &api, Duration::ZERO).await.unwrap().value.len() });
    }
    assert_eq!(callers.join_all().await, [0; 10]);
    assert!((bench.taken() - 1.0).abs() < 1e-6);
}

#[tokio::test]
async fn a_write_asks_the_lease_after_it_has_waited() {
    let bench = Bench::new().await;
    let leadership = Leadership::for_tests(bench.clock.clone(), TIMEOUT, Duration::from_secs(30));
    let permit = leadership.permit().unwrap();
    bench.gateway.admit(&[Operation::GetStages; 20]).await.unwrap();
    let operations = [PatchOperation::replace("/description", "x")];
    let prod = StageName::from("prod");
    let write = bench.gateway.anew();
    let mut write = Box::pin(write.update_stage(&bench.api, &prod, &operations, permit));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(write.as_mut().poll(&mut context).is_pending(), "no token is left");
    bench.clock.advance(Duration::from_secs(21));
    assert_eq!(within(write).await.unwrap_err().cause, Cause::NotLeader);
    assert_eq!(bench.simulator.calls().iter().filter(|call| call.info.service == "apigateway").count(), 0);
}

#[tokio::test]
async fn an_abort_writes_beside_whoever_writes_and_others_wait() {
    let bench = Bench::new().await;
    let observations = Observations::new(bench.clock.clone(), Duration::from_mins(30));
    let change = bench.gateway.at(Priority::UserChange);
    let held = observations.write_lock(&change, &bench.api).await;
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut second = Box::pin(observations.write_lock(&change, &bench.api));
    assert!(second.as_mut().poll(&mut context).is_pending());
    let abort = bench.gateway.at(Priority::Abort);
    let beside = within(observations.write_lock(&abort, &bench.api)).await;
    drop(beside);
    assert!(second.as_mut().poll(&mut context).is_pending(), "the abort's right is not the lock");
    drop(held);
    drop(within(second).await);
    let alone = within(observations.write_lock(&abort, &bench.api)).await;
    let mut third = Box::pin(observations.write_lock(&change, &bench.api));
    assert!(third.as_mut().poll(&mut context).is_pending(), "where nobody writes, an abort keeps others out");
    drop(alone);
    drop(within(third).await);
}
