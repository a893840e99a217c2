//! CloudWatch's refusals. An error has two names: its shape's (in `__type`) and that of the former Query protocol (in
//! the header `x-amzn-query-error`), which SDKs show as its code.

use crate::error::ApiError;

/// A member whose value cannot be.
pub(super) fn invalid_value(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterValueException", message)
}

/// Members that exclude each other.
pub(super) fn invalid_combination(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterCombinationException", message)
}

/// A member that must be there.
pub(super) fn missing(member: &str) -> ApiError {
    ApiError::new(400, "MissingRequiredParameterException", format!("The parameter {member} is required."))
}

/// What `GetMetricData` and the alarm operations say of bad input; in the model, but of none of these operations.
pub(super) fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}

/// A token that this operation did not give out for this request.
pub(super) fn invalid_next_token() -> ApiError {
    ApiError::new(400, "InvalidNextToken", "The value of NextToken is not valid for this request.")
}

/// An alarm that is not there.
pub(super) fn resource_not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(404, "ResourceNotFound", message)
}

/// The name that the Query protocol has for this shape.
///
/// Source: the trait `awsQueryError` in the service's model.
pub(super) fn query_code(shape: &str) -> &str {
    match shape {
        "InternalFailure" | "InternalServiceFault" => "InternalServiceError",
        "InvalidFormatFault" => "InvalidFormat",
        "InvalidParameterCombinationException" => "InvalidParameterCombination",
        "InvalidParameterValueException" => "InvalidParameterValue",
        "LimitExceededFault" => "LimitExceeded",
        "MissingRequiredParameterException" => "MissingParameter",
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        "ValidationException" => "ValidationError",
        other => other,
    }
}
