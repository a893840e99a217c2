//! Plays a release: the operator's own passes, on an API server and an AWS in this process, in simulated time.
//!
//! What a pass does is the operator's business entirely: its client of AWS, its reads and its order of writes are those of the
//! real one, and so is the time at which it wants to be woken. Here is only what the world does around it. Tokio's time is
//! paused, so that what waits waits for nothing, and one rehearsal of an hour takes a fraction of a second.

use std::sync::Arc;
use std::time::Duration;

use apigateway_simulator::{Clock as AwsClock, Moment, Simulator};
use jiff::Timestamp;
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::watcher::Event as WatchEvent;
use serde::Serialize;
use serde_json::Value;
use stagecraft::aws::{Aws, Error as AwsError, Operation, Options, StaticCredentials};
use stagecraft::clock::Clock;
use stagecraft::controller::{Context, Everywhere, Guarded, Objects, Scope, reconcile};
use stagecraft::lease::Leadership;
use stagecraft::metrics::Metrics;
use stagecraft::prometheus::Prometheus;
use stagecraft_core::access::Policy as Access;
use stagecraft_core::api::COMMAND;
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::duration::Duration as Span;
use stagecraft_core::api::names::{Region, RestApiId};
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::api::status::{ApiStageStatus, Phase, Release};
use stagecraft_core::validate::canary::StepEnd;
use stagecraft_core::world::Settings;

use super::cloud;
use super::cluster::ApiServer;
use super::scenario::{Scenario, Setting};
use super::script::Script;
use super::timeline::{Ending, Entry, Happening, Journal, Outcome, Share, TimeLine};

/// The Region of a stage that names none.
const REGION: &str = "eu-west-1";

/// Traffic before the release, so that the old revision has a record.
const WARM_UP: Duration = Duration::from_mins(15);

/// A pass that is not wanted earlier than this finds a stage at rest.
const AT_REST: Duration = Duration::from_mins(4);

/// Passes within which a stage must come to rest.
const MOST_PASSES: usize = 60;

/// How long a release may stand still after all of its waits were over, until it counts as held.
const PATIENCE: Duration = Duration::from_hours(1);

/// The shortest and, where none is said, the usual time between two passes.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const USUAL_WAIT: Duration = Duration::from_mins(10);

const STAGES: &str = "apistages";
const CANARIES: &str = "apicanaries";

/// What cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system did not give what a runtime needs.
    #[error("could not start a runtime")]
    Runtime(#[source] std::io::Error),
    /// An object that does not come back as it went in.
    #[error("an object of the rehearsal cannot be read")]
    Object(#[from] serde_json::Error),
    /// The traffic was refused.
    #[error("the traffic cannot be played: {0}")]
    Traffic(String),
    /// The stage that is there before the release.
    #[error("the stage does not get ready, so that no release can begin: {0}")]
    NotReady(String),
}

/// Plays one release from the declaration of the new revision to its end.
///
/// # Errors
///
/// See [`Error`].
pub fn play(script: &Script, scenario: &Scenario, setting: Setting, seed: u64) -> Result<TimeLine, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(Error::Runtime)?.block_on(async {
        let mut rehearsal = Rehearsal::set_up(script, scenario, setting, seed).await?;
        rehearsal.serve_the_former().await?;
        rehearsal.release().await
    })
}

struct Rehearsal<'r> {
    script: &'r Script,
    scenario: &'r Scenario,
    setting: Setting,
    seed: u64,
    simulator: Simulator,
    /// The REST API and the stage.
    place: (String, String),
    server: ApiServer,
    journal: Journal,
    operator: Operator,
    /// The deployment that served before.
    former: String,
}

/// The operator's own parts, and what its watches would show.
struct Operator {
    clock: Clock,
    ctx: Context,
    stages: Scope,
    canaries: Writer<Guarded<ApiCanary>>,
}

/// The release so far.
struct Progress {
    began: Timestamp,
    entries: Vec<Entry>,
    shares: Vec<Share>,
    last_check: Timestamp,
    /// Where the release stands, and since when.
    stands: (Option<(Phase, Option<u32>)>, Timestamp),
    /// Whether the new revision has begun to be what the scenario says.
    shows: bool,
    approvals: Vec<String>,
}

