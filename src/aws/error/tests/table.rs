//! The table of answers, row by row: what is known of them, what each means, and how an operator reacts to it.
//!
//! The texts are AWS's own, to the letter, with all that they carry: a text that lists every path that there is holds the
//! words of many other patterns.

use super::*;
use Operation::{
    CreateDeployment, CreateStage, DeleteDeployment, DeleteStage, GetDeployments, GetRestApi, GetStages,
    UpdateDeployment, UpdateStage,
};

/// How an operator reacts, in the words of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    /// Again, by itself.
    Retry,
    /// Something must appear or go first.
    Wait,
    /// It exists: the adoption policy decides.
    Adopt,
    /// Refused until the spec or the plan changes.
    Invalid,
    /// Credentials or permissions.
    Denied,
    /// What was wanted is so already, or the thing is absent, which a deletion wants.
    Done,
}

/// The reaction that a cause leads to. Where absence decides, the caller knows whether it wanted that.
fn reaction(cause: &Cause) -> Reaction {
    match (cause, cause.class()) {
        (Cause::StageExists, _) => Reaction::Adopt,
        (Cause::AlreadyAbsent | Cause::StageNotFound, _) => Reaction::Done,
        (_, Class::Throttled { .. } | Class::Conflict | Class::Transient) => Reaction::Retry,
        (_, Class::WaitingFor) => Reaction::Wait,
        (_, Class::Invalid | Class::Quota) => Reaction::Invalid,
        (_, Class::Denied) => Reaction::Denied,
    }
}

const DENIED_TEXT: &str = "User: arn:aws:sts::123456789012:assumed-role/stagecraft/s is not authorized to perform: \
     apigateway:PATCH on resource: arn:aws:apigateway:eu-west-1::/restapis/a1b2c3d4e5/stages/prod because no \
     identity-based policy allows the apigateway:PATCH action";

const PATHS: &str = "[/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, \
     /accessLogSettings, /accessLogSettings/destinationArn, /accessLogSettings/format, \
     /{resourcePath}/{httpMethod}/metrics/enabled, /{resourcePath}/{httpMethod}/logging/dataTrace, \
     /{resourcePath}/{httpMethod}/logging/loglevel, \
     /{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit/{resourcePath}/{httpMethod}/caching/ttlInSeconds, \
     /*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, /variables/{variable_name}, /tracingEnabled]";

const VARIABLE_VALUE: &str = "Invalid stage variable value: Rate exceeded!.  Please use values with alphanumeric characters \
     and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','.";

/// Calls that can be answered so, the answer, and the reaction to it.
type Answered<'a> = (&'a [Operation], u16, Option<&'a str>, &'a str, Reaction);

/// Rows of the error table that calls of ours can meet, in its order.
#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn every_row_of_the_error_table_has_its_reaction() {
    let rows: &[Answered<'_>] = &[
        (&all(), 429, Some("TooManyRequestsException"), "Too Many Requests", Reaction::Retry),
        (&all(), 429, Some("TooManyRequestsException"), "Rate exceeded", Reaction::Retry),
        (&all(), 429, Some("LimitExceededException"), "Rate exceeded", Reaction::Retry),
        (&all(), 429, Some("LimitExceededException"), "The maximum number of stages is reached", Reaction::Invalid),
        (&all(), 500, None, "", Reaction::Retry),
        (&all(), 502, None, "", Reaction::Retry),
        (&all(), 503, Some("ServiceUnavailableException"), "", Reaction::Retry),
        (&all(), 504, None, "", Reaction::Retry),
        (&all(), 409, CONFLICT, CONCURRENT, Reaction::Retry),
        (&all(), 400, BAD_REQUEST, CONCURRENT, Reaction::Retry),
        (&[CreateStage], 409, CONFLICT, "Stage already exists", Reaction::Adopt),
        (&all(), 404, NOT_FOUND, "Invalid API identifier specified 123456789012:a1b2c3d4e5", Reaction::Wait),
        (&[UpdateStage, DeleteStage], 404, NOT_FOUND, "Invalid stage identifier specified", Reaction::Done),
        (
            &[Operation::GetDeployment, UpdateDeployment, DeleteDeployment],
            404,
            NOT_FOUND,
            "Invalid Deployment identifier specified",
            Reaction::Wait,
        ),
        (&[CreateDeployment], 400, BAD_REQUEST, "The REST API doesn't contain any methods", Reaction::Wait),
        (&[CreateDeployment], 400, BAD_REQUEST, "No integration defined for method", Reaction::Wait),
        (
            &[CreateDeployment],
            400,
            BAD_REQUEST,
            "Invalid deployment content specified.Non canary deployment not supported on stage prod because Canary is \
             enabled. Provide CanarySettings in deploymentInput.",
            Reaction::Wait,
        ),
        (
            &[CreateDeployment],
            400,
            BAD_REQUEST,
            "Invalid deployment content specified.Non null and non empty stageName must be provided for canary \
             deployment. Provided value is null",
            Reaction::Invalid,
        ),
        (
            &[DeleteDeployment],
            400,
            BAD_REQUEST,
            "Active stages pointing to this deployment must be moved or deleted",
            Reaction::Wait,
        ),
        (
            &[DeleteDeployment],
            400,
            BAD_REQUEST,
            "Active stages with canary settings pointing to this deployment must be moved or deleted",
            Reaction::Wait,
        ),
        (&[CreateStage, UpdateStage], 400, BAD_REQUEST, "Deployment id does not exist", Reaction::Wait),
        (&[CreateStage], 400, BAD_REQUEST, "DeploymentId cannot be empty", Reaction::Invalid),
        (&[CreateStage], 400, BAD_REQUEST, "Stage name only allows a-zA-Z0-9_", Reaction::Invalid),
        (
            &[UpdateStage],
            400,
            BAD_REQUEST,
            "CloudWatch Logs role ARN must be set in account settings to enable logging",
            Reaction::Wait,
        ),
        (
            &[UpdateStage],
            400,
            BAD_REQUEST,
            "Update size too large. Try updating stage in multiple UpdateStage operations",
            // A plan of ours that is too large is one that must change.
            Reaction::Invalid,
        ),
        (&[UpdateStage], 400, BAD_REQUEST, "Promotion not available. Canary does not exist.", Reaction::Wait),
        (
            &[DeleteStage],
            400,
            BAD_REQUEST,
            "Deleting stage prod failed. Please remove all base path mappings related to the stage in your domains: \
             api.example.com",
            Reaction::Wait,
        ),
        (&[DeleteStage], 400, BAD_REQUEST, "a usage plan, in words that nobody has recorded", Reaction::Wait),
        (&[DeleteStage], 409, CONFLICT, "a usage plan, in words that nobody has recorded", Reaction::Wait),
        (&all(), 403, Some("AccessDeniedException"), DENIED_TEXT, Reaction::Denied),
        (&all(), 403, Some("MissingAuthenticationTokenException"), "Missing Authentication Token", Reaction::Denied),
        (&all(), 403, Some("InvalidSignatureException"), "Signature expired", Reaction::Denied),
        (&all(), 403, Some("UnrecognizedClientException"), "The security token is invalid.", Reaction::Denied),
        (&all(), 403, Some("ExpiredTokenException"), "The security token has expired", Reaction::Denied),
        (&all(), 401, Some("UnauthorizedException"), "", Reaction::Denied),
        (
            &[UpdateStage],
            400,
            Some("ValidationException"),
            "1 validation error detected: Value 'wrong' at 'updateStageInput.patchOperations.1.member.op' failed to satisfy \
             constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]",
            Reaction::Invalid,
        ),
        (
            &[CreateStage],
            400,
            Some("SerializationException"),
            "class java.lang.Boolean can not be converted to an String",
            Reaction::Invalid,
        ),
    ];
    for (operations, status, code, message, expected) in rows {
        for operation in *operations {
            let cause = cause(*operation, *status, *code, message);
            assert_eq!(reaction(&cause), *expected, "{operation}: {status} {code:?} {message}: {cause:?}");
        }
    }
}

