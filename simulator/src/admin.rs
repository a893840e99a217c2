//! The simulator's own paths below `/_simulator/`: what tests and people ask of it over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::faults::FaultRule;
use crate::quota::ForeignClient;
use crate::simulator::Simulator;
use crate::traffic::Traffic;
use crate::wire::reply::response;
use crate::wire::request::Incoming;

/// A sentence about what is wrong with the request, with its status.
struct Refused(u16, String);

type Outcome = Result<Response<Bytes>, Refused>;

/// One row of the table: what a verb and a path below `/_simulator/` do.
struct Page {
    verb: &'static str,
    path: &'static str,
    run: fn(&Simulator, &Incoming) -> Outcome,
}

static PAGES: &[Page] = &[
    Page { verb: "GET", path: "calls", run: get_calls },
    Page {
        verb: "DELETE",
        path: "calls",
        run: |simulator, _| {
            simulator.reset_calls();
            Ok(response(204, &[], Bytes::new()))
        },
    },
    Page { verb: "GET", path: "calls/counts", run: |simulator, _| Ok(json_page(&json!(simulator.call_counts()))) },
    Page { verb: "GET", path: "switches", run: |simulator, _| Ok(json_page(&json!(simulator.switches()))) },
    Page { verb: "PUT", path: "switches", run: put_switches },
    Page { verb: "GET", path: "faults", run: |simulator, _| Ok(json_page(&json!(simulator.faults().rules()))) },
    Page { verb: "PUT", path: "faults", run: put_faults },
    Page {
        verb: "DELETE",
        path: "faults",
        run: |simulator, _| {
            simulator.faults().clear();
            Ok(response(204, &[], Bytes::new()))
        },
    },
    Page { verb: "GET", path: "overlaps", run: |simulator, _| Ok(json_page(&simulator.overlap_report())) },
    Page { verb: "PUT", path: "overlaps", run: put_overlaps },
    Page {
        verb: "DELETE",
        path: "overlaps",
        run: |simulator, _| {
            simulator.reset_overlaps();
            Ok(response(204, &[], Bytes::new()))
        },
    },
    Page { verb: "GET", path: "quota", run: |simulator, _| Ok(json_page(&simulator.quota_report())) },
    Page { verb: "PUT", path: "quota", run: put_quota },
    Page { verb: "GET", path: "traffic", run: |simulator, _| Ok(json_page(&json!(simulator.traffic()))) },
    Page { verb: "PUT", path: "traffic", run: put_traffic },
    Page {
        verb: "DELETE",
        path: "traffic",
        run: |simulator, _| {
            simulator.stop_traffic();
            Ok(response(204, &[], Bytes::new()))
        },
    },
    Page { verb: "GET", path: "clock", run: |simulator, _| Ok(json_page(&clock_report(simulator))) },
    Page { verb: "PUT", path: "clock", run: put_clock },
    Page { verb: "GET", path: "state", run: |simulator, _| Ok(json_page(&simulator.dump())) },
];

/// Answers a request below `/_simulator/`.
pub(crate) fn answer(simulator: &Simulator, incoming: &Incoming) -> Response<Bytes> {
    if incoming.segments.get(1).is_some_and(|segment| segment == "invoke") {
        return invoke(simulator, incoming);
    }
    let path = incoming.segments.get(1..).unwrap_or_default().join("/");
    let mut pages = PAGES.iter().filter(|page| page.path == path).peekable();
    if pages.peek().is_none() {
        let mut known: Vec<&str> = PAGES.iter().map(|page| page.path).collect();
        known.dedup();
        let text = format!(
            "There is no /_simulator/{path}. There are: {}, invoke/{{api}}/{{stage}}/{{path}}.",
            known.join(", ")
        );
        return sentence(404, &text);
    }
    match pages.find(|page| page.verb == incoming.method.as_str()) {
        Some(page) => (page.run)(simulator, incoming).unwrap_or_else(|Refused(status, text)| sentence(status, &text)),
        None => sentence(405, &format!("/_simulator/{path} does not answer {}.", incoming.method)),
    }
}

fn json_page(body: &Value) -> Response<Bytes> {
    response(200, &[("content-type", "application/json")], format!("{body:#}\n"))
}

fn sentence(status: u16, text: &str) -> Response<Bytes> {
    response(status, &[("content-type", "application/json")], json!({"message": text}).to_string())
}

fn read<T: DeserializeOwned>(incoming: &Incoming) -> Result<T, Refused> {
    serde_json::from_slice(&incoming.body)
        .map_err(|error| Refused(400, format!("The request body cannot be read: {error}.")))
}

fn seconds(seconds: f64, name: &str) -> Result<Duration, Refused> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_out_of_bounds| Refused(400, format!("{name} is {seconds:?} and must be 0 or more, and below 1e19.")))
}

fn rate(per_second: f64, name: &str) -> Result<(), Refused> {
    if per_second >= 0.0 {
        return Ok(());
    }
    Err(Refused(400, format!("{name} is {per_second:?} and must be 0 or more.")))
}

fn get_calls(simulator: &Simulator, incoming: &Incoming) -> Outcome {
    let calls = simulator.calls();
    match incoming.query("format") {
        None | Some("json") => Ok(json_page(&json!(calls))),
        Some("text") => {
            let mut text = String::new();
            for call in &calls {
                text.push_str(&call.line());
                text.push('\n');
            }
            Ok(response(200, &[("content-type", "text/plain; charset=utf-8")], text))
        }
        Some(other) => Err(Refused(400, format!("format is '{other}' and must be json or text."))),
    }
}

