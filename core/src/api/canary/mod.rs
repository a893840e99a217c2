//! The kind `ApiCanary`: how a release gets to all of a stage's traffic, and what is told about one under way.
//!
//! A policy that stays with its stage. The stage's own object decides and remembers (`ApiStage.status.release`); the status
//! here is a view of it that can be lost. An `ApiCanary` has no finalizer and is never written but for its status.

mod metric;
mod spec;
mod status;
mod webhook;

pub use metric::{
    AlarmSource, ApiGatewayMetric, ApiGatewaySource, CloudWatchSource, Metric, PrometheusSource, Sequential,
};
pub use spec::{
    Analysis, ApiCanary, ApiCanarySpec, ApprovalPolicy, CanarySeries, CustomSeries, Guard, OnFailure, OnNoData,
    Promotion, StageRef, Step,
};
pub use status::{ApiCanaryStatus, CanaryRelease};
pub use webhook::{Moment, Webhook};
