//! AWS's shapes as our types. The SDK's open enums and optional members end here.
//!
//! Each function answers `None` where a member is missing that AWS always sends: such a reply is not understood.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::operation::create_deployment::CreateDeploymentOutput;
use aws_sdk_apigateway::operation::create_stage::CreateStageOutput;
use aws_sdk_apigateway::operation::get_deployment::GetDeploymentOutput;
use aws_sdk_apigateway::operation::get_rest_api::GetRestApiOutput;
use aws_sdk_apigateway::operation::get_stage::GetStageOutput;
use aws_sdk_apigateway::operation::get_stages::GetStagesOutput;
use aws_sdk_apigateway::operation::put_gateway_response::PutGatewayResponseOutput;
use aws_sdk_apigateway::operation::update_deployment::UpdateDeploymentOutput;
use aws_sdk_apigateway::operation::update_gateway_response::UpdateGatewayResponseOutput;
use aws_sdk_apigateway::operation::update_stage::UpdateStageOutput;
use aws_sdk_apigateway::primitives::DateTime;
use aws_sdk_apigateway::types;
use jiff::Timestamp;
use stagecraft_core::api::gateway_response::ResponseType;
use stagecraft_core::api::names::{DeploymentId, RestApiId, StageName};
use stagecraft_core::observed::{
    AccessLog, ApiSummary, Availability, CacheCluster, Canary, Deployment, GatewayResponse, MethodSetting,
    MethodSummary, ResponseContent, RestApi, Stage,
};
use stagecraft_core::patch::{Op, PatchOperation};

/// A REST API.
pub(super) fn rest_api(shape: GetRestApiOutput) -> Option<RestApi> {
    let types = shape.endpoint_configuration.and_then(|endpoint| endpoint.types).unwrap_or_default();
    Some(RestApi {
        id: RestApiId::new(shape.id?),
        name: shape.name.unwrap_or_default(),
        private: types.contains(&types::EndpointType::Private),
        availability: availability(shape.api_status.as_ref()),
    })
}

fn availability(status: Option<&types::ApiStatus>) -> Availability {
    match status {
        Some(types::ApiStatus::Updating | types::ApiStatus::Pending) => Availability::Changing,
        _ => Availability::Available,
    }
}

/// All stages of a REST API, as a read tells them: their tags count.
pub(super) fn stages(shape: GetStagesOutput) -> Option<Vec<Stage>> {
    shape.item.unwrap_or_default().into_iter().map(stage_read).collect()
}

fn stage_read(shape: types::Stage) -> Option<Stage> {
    let tags = sorted(shape.tags.clone());
    Some(Stage { tags: Some(tags), ..stage_listed(shape)? })
}

/// One stage, as a read tells it: its tags count.
pub(super) fn stage(shape: GetStageOutput) -> Option<Stage> {
    let tags = sorted(shape.tags.clone());
    Some(Stage { tags: Some(tags), ..stage_alone(shape)? })
}

