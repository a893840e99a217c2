//! The operations that Stagecraft sends.

use std::fmt;

/// An operation of AWS, by AWS's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Whose credentials these are (STS).
    GetCallerIdentity,
    /// One REST API.
    GetRestApi,
    /// All stages of a REST API.
    GetStages,
    /// One stage, where listing them is denied.
    GetStage,
    /// One page of the deployments of a REST API.
    GetDeployments,
    /// One deployment, with its `apiSummary`.
    GetDeployment,
    /// A snapshot of a REST API.
    CreateDeployment,
    /// A new description for a deployment.
    UpdateDeployment,
    /// The end of a deployment.
    DeleteDeployment,
    /// A new stage.
    CreateStage,
    /// A patch of a stage.
    UpdateStage,
    /// The end of a stage.
    DeleteStage,
    /// The stage's cache emptied.
    FlushStageCache,
    /// The stage's authorizer cache emptied.
    FlushStageAuthorizersCache,
    /// Tags added or overwritten.
    TagResource,
    /// Tags removed.
    UntagResource,
    /// Values of metrics (`CloudWatch`).
    GetMetricData,
    /// Which metrics there are (`CloudWatch`).
    ListMetrics,
    /// States of alarms (`CloudWatch`).
    DescribeAlarms,
    /// All gateway responses of a REST API.
    GetGatewayResponses,
    /// A gateway response as a whole.
    PutGatewayResponse,
    /// A patch of a gateway response.
    UpdateGatewayResponse,
    /// The end of a customised gateway response.
    DeleteGatewayResponse,
}

impl Operation {
    /// Every operation, for metrics that exist before the first call.
    pub const ALL: [Self; 23] = [
        Self::GetCallerIdentity,
        Self::GetRestApi,
        Self::GetStages,
        Self::GetStage,
        Self::GetDeployments,
        Self::GetDeployment,
        Self::CreateDeployment,
        Self::UpdateDeployment,
        Self::DeleteDeployment,
        Self::CreateStage,
        Self::UpdateStage,
        Self::DeleteStage,
        Self::FlushStageCache,
        Self::FlushStageAuthorizersCache,
        Self::TagResource,
        Self::UntagResource,
        Self::GetMetricData,
        Self::ListMetrics,
        Self::DescribeAlarms,
        Self::GetGatewayResponses,
        Self::PutGatewayResponse,
        Self::UpdateGatewayResponse,
        Self::DeleteGatewayResponse,
    ];

    /// AWS's name of it, which is also the label of metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GetCallerIdentity => "GetCallerIdentity",
            Self::GetRestApi => "GetRestApi",
            Self::GetStages => "GetStages",
            Self::GetStage => "GetStage",
            Self::GetDeployments => "GetDeployments",
            Self::GetDeployment => "GetDeployment",
            Self::CreateDeployment => "CreateDeployment",
            Self::UpdateDeployment => "UpdateDeployment",
            Self::DeleteDeployment => "DeleteDeployment",
            Self::CreateStage => "CreateStage",
            Self::UpdateStage => "UpdateStage",
            Self::DeleteStage => "DeleteStage",
            Self::FlushStageCache => "FlushStageCache",
            Self::FlushStageAuthorizersCache => "FlushStageAuthorizersCache",
            Self::TagResource => "TagResource",
            Self::UntagResource => "UntagResource",
            Self::GetMetricData => "GetMetricData",
            Self::ListMetrics => "ListMetrics",
            Self::DescribeAlarms => "DescribeAlarms",
            Self::GetGatewayResponses => "GetGatewayResponses",
            Self::PutGatewayResponse => "PutGatewayResponse",
            Self::UpdateGatewayResponse => "UpdateGatewayResponse",
            Self::DeleteGatewayResponse => "DeleteGatewayResponse",
        }
    }

    /// Whether it is one of API Gateway, whose quota the limiter keeps.
    #[must_use]
    pub fn is_api_gateway(self) -> bool {
        match self {
            Self::GetCallerIdentity | Self::GetMetricData | Self::ListMetrics | Self::DescribeAlarms => false,
            Self::GetRestApi
            | Self::GetStages
            | Self::GetStage
            | Self::GetDeployments
            | Self::GetDeployment
            | Self::CreateDeployment
            | Self::UpdateDeployment
            | Self::DeleteDeployment
            | Self::CreateStage
            | Self::UpdateStage
            | Self::DeleteStage
            | Self::FlushStageCache
            | Self::FlushStageAuthorizersCache
            | Self::TagResource
            | Self::UntagResource
            | Self::GetGatewayResponses
            | Self::PutGatewayResponse
            | Self::UpdateGatewayResponse
            | Self::DeleteGatewayResponse => true,
        }
    }

    /// Whether it changes something in AWS, so that only a leader sends it.
    #[must_use]
    pub fn is_write(self) -> bool {
        match self {
            Self::GetCallerIdentity
            | Self::GetRestApi
            | Self::GetStages
            | Self::GetStage
            | Self::GetDeployments
            | Self::GetDeployment
            | Self::GetMetricData
            | Self::ListMetrics
            | Self::DescribeAlarms
            | Self::GetGatewayResponses => false,
            Self::CreateDeployment
            | Self::UpdateDeployment
            | Self::DeleteDeployment
            | Self::CreateStage
            | Self::UpdateStage
            | Self::DeleteStage
            | Self::FlushStageCache
            | Self::FlushStageAuthorizersCache
            | Self::TagResource
            | Self::UntagResource
            | Self::PutGatewayResponse
            | Self::UpdateGatewayResponse
            | Self::DeleteGatewayResponse => true,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