impl<'r> Rehearsal<'r> {
    async fn set_up(script: &'r Script, scenario: &'r Scenario, setting: Setting, seed: u64) -> Result<Self, Error> {
        let region = script.stage.spec.region.clone().unwrap_or_else(|| Region::from(REGION));
        let clock = AwsClock::manual();
        let simulator = Simulator::builder().region(region.as_str()).seed(seed).clock(clock.clone()).build();
        let api = simulator.create_rest_api("rehearsal");
        let journal = Journal::default();
        let writes = journal.clone();
        simulator.set_hook(move |call, moment| {
            if call.write && moment == Moment::Before {
                writes.note(Happening::Write { operation: call.operation.to_owned(), patch: call.patch() });
            }
            None
        });
        let server = ApiServer::new(journal.clone());
        let operator = Operator::start(&server, simulator.clone(), Clock::manual(clock.now()), region).await;
        let stage = script.stage.spec.stage_name.as_ref();
        let stage = stage.map_or_else(|| name(&script.stage.metadata), |stage| stage.as_str().to_owned());
        let place = (api, stage);
        Ok(Self { script, scenario, setting, seed, simulator, place, server, journal, operator, former: String::new() })
    }

    /// The former revision serves, and traffic flows.
    async fn serve_the_former(&mut self) -> Result<(), Error> {
        let mut stage = self.script.stage.clone();
        stage.spec.revision = Some(self.script.former());
        stage.spec.suspend = None;
        self.apply_stage(stage)?;
        self.rest().await?;
        let status = self.status()?;
        let Some(former) = status.deployment_id.filter(|_| is_ready(&status.conditions)) else {
            return Err(Error::NotReady(message(&status.conditions)));
        };
        former.as_str().clone_into(&mut self.former);
        self.flow(&Scenario::GOOD, false)?;
        self.pass_time(WARM_UP);
        self.journal.take();
        Ok(())
    }

    /// The new revision is declared, together with the policy.
    async fn release(&mut self) -> Result<TimeLine, Error> {
        let began = self.operator.clock.now();
        let mut progress = Progress {
            began,
            entries: Vec::new(),
            shares: Vec::new(),
            last_check: began,
            stands: (None, began),
            shows: self.scenario.from_percent().is_none(),
            approvals: Vec::new(),
        };
        self.flow(self.scenario, progress.shows)?;
        self.simulator.set_switches(|switches| self.scenario.move_switches(switches, began));
        self.server.apply(CANARIES, serde_json::to_value(&self.script.canary)?, began);
        self.apply_stage(self.script.stage.clone())?;
        let outcome = loop {
            let wait = self.pass().await?;
            self.look(&mut progress)?;
            let status = self.status()?;
            if let Some(outcome) = self.outcome(&status, &mut progress) {
                break outcome;
            }
            if self.approve(status.release.as_ref(), &mut progress) {
                self.pass_time(SHORTEST_WAIT);
            } else {
                self.pass_time(wait);
            }
        };
        let ended = self.operator.clock.now();
        if outcome != Outcome::Held {
            // What is still to be tidied up.
            self.rest().await?;
            self.look(&mut progress)?;
        }
        let message = message(&self.status()?.conditions);
        // The last minute counts when it is over.
        self.pass_time(Duration::from_mins(1));
        let ending = self.ending(outcome, seconds(began, ended), message);
        let Self { script, scenario, setting, seed, .. } = self;
        Ok(TimeLine {
            scenario: scenario.to_string(),
            description: scenario.describe(*setting),
            seed: *seed,
            requests_a_minute: setting.requests_a_minute,
            revision: script.revision.to_string(),
            notes: script.notes.clone(),
            steps: script.sights(*setting),
            began,
            entries: progress.entries,
            shares: progress.shares,
            ending,
        })
    }

    /// Takes down what a pass did, and lets the new revision show itself when it is time.
    fn look(&self, progress: &mut Progress) -> Result<(), Error> {
        let at = self.operator.clock.now();
        let entry = |what| Entry { at, seconds: seconds(progress.began, at), what };
        let canary: Option<ApiCanary> = self.server.get(CANARIES, &name(&self.script.canary.metadata))?;
        let mut checks = canary.and_then(|canary| canary.status).map(|status| status.checks).unwrap_or_default();
        checks.retain(|check| check.at.0 > progress.last_check);
        checks.sort_by_key(|check| check.at.0);
        for check in checks {
            progress.last_check = check.at.0;
            let sentences = check.metrics.into_iter().map(|metric| metric.sentence).collect();
            progress.entries.push(entry(Happening::Check { verdict: check.verdict, sentences }));
        }
        // The check has told it already.
        let is_news = |what: &Happening| !matches!(what, Happening::Event { reason, .. } if reason == "CheckFailed");
        progress.entries.extend(self.journal.take().into_iter().filter(is_news).map(entry));

        let percent = self.share();
        if progress.shares.last().is_none_or(|last| (last.percent - percent).abs() > 1e-9) {
            progress.shares.push(Share { seconds: seconds(progress.began, at), percent });
        }
        if !progress.shows && self.scenario.from_percent().is_some_and(|from| percent >= from) {
            progress.shows = true;
            self.flow(self.scenario, true)?;
        }
        Ok(())
    }