/// Named switches move, the others stay.
fn put_switches(simulator: &Simulator, incoming: &Incoming) -> Outcome {
    let given: Value = read(incoming)?;
    let Some(given) = given.as_object() else {
        return Err(Refused(400, "The request body must be a JSON object of switches.".to_owned()));
    };
    let mut switches = simulator.switches();
    // One by one, so that a refusal can say which.
    for (name, position) in given {
        let refuse = |text: String| Refused(400, format!("Switch {name} cannot be moved: {text}."));
        let mut members = json!(switches);
        if let Some(members) = members.as_object_mut() {
            members.insert(name.clone(), position.clone());
        }
        switches = serde_json::from_value(members).map_err(|error| refuse(error.to_string()))?;
        switches.check().map_err(refuse)?;
    }
    simulator.set_switches(|present| *present = switches);
    Ok(json_page(&json!(simulator.switches())))
}

/// Replaces the whole plan.
fn put_faults(simulator: &Simulator, incoming: &Incoming) -> Outcome {
    let Value::Array(given) = read(incoming)? else {
        return Err(Refused(400, "The request body must be a JSON list of fault rules.".to_owned()));
    };
    let mut rules = Vec::new();
    for (index, given) in given.into_iter().enumerate() {
        let refuse = |text: String| Refused(400, format!("Fault rule {index}: {text}."));
        let rule: FaultRule = serde_json::from_value(given).map_err(|error| refuse(error.to_string()))?;
        rule.check().map_err(refuse)?;
        rules.push(rule);
    }
    simulator.faults().clear();
    for rule in rules {
        simulator.faults().arm(rule).map_err(|text| Refused(400, text))?;
    }
    Ok(json_page(&json!(simulator.faults().rules())))
}

fn put_overlaps(simulator: &Simulator, incoming: &Incoming) -> Outcome {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Window {
        window_seconds: f64,
    }
    let window: Window = read(incoming)?;
    seconds(window.window_seconds, "windowSeconds")?;
    simulator.set_overlap_window(window.window_seconds);
    Ok(json_page(&simulator.overlap_report()))
}

fn put_quota(simulator: &Simulator, incoming: &Incoming) -> Outcome {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Setting {
        mode: Mode,
        #[serde(default)]
        foreign_client: ForeignClient,
    }
    #[derive(Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    enum Mode {
        Aws,
        Off,
    }
    let setting: Setting = read(incoming)?;
    let ForeignClient { requests_per_second, create_deployments_per_second } = setting.foreign_client;
    rate(requests_per_second, "requestsPerSecond")?;
    rate(create_deployments_per_second, "createDeploymentsPerSecond")?;
    simulator.set_quota(setting.mode == Mode::Aws, setting.foreign_client);
    Ok(json_page(&simulator.quota_report()))
}

/// One plan, or a list of them.
fn put_traffic(simulator: &Simulator, incoming: &Incoming) -> Outcome {
    let given: Value = read(incoming)?;
    let plans = if let Value::Array(plans) = given { plans } else { vec![given] };
    let plans: Result<Vec<Traffic>, _> = plans.into_iter().map(serde_json::from_value).collect();
    let plans = plans.map_err(|error| Refused(400, format!("The plan of traffic cannot be read: {error}.")))?;
    for plan in plans {
        simulator.set_traffic(plan).map_err(|text| Refused(400, text))?;
    }
    Ok(json_page(&json!(simulator.traffic())))
}

/// Answers as the stage would, so that the status is the caller's; which deployment it was is in the body of an
/// integration's answer, and in headers of every answer.
fn invoke(simulator: &Simulator, incoming: &Incoming) -> Response<Bytes> {
    let [_, _, api, stage, path @ ..] = incoming.segments.as_slice() else {
        return sentence(404, "The path must be /_simulator/invoke/{api}/{stage}/{path}.");
    };
    let invocation = simulator.invoke(api, stage, incoming.method.as_str(), &path.join("/"));
    let body = invocation.gateway_response.clone().unwrap_or_else(|| format!("{:#}\n", json!(invocation)));
    let mut answer = response(invocation.status, &[("content-type", "application/json")], body);
    let canary = invocation.is_canary_request.to_string();
    let own =
        [("x-simulator-deployment-id", invocation.deployment_id.as_deref()), ("x-simulator-canary", Some(&canary))];
    let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let headers = invocation.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in headers.chain(own) {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), http::HeaderValue::try_from(value)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

fn clock_report(simulator: &Simulator) -> Value {
    let now = simulator.clock().now();
    json!({"now": now, "epochSeconds": now.as_second()})
}

fn put_clock(simulator: &Simulator, incoming: &Incoming) -> Outcome {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Move {
        advance_seconds: Option<f64>,
        at_least_epoch_seconds: Option<i64>,
    }
    let step: Move = read(incoming)?;
    let by = step.advance_seconds.map(|by| seconds(by, "advanceSeconds")).transpose()?;
    if let Some(instant) = step.at_least_epoch_seconds.filter(|instant| Timestamp::from_second(*instant).is_err()) {
        let most = Timestamp::MAX.as_second();
        return Err(Refused(400, format!("atLeastEpochSeconds is {instant} and must be at most {most}.")));
    }
    if by.is_none() && step.at_least_epoch_seconds.is_none() {
        return Err(Refused(400, "The request body must have advanceSeconds or atLeastEpochSeconds.".to_owned()));
    }
    if let Some(by) = by {
        simulator.clock().advance(by);
    }
    if let Some(instant) = step.at_least_epoch_seconds {
        simulator.clock().set_at_least(instant);
    }
    Ok(json_page(&clock_report(simulator)))
}
