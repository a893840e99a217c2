//! No write leaves without a permit that is valid at that moment.

use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use serde_json::json;
use stagecraft_core::api::names::{DeploymentId, StageName};
use stagecraft_core::cause::Cause;
use stagecraft_core::patch::PatchOperation;

use super::wire::{Answer, Wire};
use super::*;
use crate::aws::NewStage;
use crate::aws::call::Caller;

/// Takes its time to find credentials: `took` of the clock.
#[derive(Debug)]
struct Slow {
    clock: Clock,
    took: Duration,
}

impl ProvideCredentials for Slow {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.clock.advance(self.took);
        future::ProvideCredentials::ready(Ok(Credentials::new("AKIDTESTS", "not-a-secret", None, None, "tests")))
    }
}

fn slow_gateway(wire: &Wire, clock: &Clock, took: Duration) -> Gateway {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(aws_config::Region::new(REGION))
        .endpoint_url(wire.url())
        .credentials_provider(SharedCredentialsProvider::new(Slow { clock: clock.clone(), took }))
        .build();
    let caller = Caller::new(clock.clone(), Arc::new(|_: Operation, _: Result<(), &Error>, _: Duration| {}));
    Aws::from_config(config, caller, None).gateway(&Region::from(REGION))
}

#[tokio::test]
async fn a_write_whose_permit_ends_while_credentials_are_loaded_does_not_leave() {
    let wire = Wire::answering([Answer::Json(201, json!({"id": "4fk2x1", "createdDate": 1}))]).await;
    let clock = clock();
    let gateway = slow_gateway(&wire, &clock, Duration::from_secs(20));
    let leadership = Leadership::for_tests(clock.clone(), TIMEOUT, Duration::from_secs(30));
    let permit = leadership.permit().unwrap();
    let seen = gateway.create_deployment(&api(), "x", permit).await.unwrap_err();
    assert_eq!(seen, Error::not_leader(Operation::CreateDeployment));
    assert_eq!(wire.requests(), []);
}

#[tokio::test]
async fn a_write_whose_permit_lasts_long_enough_leaves() {
    let wire = Wire::answering([Answer::Json(201, json!({"id": "4fk2x1", "createdDate": 1}))]).await;
    let clock = clock();
    let gateway = slow_gateway(&wire, &clock, Duration::from_secs(19));
    let leadership = Leadership::for_tests(clock.clone(), TIMEOUT, Duration::from_secs(30));
    let permit = leadership.permit().unwrap();
    gateway.create_deployment(&api(), "x", permit).await.unwrap();
    assert_eq!(wire.requests().len(), 1);
}

#[tokio::test]
async fn a_write_whose_permit_has_ended_does_not_even_ask_for_credentials() {
    let wire = Wire::answering([]).await;
    let clock = clock();
    let gateway = slow_gateway(&wire, &clock, Duration::from_mins(1));
    let permit = Leadership::for_tests(clock.clone(), TIMEOUT, Duration::from_secs(30)).permit().unwrap();
    clock.advance(Duration::from_secs(20));
    let seen = gateway.create_deployment(&api(), "x", permit).await.unwrap_err();
    assert_eq!((seen.cause, clock.boottime()), (Cause::NotLeader, Duration::from_secs(20)));
}

#[tokio::test]
async fn no_write_of_any_kind_leaves_with_a_permit_that_has_ended() {
    let wire = Wire::answering([]).await;
    let gateway = gateway(wire.url()).await;
    let clock = clock();
    let leadership = Leadership::for_tests(clock.clone(), TIMEOUT, Duration::from_secs(30));
    let permits: [Permit; 8] = std::array::from_fn(|_| leadership.permit().unwrap());
    clock.advance(Duration::from_secs(20));
    let [one, two, three, four, five, six, seven, eight] = permits;
    let (api, stage, deployment) = (api(), StageName::from("prod"), DeploymentId::from("4fk2x1"));
    let arn = "arn:aws:apigateway:eu-west-1::/restapis/a1b2c3d4e5/stages/prod";
    let new = NewStage {
        name: stage.clone(),
        deployment_id: deployment.clone(),
        description: None,
        variables: BTreeMap::new(),
        tags: BTreeMap::new(),
        tracing_enabled: None,
        documentation_version: None,
        cache: None,
    };
    let causes = [
        gateway.create_deployment(&api, "x", one).await.map(drop),
        gateway.update_deployment(&api, &deployment, "x", two).await.map(drop),
        gateway.delete_deployment(&api, &deployment, three).await,
        gateway.create_stage(&api, new, four).await.map(drop),
        gateway.update_stage(&api, &stage, &[PatchOperation::remove("/canarySettings")], five).await.map(drop),
        gateway.delete_stage(&api, &stage, six).await,
        gateway.tag(arn, BTreeMap::from([("team".to_owned(), "shop".to_owned())]), seven).await,
        gateway.untag(arn, &["team".to_owned()], eight).await,
    ]
    .map(|outcome| outcome.unwrap_err().cause);
    assert_eq!(causes, [const { Cause::NotLeader }; 8]);
    assert_eq!(wire.requests(), []);
}