    /// What became of the release, once it is over or nothing is to be expected any more.
    fn outcome(&self, status: &ApiStageStatus, progress: &mut Progress) -> Option<Outcome> {
        let now = self.operator.clock.now();
        let release = status.release.as_ref().filter(|release| release.started_at.0 >= progress.began);
        match release.map(|release| release.phase) {
            Some(Phase::Succeeded) => return Some(Outcome::Promoted),
            Some(Phase::Failed) => return Some(Outcome::Aborted),
            // It waits for a person, and nobody is there.
            Some(Phase::Paused) => return Some(Outcome::Held),
            _ => {}
        }
        let stands = release.map(|release| (release.phase, release.step));
        if progress.stands.0 != stands {
            progress.stands = (stands, now);
        }
        let still = Duration::try_from(now.duration_since(progress.stands.1)).unwrap_or_default();
        let all = Duration::try_from(now.duration_since(progress.began)).unwrap_or_default();
        let deadline = self.script.policy.progress_deadline.unwrap_or_default().saturating_add(USUAL_WAIT);
        (still > self.waits(release).saturating_add(PATIENCE) && all > deadline).then_some(Outcome::Held)
    }

    /// How long a release may stand where it is by its own policy.
    fn waits(&self, release: Option<&Release>) -> Duration {
        let policy = &self.script.policy;
        let step = release.and_then(|release| release.step).and_then(|step| usize::try_from(step).ok());
        let step = step.and_then(|step| policy.steps.get(step.checked_sub(1)?));
        let hold = match step.map(|step| step.end) {
            Some(StepEnd::Hold(hold)) => hold,
            Some(StepEnd::Approval) | None => Duration::ZERO,
        };
        let analysis = &policy.analysis;
        let checks = analysis.interval.saturating_mul(analysis.min_checks);
        let snapshot = self.script.stage.spec.snapshot_delay.map(Span::get).unwrap_or_default();
        [
            analysis.initial_delay,
            analysis.window,
            analysis.metric_delay,
            checks,
            snapshot,
            policy.bake.unwrap_or_default(),
        ]
        .into_iter()
        .fold(hold, Duration::saturating_add)
    }

    /// The person at hand says yes to what is asked, once.
    fn approve(&self, release: Option<&Release>, progress: &mut Progress) -> bool {
        let Some(release) = release.filter(|release| release.phase == Phase::AwaitingApproval) else { return false };
        let number = release.step.unwrap_or_default().to_string();
        let step =
            release.step.and_then(|step| self.script.policy.steps.get(usize::try_from(step).ok()?.checked_sub(1)?));
        let of_step = step.is_some_and(|step| step.end == StepEnd::Approval)
            && !release.approvals.iter().any(|approval| approval.step == number);
        let asked = format!("{}/{}", release.id, if of_step { number.as_str() } else { "promotion" });
        if progress.approvals.contains(&asked) {
            return false;
        }
        let command = format!("approve/{asked}/{}", progress.approvals.len().saturating_add(1));
        self.server.annotate(STAGES, &name(&self.script.stage.metadata), COMMAND, &command);
        let at = self.operator.clock.now();
        let what = Happening::Person { note: command };
        progress.entries.push(Entry { at, seconds: seconds(progress.began, at), what });
        progress.approvals.push(asked);
        true
    }

    fn ending(&self, outcome: Outcome, seconds: i64, message: String) -> Ending {
        let reports = self.simulator.traffic();
        let of_new = || {
            let all = reports.iter().flat_map(|report| &report.requests);
            all.filter(|requests| requests.deployment_id != self.former)
        };
        Ending {
            outcome,
            seconds,
            requests: of_new().map(|requests| requests.requests).sum(),
            errors_5xx: of_new().map(|requests| requests.errors_5xx).sum(),
            errors_4xx: of_new().map(|requests| requests.errors_4xx).sum(),
            message,
        }
    }

    /// Percent of the traffic that the new revision gets.
    fn share(&self) -> f64 {
        let (api, stage) = &self.place;
        let Some(stage) = self.simulator.stage(api, stage) else { return 0.0 };
        let serves = stage.get("deploymentId").and_then(Value::as_str);
        if serves.is_some_and(|serves| serves != self.former) {
            return 100.0;
        }
        stage.pointer("/canarySettings/percentTraffic").and_then(Value::as_f64).unwrap_or(0.0)
    }

