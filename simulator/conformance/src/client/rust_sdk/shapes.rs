//! Shows the SDK's results in the words of the wire.

use std::collections::HashMap;

use aws_sdk_apigateway::types;
use aws_smithy_types::DateTime;
use serde_json::{Map, Value, json};

/// What is shown of a field; `None` for one that is not set.
pub(super) trait Show {
    fn show(&self) -> Option<Value>;
}

impl<T: Show> Show for Option<T> {
    fn show(&self) -> Option<Value> {
        self.as_ref().and_then(Show::show)
    }
}

impl<T: Show> Show for Vec<T> {
    fn show(&self) -> Option<Value> {
        Some(self.iter().map(|item| item.show().unwrap_or_default()).collect())
    }
}

impl<T: Show> Show for HashMap<String, T> {
    fn show(&self) -> Option<Value> {
        Some(Value::Object(self.iter().map(|(key, value)| (key.clone(), value.show().unwrap_or_default())).collect()))
    }
}

macro_rules! plain {
    ($($kind:ty),+) => { $(impl Show for $kind {
        fn show(&self) -> Option<Value> {
            Some(json!(self))
        }
    })+ };
}

plain!(String, bool, i32, i64, f64);

impl Show for DateTime {
    fn show(&self) -> Option<Value> {
        Some(if self.subsec_nanos() == 0 { json!(self.secs()) } else { json!(self.as_secs_f64()) })
    }
}

macro_rules! open_enum {
    ($($kind:ty),+) => { $(impl Show for $kind {
        fn show(&self) -> Option<Value> {
            Some(json!(self.as_str()))
        }
    })+ };
}
pub(super) use open_enum;

open_enum!(
    types::ApiKeySourceType,
    types::ApiStatus,
    types::CacheClusterSize,
    types::CacheClusterStatus,
    types::ConnectionType,
    types::ContentHandlingStrategy,
    types::DocumentationPartType,
    types::EndpointAccessMode,
    types::EndpointType,
    types::GatewayResponseType,
    types::IntegrationType,
    types::IpAddressType,
    types::ResponseTransferMode,
    types::SecurityPolicy,
    types::UnauthorizedCacheControlHeaderStrategy
);

/// The members that are set, as one object; always one, in the shape of [`Show::show`].
#[expect(clippy::unnecessary_wraps, reason = "what shows a type returns an option")]
pub(super) fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Option<Value> {
    let set = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Some(Value::Object(set.collect::<Map<_, _>>()))
}

/// A function that shows a type by these fields.
macro_rules! shown {
    ($output:expr, { $($name:literal: $field:ident),+ $(,)? }) => {
        $crate::client::rust_sdk::shapes::object([
            $(($name, $crate::client::rust_sdk::shapes::Show::show(&$output.$field))),+
        ])
    };
}
pub(super) use shown;

/// The same for types by name.
macro_rules! structure {
    ($kind:ty, $fields:tt) => {
        impl $crate::client::rust_sdk::shapes::Show for $kind {
            fn show(&self) -> Option<serde_json::Value> {
                $crate::client::rust_sdk::shapes::shown!(self, $fields)
            }
        }
    };
}
pub(super) use structure;

// Some results of operations are types of their own with the same fields as the thing that they show: one macro each.

macro_rules! stage {
    ($output:expr) => {
        shown!($output, {
            "deploymentId": deployment_id, "clientCertificateId": client_certificate_id, "stageName": stage_name,
            "description": description, "cacheClusterEnabled": cache_cluster_enabled,
            "cacheClusterSize": cache_cluster_size, "cacheClusterStatus": cache_cluster_status,
            "methodSettings": method_settings, "variables": variables, "documentationVersion": documentation_version,
            "accessLogSettings": access_log_settings, "canarySettings": canary_settings,
            "tracingEnabled": tracing_enabled, "webAclArn": web_acl_arn, "tags": tags, "createdDate": created_date,
            "lastUpdatedDate": last_updated_date,
        })
    };
}
pub(super) use stage;

macro_rules! deployment {
    ($output:expr) => {
        shown!($output, {
            "id": id, "description": description, "createdDate": created_date, "apiSummary": api_summary,
        })
    };
}
pub(super) use deployment;

macro_rules! rest_api {
    ($output:expr) => {
        shown!($output, {
            "id": id, "name": name, "description": description, "createdDate": created_date, "version": version,
            "warnings": warnings, "binaryMediaTypes": binary_media_types,
            "minimumCompressionSize": minimum_compression_size, "apiKeySource": api_key_source,
            "endpointConfiguration": endpoint_configuration, "policy": policy, "tags": tags,
            "disableExecuteApiEndpoint": disable_execute_api_endpoint, "rootResourceId": root_resource_id,
            "securityPolicy": security_policy, "endpointAccessMode": endpoint_access_mode, "apiStatus": api_status,
            "apiStatusMessage": api_status_message,
        })
    };
}
pub(super) use rest_api;

macro_rules! resource {
    ($output:expr) => {
        shown!($output, {
            "id": id, "parentId": parent_id, "pathPart": path_part, "path": path, "resourceMethods": resource_methods,
        })
    };
}
pub(super) use resource;

macro_rules! method {
    ($output:expr) => {
        shown!($output, {
            "httpMethod": http_method, "authorizationType": authorization_type, "authorizerId": authorizer_id,
            "apiKeyRequired": api_key_required, "requestValidatorId": request_validator_id,
            "operationName": operation_name, "requestParameters": request_parameters, "requestModels": request_models,
            "methodResponses": method_responses, "methodIntegration": method_integration,
            "authorizationScopes": authorization_scopes,
        })
    };
}
pub(super) use method;

