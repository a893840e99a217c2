//! A metric: exactly one source, and bounds that can judge it.

use super::invalid::InvalidCanary;
use crate::analysis::{self, Bounds, Latency, Preset, Source};
use crate::api::canary::{
    AlarmSource, ApiGatewayMetric, ApiGatewaySource, CloudWatchSource, Metric, PrometheusSource, Sequential,
};

/// What is filled into texts.
const PLACEHOLDERS: [&str; 6] =
    ["${restApiId}", "${apiName}", "${stageName}", "${canaryDeploymentId}", "${stableDeploymentId}", "${window}"];

/// How often a test without `falseAlarm` may be wrong.
const DEFAULT_FALSE_ALARM: f64 = 0.01;

pub(super) fn metric(declared: &Metric) -> Result<analysis::Metric, InvalidCanary> {
    let Metric {
        name,
        api_gateway,
        cloud_watch,
        alarm,
        prometheus,
        max,
        min,
        max_increase,
        max_ratio,
        ratio_floor,
        sequential,
        failure_limit,
        dry_run,
    } = declared;
    let wrong = |problem: &str| InvalidCanary::Metric { problem: format!("{name}: {problem}") };
    let source = match (api_gateway, cloud_watch, alarm, prometheus) {
        (Some(source), None, None, None) => Source::ApiGateway(preset(source).map_err(wrong)?),
        (None, Some(source), None, None) => series(source).map_err(wrong)?,
        (None, None, Some(AlarmSource { name }), None) => Source::Alarm(name.clone()),
        (None, None, None, Some(PrometheusSource { provider, query })) => {
            Source::Prometheus { provider: provider.clone(), query: query.clone() }
        }
        _ => return Err(InvalidCanary::Source { name: name.clone() }),
    };
    for text in texts(&source) {
        known_placeholders(&format!("spec.analysis.metrics: {name}"), text)?;
    }
    let bounds = Bounds {
        max: *max,
        min: *min,
        max_increase: *max_increase,
        max_ratio: *max_ratio,
        ratio_floor: *ratio_floor,
        sequential: sequential.as_ref().map(|Sequential { false_alarm, smallest_increase }| analysis::Sequential {
            false_alarm: false_alarm.unwrap_or(DEFAULT_FALSE_ALARM),
            smallest_increase: *smallest_increase,
        }),
    };
    let metric = analysis::Metric {
        name: name.clone(),
        source,
        bounds,
        failure_limit: *failure_limit,
        dry_run: dry_run.unwrap_or(false),
    };
    if let Some(problem) = metric.problem() {
        return Err(InvalidCanary::Metric { problem });
    }
    if let Some(problem) = contradiction(&metric) {
        return Err(wrong(problem));
    }
    Ok(metric)
}

/// Bounds that cannot stand together.
fn contradiction(metric: &analysis::Metric) -> Option<&'static str> {
    let Bounds { max, min, max_increase, max_ratio, ratio_floor, sequential } = metric.bounds;
    if matches!(metric.source, Source::Alarm(_)) && !metric.bounds.is_empty() {
        return Some(
            "an alarm brings its own threshold: remove max, min, maxIncrease, maxRatio, ratioFloor and sequential.",
        );
    }
    if sequential.is_some() && (min.is_some() || max_increase.is_some() || max_ratio.is_some()) {
        return Some(
            "sequential goes alone, against the stable side, or with max, against a fixed rate: remove min, maxIncrease and maxRatio, or remove sequential.",
        );
    }
    if ratio_floor.is_some() && max_ratio.is_none() {
        return Some("ratioFloor belongs to maxRatio: set maxRatio, or remove ratioFloor.");
    }
    if max_increase.is_some_and(|increase| increase < 0.0) || ratio_floor.is_some_and(|floor| floor < 0.0) {
        return Some("maxIncrease and ratioFloor must not be below 0.");
    }
    (min > max && max.is_some()).then_some("min is above max, so no value would pass: swap them.")
}

fn preset(declared: &ApiGatewaySource) -> Result<Preset, &'static str> {
    let ApiGatewaySource { metric, threshold_ms } = declared;
    if let (ApiGatewayMetric::SlowRequestRate, Some(threshold)) = (metric, threshold_ms) {
        return Ok(Preset::SlowRequestRate { threshold_ms: f64::from(*threshold) });
    }
    let preset = match metric {
        ApiGatewayMetric::SlowRequestRate => {
            return Err("SlowRequestRate needs thresholdMs: set what a slow request is, such as thresholdMs: 800.");
        }
        ApiGatewayMetric::ErrorRate5xx => Preset::ErrorRate5xx,
        ApiGatewayMetric::ErrorRate4xx => Preset::ErrorRate4xx,
        ApiGatewayMetric::LatencyP50 => Preset::Latency(Latency::P50),
        ApiGatewayMetric::LatencyP90 => Preset::Latency(Latency::P90),
        ApiGatewayMetric::LatencyP99 => Preset::Latency(Latency::P99),
        ApiGatewayMetric::LatencyAverage => Preset::Latency(Latency::Average),
        ApiGatewayMetric::IntegrationLatencyP50 => Preset::IntegrationLatency(Latency::P50),
        ApiGatewayMetric::IntegrationLatencyP90 => Preset::IntegrationLatency(Latency::P90),
        ApiGatewayMetric::IntegrationLatencyP99 => Preset::IntegrationLatency(Latency::P99),
        ApiGatewayMetric::IntegrationLatencyAverage => Preset::IntegrationLatency(Latency::Average),
        ApiGatewayMetric::CacheHitRate => Preset::CacheHitRate,
    };
    match threshold_ms {
        None => Ok(preset),
        Some(_) => Err("thresholdMs belongs to SlowRequestRate: remove it."),
    }
}

fn series(declared: &CloudWatchSource) -> Result<Source, &'static str> {
    let CloudWatchSource { namespace, metric, dimensions, statistic, expression } = declared;
    match (expression, namespace, metric, statistic) {
        (Some(expression), None, None, None) if dimensions.is_none() => Ok(Source::Expression(expression.clone())),
        (None, Some(namespace), Some(metric), Some(statistic)) => Ok(Source::CloudWatch {
            namespace: namespace.clone(),
            metric: metric.clone(),
            dimensions: dimensions.clone().unwrap_or_default(),
            statistic: statistic.clone(),
        }),
        _ => Err(
            "cloudWatch has either expression alone, or namespace, metric and statistic (and dimensions, if there are any).",
        ),
    }
}

/// The texts of a source that are filled in.
fn texts(source: &Source) -> Vec<&str> {
    match source {
        Source::ApiGateway(_) => Vec::new(),
        Source::CloudWatch { namespace: _, metric: _, dimensions, statistic: _ } => {
            dimensions.values().map(String::as_str).collect()
        }
        Source::Expression(text) | Source::Alarm(text) | Source::Prometheus { provider: _, query: text } => vec![text],
    }
}

/// Whether everything in `${…}` will be filled in: what is not would be sent as it is, find nothing, and hold the release.
pub(super) fn known_placeholders(at: &str, text: &str) -> Result<(), InvalidCanary> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let placeholder = format!("${{{name}}}");
        if !PLACEHOLDERS.contains(&placeholder.as_str()) {
            return Err(InvalidCanary::Placeholder {
                at: at.to_owned(),
                placeholder: placeholder.chars().take(64).collect(),
            });
        }
        rest = after;
    }
    Ok(())
}