    fn flow(&self, scenario: &Scenario, shows: bool) -> Result<(), Error> {
        let (api, stage) = &self.place;
        let traffic = scenario.traffic((api, stage), &self.former, self.setting, shows);
        self.simulator.set_traffic(traffic).map_err(Error::Traffic)
    }

    fn apply_stage(&self, mut stage: ApiStage) -> Result<(), Error> {
        stage.spec.rest_api_id = Some(RestApiId::new(&self.place.0));
        self.server.apply(STAGES, serde_json::to_value(stage)?, self.operator.clock.now());
        Ok(())
    }

    /// Passes until the stage waits for nothing but its next poll.
    async fn rest(&mut self) -> Result<(), Error> {
        for _ in 0..MOST_PASSES {
            let wait = self.pass().await?;
            if wait >= AT_REST {
                return Ok(());
            }
            self.pass_time(wait);
        }
        Err(Error::NotReady(message(&self.status()?.conditions)))
    }

    /// One pass, and the time until the operator wants the next one.
    async fn pass(&mut self) -> Result<Duration, Error> {
        let Some(stage) = self.server.get::<ApiStage>(STAGES, &name(&self.script.stage.metadata))? else {
            return Ok(USUAL_WAIT);
        };
        for event in listed(vec![&stage])? {
            self.operator.stages.apply(&event);
        }
        for event in listed(self.server.list::<ApiCanary>(CANARIES)?)? {
            self.operator.canaries.apply_watcher_event(&event);
        }
        let passed = reconcile(Arc::new(stage), &self.operator.ctx).await;
        Ok(passed.wake_up_in.unwrap_or(USUAL_WAIT).max(SHORTEST_WAIT))
    }

    fn pass_time(&self, span: Duration) {
        self.operator.clock.advance(span);
        self.simulator.clock().advance(span);
    }

    fn status(&self) -> Result<ApiStageStatus, Error> {
        let stage: Option<ApiStage> = self.server.get(STAGES, &name(&self.script.stage.metadata))?;
        Ok(stage.and_then(|stage| stage.status).unwrap_or_default())
    }
}

impl Operator {
    async fn start(server: &ApiServer, simulator: Simulator, clock: Clock, region: Region) -> Self {
        let settings = Settings {
            cluster_id: "rehearsal".to_owned(),
            region: region.clone(),
            access: Access::Open { adoption: true },
            drift_interval: Duration::from_mins(10),
            lost_reply_wait: Duration::from_secs(70),
        };
        // Nobody looks at these: the simulator wants a signature, and checks none.
        let credentials =
            StaticCredentials { access_key_id: "AKIAREHEARSAL".to_owned(), secret_access_key: "rehearsal".to_owned() };
        let options = Options {
            endpoint_url: Some(cloud::ENDPOINT.to_owned()),
            region: Some(region),
            credentials: Some(credentials),
            http_client: Some(cloud::http_client(simulator)),
            ..Options::default()
        };
        let timeout = options.timeout;
        let quiet = |_: Operation, _: Result<(), &AwsError>, _: Duration| {};
        let aws = Aws::connect(options, clock.clone(), Arc::new(quiet)).await;
        let metrics = Arc::new(Metrics::new());
        let objects = Objects::new(&settings, Arc::clone(&metrics));
        let stages = objects.scope();
        let leadership = Leadership::without_lease(clock.clone(), timeout);
        let (store, canaries) = reflector::store();
        let ctx = Context::new(server.client(), aws, leadership, clock.clone(), metrics, settings, objects)
            .with_canaries(vec![store])
            .with_sources(Arc::new(Everywhere { prometheus: Prometheus::default() }));
        Self { clock, ctx, stages, canaries }
    }
}

/// What a watch tells that lists these objects.
fn listed<K>(objects: Vec<impl Serialize>) -> Result<Vec<WatchEvent<Guarded<K>>>, Error>
where
    K: kube::Resource<DynamicType = ()> + serde::de::DeserializeOwned,
{
    let mut events = vec![WatchEvent::Init];
    for object in objects {
        events.push(WatchEvent::InitApply(serde_json::from_value(serde_json::to_value(object)?)?));
    }
    events.push(WatchEvent::InitDone);
    Ok(events)
}

fn name(metadata: &kube::api::ObjectMeta) -> String {
    metadata.name.clone().unwrap_or_default()
}

fn seconds(began: Timestamp, at: Timestamp) -> i64 {
    at.duration_since(began).as_secs()
}

type Condition = k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

fn ready(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == "Ready")
}

fn is_ready(conditions: &[Condition]) -> bool {
    ready(conditions).is_some_and(|ready| ready.status == "True")
}

fn message(conditions: &[Condition]) -> String {
    ready(conditions).map(|ready| ready.message.clone()).unwrap_or_default()
}