macro_rules! integration {
    ($output:expr) => {
        shown!($output, {
            "type": r#type, "httpMethod": http_method, "uri": uri, "connectionType": connection_type,
            "connectionId": connection_id, "credentials": credentials, "requestParameters": request_parameters,
            "requestTemplates": request_templates, "passthroughBehavior": passthrough_behavior,
            "contentHandling": content_handling, "timeoutInMillis": timeout_in_millis,
            "cacheNamespace": cache_namespace, "cacheKeyParameters": cache_key_parameters,
            "integrationResponses": integration_responses, "responseTransferMode": response_transfer_mode,
            "integrationTarget": integration_target,
        })
    };
}
pub(super) use integration;

macro_rules! method_response {
    ($output:expr) => {
        shown!($output, {
            "statusCode": status_code, "responseParameters": response_parameters, "responseModels": response_models,
        })
    };
}
pub(super) use method_response;

macro_rules! integration_response {
    ($output:expr) => {
        shown!($output, {
            "statusCode": status_code, "selectionPattern": selection_pattern,
            "responseParameters": response_parameters, "responseTemplates": response_templates,
            "contentHandling": content_handling,
        })
    };
}
pub(super) use integration_response;

macro_rules! gateway_response {
    ($output:expr) => {
        shown!($output, {
            "responseType": response_type, "statusCode": status_code, "responseParameters": response_parameters,
            "responseTemplates": response_templates, "defaultResponse": default_response,
        })
    };
}
pub(super) use gateway_response;

macro_rules! certificate {
    ($output:expr) => {
        shown!($output, {
            "clientCertificateId": client_certificate_id, "description": description,
            "pemEncodedCertificate": pem_encoded_certificate, "createdDate": created_date,
            "expirationDate": expiration_date, "tags": tags,
        })
    };
}
pub(super) use certificate;

macro_rules! documentation_part {
    ($output:expr) => {
        shown!($output, { "id": id, "location": location, "properties": properties })
    };
}
pub(super) use documentation_part;

macro_rules! documentation_version {
    ($output:expr) => {
        shown!($output, { "version": version, "createdDate": created_date, "description": description })
    };
}
pub(super) use documentation_version;

macro_rules! account {
    ($output:expr) => {
        shown!($output, {
            "cloudwatchRoleArn": cloudwatch_role_arn, "throttleSettings": throttle_settings, "features": features,
            "apiKeyVersion": api_key_version,
        })
    };
}
pub(super) use account;

impl Show for types::Stage {
    fn show(&self) -> Option<Value> {
        stage!(self)
    }
}

impl Show for types::Deployment {
    fn show(&self) -> Option<Value> {
        deployment!(self)
    }
}

impl Show for types::RestApi {
    fn show(&self) -> Option<Value> {
        rest_api!(self)
    }
}

impl Show for types::Resource {
    fn show(&self) -> Option<Value> {
        resource!(self)
    }
}

impl Show for types::Method {
    fn show(&self) -> Option<Value> {
        method!(self)
    }
}

impl Show for types::Integration {
    fn show(&self) -> Option<Value> {
        integration!(self)
    }
}

impl Show for types::MethodResponse {
    fn show(&self) -> Option<Value> {
        method_response!(self)
    }
}

impl Show for types::IntegrationResponse {
    fn show(&self) -> Option<Value> {
        integration_response!(self)
    }
}

impl Show for types::GatewayResponse {
    fn show(&self) -> Option<Value> {
        gateway_response!(self)
    }
}

impl Show for types::ClientCertificate {
    fn show(&self) -> Option<Value> {
        certificate!(self)
    }
}

impl Show for types::DocumentationPart {
    fn show(&self) -> Option<Value> {
        documentation_part!(self)
    }
}

impl Show for types::DocumentationVersion {
    fn show(&self) -> Option<Value> {
        documentation_version!(self)
    }
}

structure!(types::MethodSetting, {
    "metricsEnabled": metrics_enabled, "loggingLevel": logging_level, "dataTraceEnabled": data_trace_enabled,
    "throttlingBurstLimit": throttling_burst_limit, "throttlingRateLimit": throttling_rate_limit,
    "cachingEnabled": caching_enabled, "cacheTtlInSeconds": cache_ttl_in_seconds,
    "cacheDataEncrypted": cache_data_encrypted,
    "requireAuthorizationForCacheControl": require_authorization_for_cache_control,
    "unauthorizedCacheControlHeaderStrategy": unauthorized_cache_control_header_strategy,
});
structure!(types::AccessLogSettings, { "format": format, "destinationArn": destination_arn });
structure!(types::CanarySettings, {
    "percentTraffic": percent_traffic, "deploymentId": deployment_id,
    "stageVariableOverrides": stage_variable_overrides, "useStageCache": use_stage_cache,
});
structure!(types::MethodSnapshot, { "authorizationType": authorization_type, "apiKeyRequired": api_key_required });
structure!(types::EndpointConfiguration, {
    "types": types, "ipAddressType": ip_address_type, "vpcEndpointIds": vpc_endpoint_ids,
});
structure!(types::ThrottleSettings, { "burstLimit": burst_limit, "rateLimit": rate_limit });
structure!(types::DocumentationPartLocation, {
    "type": r#type, "path": path, "method": method, "statusCode": status_code, "name": name,
});