/// The four shapes of a stage have the same members and no common type.
macro_rules! stage {
    ($(#[$doc:meta])* $visibility:vis $name:ident, $shape:ty) => {
        $(#[$doc])*
        $visibility fn $name(shape: $shape) -> Option<Stage> {
            Some(Stage {
                name: StageName::new(shape.stage_name?),
                deployment_id: DeploymentId::new(shape.deployment_id?),
                description: given(shape.description),
                variables: sorted(shape.variables),
                tags: None,
                canary: shape.canary_settings.map(canary),
                created: shape.created_date.and_then(time),
                last_updated: shape.last_updated_date.and_then(time),
                web_acl_arn: given(shape.web_acl_arn),
                client_certificate_id: given(shape.client_certificate_id),
                documentation_version: given(shape.documentation_version),
                tracing_enabled: shape.tracing_enabled,
                cache: CacheCluster {
                    enabled: shape.cache_cluster_enabled,
                    size: given(shape.cache_cluster_size.map(|size| size.as_str().to_owned())),
                    status: shape.cache_cluster_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
                },
                method_settings: method_settings(shape.method_settings),
                access_log: access_log(shape.access_log_settings),
            })
        }
    };
}

stage! {
    stage_listed, types::Stage
}
stage! {
    stage_alone, GetStageOutput
}
stage! {
    /// The reply of `CreateStage`, without tags: they are judged from reads only.
    pub(super) created_stage, CreateStageOutput
}
stage! {
    /// The reply of `UpdateStage`, without tags: they are judged from reads only.
    pub(super) updated_stage, UpdateStageOutput
}

/// A canary without its deployment, which AWS never sends, gets an empty id: that is nobody's, so it is left alone, and
/// the other stages of the API stay readable.
fn canary(shape: types::CanarySettings) -> Canary {
    Canary {
        deployment_id: DeploymentId::new(shape.deployment_id.unwrap_or_default()),
        percent_traffic: shape.percent_traffic,
        use_stage_cache: shape.use_stage_cache,
        stage_variable_overrides: sorted(shape.stage_variable_overrides),
    }
}

fn method_settings(shape: Option<HashMap<String, types::MethodSetting>>) -> BTreeMap<String, MethodSetting> {
    shape.unwrap_or_default().into_iter().map(|(key, shape)| (key, method_setting(shape))).collect()
}

fn method_setting(shape: types::MethodSetting) -> MethodSetting {
    MethodSetting {
        metrics_enabled: shape.metrics_enabled,
        logging_level: given(shape.logging_level),
        data_trace_enabled: shape.data_trace_enabled,
        throttling_burst_limit: shape.throttling_burst_limit,
        throttling_rate_limit: shape.throttling_rate_limit,
        caching_enabled: shape.caching_enabled,
        cache_ttl_in_seconds: shape.cache_ttl_in_seconds,
        cache_data_encrypted: shape.cache_data_encrypted,
        require_authorization_for_cache_control: shape.require_authorization_for_cache_control,
        unauthorized_cache_control_header_strategy: given(
            shape.unauthorized_cache_control_header_strategy.map(|strategy| strategy.as_str().to_owned()),
        ),
    }
}

fn access_log(shape: Option<types::AccessLogSettings>) -> Option<AccessLog> {
    let shape = shape?;
    let log = AccessLog { destination_arn: given(shape.destination_arn), format: given(shape.format) };
    (log.destination_arn.is_some() || log.format.is_some()).then_some(log)
}

/// One of a REST API's deployments.
macro_rules! deployment {
    ($(#[$doc:meta])* $name:ident, $shape:ty) => {
        $(#[$doc])*
        pub(super) fn $name(shape: $shape) -> Option<Deployment> {
            Some(Deployment {
                id: DeploymentId::new(shape.id?),
                created: time(shape.created_date?)?,
                description: given(shape.description),
            })
        }
    };
}

deployment! {
    /// An entry of `GetDeployments`.
    listed_deployment, types::Deployment
}
deployment! {
    /// The reply of `CreateDeployment`.
    created_deployment, CreateDeploymentOutput
}
deployment! {
    /// The reply of `UpdateDeployment`.
    updated_deployment, UpdateDeploymentOutput
}

/// The shapes of a gateway response have the same members and no common type. `None`: a type that is newer than this code.
macro_rules! gateway_response {
    ($(#[$doc:meta])* $name:ident, $shape:ty) => {
        $(#[$doc])*
        pub(super) fn $name(shape: $shape) -> Option<GatewayResponse> {
            Some(GatewayResponse {
                response_type: ResponseType::parse(shape.response_type?.as_str())?,
                default_response: shape.default_response,
                content: ResponseContent {
                    status_code: given(shape.status_code),
                    response_parameters: sorted(shape.response_parameters),
                    response_templates: sorted(shape.response_templates),
                },
            })
        }
    };
}

gateway_response! {
    /// An entry of `GetGatewayResponses`.
    listed_response, types::GatewayResponse
}
gateway_response! {
    /// The reply of `PutGatewayResponse`.
    put_response, PutGatewayResponseOutput
}
gateway_response! {
    /// The reply of `UpdateGatewayResponse`.
    updated_response, UpdateGatewayResponseOutput
}

/// The methods of a snapshot. An API without any is not snapshotted, so an absent member is a reply to another question.
pub(super) fn api_summary(shape: GetDeploymentOutput) -> Option<ApiSummary> {
    let methods = |methods: HashMap<String, types::MethodSnapshot>| {
        methods
            .into_iter()
            .map(|(verb, shape)| {
                let authorization_type = shape.authorization_type.unwrap_or_default();
                (verb, MethodSummary { authorization_type, api_key_required: shape.api_key_required })
            })
            .collect()
    };
    Some(shape.api_summary?.into_iter().map(|(path, shape)| (path, methods(shape))).collect())
}

/// Our operation as the SDK takes it.
pub(super) fn patch(operation: &PatchOperation) -> types::PatchOperation {
    let PatchOperation { op, path, value, from } = operation;
    let op = match op {
        Op::Add => types::Op::Add,
        Op::Replace => types::Op::Replace,
        Op::Remove => types::Op::Remove,
        Op::Copy => types::Op::Copy,
    };
    types::PatchOperation::builder().op(op).path(path).set_value(value.clone()).set_from(from.clone()).build()
}

/// AWS leaves unset texts out, or sends them empty.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn sorted(map: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    map.unwrap_or_default().into_iter().collect()
}

fn time(time: DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}
