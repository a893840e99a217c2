//! Roles: whose credentials sign which call, how long they are kept, and who sees what was read with them.

use apigateway_simulator::{BeforeTheEffect, FaultKind, Server, Simulator};
use stagecraft_core::access::{Access, RoleArn};
use stagecraft_core::api::names::AccountId;
use stagecraft_core::cause::Cause;

use super::*;
use crate::aws::error::{DENIED, EXPIRED};
use crate::aws::transport::ROLE_REFUSED;
use crate::aws::{Accounts, Observations};

const ORDERS: &str = "111111111111";
const BILLING: &str = "222222222222";
const KEEP: Duration = Duration::from_mins(30);

/// The operator's account and two others, each with a REST API of its own.
struct Bench {
    simulator: Simulator,
    _server: Server,
    clock: Clock,
    accounts: Accounts,
    observations: Observations,
}

impl Bench {
    async fn new() -> Self {
        let clock = clock();
        let time = apigateway_simulator::Clock::manual_at(clock.now());
        let simulator = Simulator::builder().account("123456789012").region(REGION).seed(1).clock(time).build();
        let server = Server::start(simulator.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let observer = Arc::new(|_: Operation, _: Result<(), &Error>, _: Duration| {});
        let own = Aws::connect(options(server.url()), clock.clone(), observer).await;
        let accounts = Accounts::new(own, "prod-eu", clock.clone(), KEEP);
        let observations = Observations::new(clock.clone(), KEEP);
        Self { simulator, _server: server, clock, accounts, observations }
    }

    /// A REST API in this account.
    fn api_in(&self, account: &str) -> RestApiId {
        let scope = self.simulator.scope(account, REGION);
        let made = scope.send(&http::Method::POST, "/restapis", &serde_json::json!({ "name": "shop" })).unwrap();
        self.simulator.reset_calls();
        RestApiId::from(made["id"].as_str().unwrap())
    }

    fn pass_time(&self, span: Duration) {
        self.clock.advance(span);
        self.simulator.clock().advance(span);
    }

    async fn gateway(&self, role: Option<&RoleArn>, namespace: &str) -> Gateway {
        self.aws(role, namespace).await.gateway(&Region::from(REGION))
    }

    async fn aws(&self, role: Option<&RoleArn>, namespace: &str) -> Aws {
        let access = Access { role: role.cloned(), adoption: false, rule: None };
        self.accounts.aws(&access, namespace).await
    }

    /// Account, operation and, for assumed roles, the name of the session, of every call so far.
    fn calls(&self) -> Vec<String> {
        let calls = self.simulator.calls();
        calls
            .iter()
            .map(|call| {
                let session =
                    call.info.body["RoleSessionName"].as_str().map_or_else(String::new, |name| format!(" {name}"));
                format!("{} {}{session}", call.info.account, call.info.operation)
            })
            .collect()
    }
}

fn role(account: &str, name: &str) -> RoleArn {
    RoleArn::parse(&format!("arn:aws:iam::{account}:role/{name}")).unwrap()
}

#[tokio::test]
async fn each_namespace_acts_as_its_role_under_its_own_name() {
    let bench = Bench::new().await;
    let (orders, billing) = (bench.api_in(ORDERS), bench.api_in(BILLING));
    let orders_role = role(ORDERS, "stagecraft");
    let shop = bench.gateway(Some(&orders_role), "shop").await;
    assert_eq!(shop.rest_api(&orders).await.unwrap().id, orders);
    let other = bench.gateway(Some(&role(BILLING, "stagecraft")), "billing").await;
    assert_eq!(other.rest_api(&billing).await.unwrap().id, billing);
    assert_eq!(shop.rest_api(&billing).await.unwrap_err().cause, Cause::RestApiNotFound, "another account's");
    let own = bench.gateway(None, "shop").await;
    assert_eq!(own.rest_api(&orders).await.unwrap_err().cause, Cause::RestApiNotFound);
    let second = bench.gateway(Some(&orders_role), "shop-eu").await;
    assert_eq!(second.rest_api(&orders).await.unwrap().id, orders);
    assert_eq!(
        bench.calls(),
        [
            "123456789012 AssumeRole stagecraft-prod-eu-shop",
            "111111111111 GetRestApi",
            "123456789012 AssumeRole stagecraft-prod-eu-billing",
            "222222222222 GetRestApi",
            "111111111111 GetRestApi",
            "123456789012 GetRestApi",
            "123456789012 AssumeRole stagecraft-prod-eu-shop-eu",
            "111111111111 GetRestApi",
        ]
    );
}

#[tokio::test]
async fn credentials_are_kept_until_shortly_before_they_end() {
    let bench = Bench::new().await;
    let (api, orders) = (bench.api_in(ORDERS), role(ORDERS, "stagecraft"));
    let assumed_after = async |minutes: u64| {
        bench.pass_time(Duration::from_mins(minutes));
        bench.gateway(Some(&orders), "shop").await.rest_api(&api).await.unwrap();
        bench.simulator.call_counts()["AssumeRole"]
    };
    assert_eq!(assumed_after(0).await, 1);
    assert_eq!(assumed_after(29).await, 1);
    assert_eq!(assumed_after(29).await, 1, "they last an hour");
    assert_eq!(assumed_after(2).await, 2);
}

#[tokio::test]
async fn credentials_that_nobody_asks_for_are_dropped() {
    let bench = Bench::new().await;
    let orders = role(ORDERS, "stagecraft");
    for namespace in ["shop", "shop-eu"] {
        bench.aws(Some(&orders), namespace).await;
    }
    bench.pass_time(KEEP / 2);
    bench.aws(Some(&orders), "shop").await;
    bench.pass_time(KEEP / 2 + Duration::from_secs(1));
    assert_eq!(bench.accounts.len(), 2);
    bench.aws(Some(&orders), "billing").await;
    assert_eq!(bench.accounts.len(), 2, "shop and billing");
}

#[tokio::test]
async fn the_account_of_a_role_is_known_without_a_call() {
    let bench = Bench::new().await;
    let aws = bench.aws(Some(&role(ORDERS, "stagecraft")), "shop").await;
    assert_eq!(aws.account_id().await, Ok(AccountId::from(ORDERS)));
    assert_eq!(bench.calls(), [""; 0]);
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_is_a_denial_that_names_it() {
    let bench = Bench::new().await;
    let text = "User: arn:aws:iam::123456789012:role/x is not authorized to perform: sts:AssumeRole on resource: \
                arn:aws:iam::111111111111:role/stagecraft";
    let refusal = FaultKind::Refusal { status: 403, code: "AccessDenied".to_owned(), message: text.to_owned() };
    bench.simulator.faults().on("AssumeRole").always().fault(BeforeTheEffect, refusal);
    let gateway = bench.gateway(Some(&role(ORDERS, "stagecraft")), "shop").await;
    let error = gateway.stages(&api()).await.unwrap_err();
    assert_eq!(error.cause, Cause::Denied);
    assert_eq!(error.message, Some(format!("no AWS credentials could be loaded: {text}")));
}

#[tokio::test]
async fn what_somebody_must_mend_about_a_role_is_told_from_what_passes_by_itself() {
    let refusals = [DENIED, EXPIRED, ROLE_REFUSED].concat().into_iter().map(|code| {
        let message = "no".to_owned();
        (FaultKind::Refusal { status: 403, code: code.to_owned(), message }, Cause::Denied)
    });
    let passing = [FaultKind::Error(429), FaultKind::Error(500), FaultKind::Error(503), FaultKind::DropConnection]
        .map(|fault| (fault, Cause::NotSent));
    for (fault, expected) in refusals.chain(passing) {
        let bench = Bench::new().await;
        bench.simulator.faults().on("AssumeRole").call(1).times(1).fault(BeforeTheEffect, fault.clone());
        let (gateway, api) = (bench.gateway(Some(&role(ORDERS, "stagecraft")), "shop").await, bench.api_in(ORDERS));
        let met = gateway.stages(&api).await.unwrap_err();
        assert_eq!(met.cause, expected, "{fault:?}: {met:?}");
        let again = gateway.stages(&api).await;
        assert!(again.is_ok(), "{fault:?} lasts: {again:?}");
    }
}

/// What AWS says of credentials that have ended, whatever their own date says.
fn expired() -> FaultKind {
    let message = "The security token included in the request is expired".to_owned();
    FaultKind::Refusal { status: 403, code: "ExpiredTokenException".to_owned(), message }
}

#[tokio::test]
async fn expired_credentials_are_renewed_and_the_call_is_made_once_more() {
    let bench = Bench::new().await;
    let (api, orders) = (bench.api_in(ORDERS), role(ORDERS, "stagecraft"));
    let aws = bench.aws(Some(&orders), "shop").await;
    let gateway = aws.gateway(&Region::from(REGION));
    gateway.stages(&api).await.unwrap();
    bench.simulator.reset_calls();
    bench.simulator.faults().on("GetStages").call(1).fault(BeforeTheEffect, expired());
    assert_eq!(aws.with_valid_credentials(|| gateway.stages(&api)).await, Ok(Vec::new()));
    let again = ["111111111111 GetStages", "123456789012 AssumeRole stagecraft-prod-eu-shop", "111111111111 GetStages"];
    assert_eq!(bench.calls(), again);

    bench.simulator.reset_calls();
    bench.simulator.faults().on("GetStages").always().fault(BeforeTheEffect, expired());
    let error = aws.with_valid_credentials(|| gateway.stages(&api)).await.unwrap_err();
    assert_eq!(error.cause, Cause::CredentialsExpired);
    assert_eq!(bench.calls(), again, "once more, and no more");
}

#[tokio::test]
async fn many_calls_that_meet_one_end_renew_once() {
    let bench = Bench::new().await;
    let (api, orders) = (bench.api_in(ORDERS), role(ORDERS, "stagecraft"));
    let aws = bench.aws(Some(&orders), "shop").await;
    let gateway = aws.gateway(&Region::from(REGION));
    gateway.stages(&api).await.unwrap();
    bench.clock.advance(Duration::from_secs(1));
    bench.simulator.reset_calls();
    bench.simulator.faults().on("GetStages").times(3).fault(BeforeTheEffect, expired());
    // All three are refused before the first of them renews: time moves only then.
    let refused = futures::future::join_all((0..3).map(|_| gateway.stages(&api))).await;
    assert!(
        refused.iter().all(|refused| refused.as_ref().is_err_and(|error| error.cause == Cause::CredentialsExpired))
    );
    let began = bench.clock.boottime();
    bench.clock.advance(Duration::from_secs(1));
    for _ in 0..3 {
        aws.renew_credentials(began);
        gateway.stages(&api).await.unwrap();
    }
    assert_eq!(bench.simulator.call_counts()["AssumeRole"], 1);
}

#[tokio::test]
async fn what_one_role_has_read_is_not_shown_to_another() {
    let bench = Bench::new().await;
    let api = bench.api_in(ORDERS);
    let reader = bench.gateway(Some(&role(ORDERS, "stagecraft")), "shop").await;
    let ages_ago = Duration::ZERO;
    bench.observations.rest_api(&reader, &api, ages_ago).await.unwrap();
    bench.observations.stages(&reader, &api, ages_ago).await.unwrap();
    bench.observations.deployments(&reader, &api, ages_ago).await.unwrap();
    bench.simulator.reset_calls();

    let same_role = bench.gateway(Some(&role(ORDERS, "stagecraft")), "shop-eu").await;
    bench.observations.stages(&same_role, &api, ages_ago).await.unwrap();
    assert_eq!(bench.calls(), [""; 0], "namespaces of one role share its reads");

    let stranger = bench.gateway(Some(&role(BILLING, "stagecraft")), "billing").await;
    let seen = [
        bench.observations.rest_api(&stranger, &api, ages_ago).await.map(drop),
        bench.observations.stages(&stranger, &api, ages_ago).await.map(drop),
        bench.observations.deployments(&stranger, &api, ages_ago).await.map(drop),
    ];
    for seen in seen {
        assert_eq!(seen.unwrap_err().cause, Cause::RestApiNotFound, "AWS itself is asked");
    }
    let own = bench.gateway(None, "shop").await;
    assert_eq!(bench.observations.stages(&own, &api, ages_ago).await.unwrap_err().cause, Cause::RestApiNotFound);
}

#[tokio::test]
async fn what_one_role_has_written_is_known_to_all_who_may_read() {
    let bench = Bench::new().await;
    let api = bench.api_in(ORDERS);
    bench.simulator.scope(ORDERS, REGION).add_method(api.as_str(), "/", "GET").unwrap();
    let one = bench.gateway(Some(&role(ORDERS, "one")), "shop").await;
    let other = bench.gateway(Some(&role(ORDERS, "other")), "shop-eu").await;
    let ages_ago = Duration::ZERO;
    assert_eq!(*bench.observations.deployments(&other, &api, ages_ago).await.unwrap().value, []);
    let made = one.create_deployment(&api, "r1", permit()).await.unwrap();
    bench.observations.note_deployment(&one, &api, made.clone());
    let seen = bench.observations.deployments(&other, &api, ages_ago).await.unwrap();
    assert_eq!(*seen.value, [made], "or two roles would take the same snapshot twice");
    bench.observations.forget(&one, &api);
    bench.simulator.reset_calls();
    bench.observations.deployments(&other, &api, ages_ago).await.unwrap();
    assert_eq!(bench.calls(), ["111111111111 GetDeployments"], "nor is what became uncertain relied on");

    let lock = bench.observations.snapshot_lock(&one, &api).await;
    let observations = bench.observations.clone();
    let mut second = Box::pin(async move { observations.snapshot_lock(&other, &api).await });
    assert!(futures::poll!(&mut second).is_pending(), "one at a time, whoever asks");
    drop(lock);
    drop(within(second).await);
}
