//! Why an `ApiCanary` cannot be used as it is.

use crate::api::duration::Duration;
use crate::api::percent::Percent;

/// One sentence that says what to change. Indices count from 0, as in the messages of the apiserver.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidCanary {
    /// No stage.
    #[error("spec.stageRef.name is empty: set it to the name of the ApiStage whose releases this shall govern.")]
    NoStage,
    /// No step.
    #[error("spec.steps is empty: declare at least one step, such as setPercent: 10 with hold: 10m.")]
    NoSteps,
    /// A list that is too long.
    #[error("{list} has {found} entries and may have {most}: remove some.")]
    TooMany {
        /// Its path.
        list: &'static str,
        /// Its entries.
        found: usize,
        /// How many it may have.
        most: usize,
    },
    /// A percentage that API Gateway does not know.
    #[error(
        "spec.steps[{index}].setPercent is {percent} and must be above 0 and at most 100, with at most two decimals."
    )]
    Percent {
        /// Which step.
        index: usize,
        /// What it says.
        percent: f64,
    },
    /// A step that does not rise.
    #[error("spec.steps[{index}].setPercent is {percent} and must be more than the {before} of the step before it.")]
    NotRising {
        /// Which step.
        index: usize,
        /// What it says.
        percent: Percent,
        /// What the one before says.
        before: Percent,
    },
    /// Both or neither of two exclusive fields.
    #[error(
        "spec.steps[{index}] has either hold or approval: set one of them, such as hold: 10m or approval: Required."
    )]
    HoldOrApproval {
        /// Which step.
        index: usize,
    },
    /// Checks in too quick a succession.
    #[error("spec.analysis.interval is {interval} and must be at least 10s.")]
    Interval {
        /// What it says.
        interval: Duration,
    },
    /// A window that `CloudWatch` cannot answer for.
    #[error(
        "spec.analysis.window is {window} and must be whole minutes, at least one: CloudWatch's metrics have a grain of one minute."
    )]
    WindowMinutes {
        /// What it says.
        window: Duration,
    },
    /// Time that no check would look at.
    #[error(
        "spec.analysis.window is {window} and must not be shorter than the interval of {interval}, or checks would miss what happens between them."
    )]
    WindowShort {
        /// What it says.
        window: Duration,
        /// The time between two checks.
        interval: Duration,
    },
    /// A count of none where there must be one.
    #[error("{field} is 0 and must be at least 1.")]
    Zero {
        /// Its path.
        field: &'static str,
    },
    /// Series without the word that they are wanted, or the other way round.
    #[error("spec.analysis.customSeries and canarySeries: Custom belong together: set both, or neither.")]
    CustomSeries,
    /// A name twice.
    #[error("{list} has two entries of the name {name:?}: rename one of them.")]
    Duplicate {
        /// Path of the list.
        list: &'static str,
        /// The name.
        name: String,
    },
    /// A metric without a source, or with several.
    #[error(
        "spec.analysis.metrics: {name} must have exactly one source: keep one of apiGateway, cloudWatch, alarm and prometheus."
    )]
    Source {
        /// The metric.
        name: String,
    },
    /// A metric that cannot be judged.
    #[error("spec.analysis.metrics: {problem}")]
    Metric {
        /// The metric's name, what is wrong, and what to change.
        problem: String,
    },
    /// A `${…}` that nobody fills in.
    #[error(
        "{at} uses {placeholder:?}, which nothing fills in: use ${{restApiId}}, ${{apiName}}, ${{stageName}}, ${{canaryDeploymentId}}, ${{stableDeploymentId}} or ${{window}}."
    )]
    Placeholder {
        /// Where.
        at: String,
        /// What was found.
        placeholder: String,
    },
    /// An override that API Gateway refuses.
    #[error(
        "spec.stageVariableOverrides: {name:?} or its value holds a character that API Gateway refuses: names are letters, digits and _, values letters, digits and - . _ ~ : / ? # & = , only."
    )]
    Override {
        /// The variable.
        name: String,
    },
    /// A webhook that cannot be called.
    #[error("spec.webhooks: {name} {problem}")]
    Webhook {
        /// The webhook.
        name: String,
        /// What is wrong, and what to change.
        problem: &'static str,
    },
}