/// The refusals of patches, to the letter. All are the plan's fault or the user's, but for what is absent already.
#[test]
fn every_refusal_of_a_patch_is_final_unless_it_says_absent() {
    let cannot =
        |path: &str| format!("Cannot remove method setting {path} because there is no method setting for this method ");
    let rows = [
        (format!("Invalid method setting path: /canarySettings. Must be one of: {PATHS}"), Cause::Refused),
        (format!("Invalid method setting path: /throttling/x. Must be one of: {PATHS}"), Cause::Refused),
        (
            "Invalid method setting path: /accessLogSettings/format. Must be one of: [.../metrics/enabled, \
             .../logging/dataTrace, .../logging/loglevel,.../throttling/burstLimit, .../throttling/rateLimit]"
                .to_owned(),
            Cause::Refused,
        ),
        ("Invalid add operation with path: /canarySettings/deploymentId".to_owned(), Cause::Refused),
        ("Invalid add operation with path: /*/*/throttling/rateLimit".to_owned(), Cause::Refused),
        (cannot("canarySettings/percentTraffic"), Cause::Refused),
        (cannot("*/*/throttling/rateLimit"), Cause::Refused),
        (cannot("~1orders/GET"), Cause::AlreadyAbsent),
        (
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]"
                .to_owned(),
            Cause::Refused,
        ),
        ("Access Log value must not be empty".to_owned(), Cause::Refused),
        (
            "Access log destination must only contain characters a-z, A-Z, 0-9, '_', '-', '/', '.': 'throttled/rate:*'"
                .to_owned(),
            Cause::Refused,
        ),
        (
            "Invalid copy operation with path: /variables and from /x. Valid copy:path are [/deploymentId, /variables] \
             and valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
                .to_owned(),
            Cause::Refused,
        ),
        ("Promotion not available. Canary does not exist.".to_owned(), Cause::NoCanary),
        ("Deployment id does not exist".to_owned(), Cause::DeploymentNotFound),
        (
            "Invalid stage variable name: rate-limit.  Please use names with only word characters.".to_owned(),
            Cause::Refused,
        ),
        (VARIABLE_VALUE.to_owned(), Cause::Refused),
    ];
    for (message, expected) in rows {
        assert_eq!(cause(UpdateStage, 400, BAD_REQUEST, &message), expected, "{message}");
    }
}

#[test]
fn a_throttle_in_the_clothes_of_a_bad_request_is_still_one() {
    for message in ["Rate exceeded", "Too Many Requests", "Rate exceeded for GetStages"] {
        for operation in [GetRestApi, GetStages, GetDeployments, UpdateStage] {
            let cause = cause(operation, 400, BAD_REQUEST, message);
            assert_eq!(cause, Cause::Throttled { retry_after: None }, "{operation}: {message}");
        }
    }
}

const CONCURRENT: &str = "Unable to complete operation due to concurrent modification. Please try again later.";
