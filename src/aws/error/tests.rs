mod facts;
mod model;
mod table;

use super::*;

const BAD_REQUEST: Option<&str> = Some("BadRequestException");
const NOT_FOUND: Option<&str> = Some("NotFoundException");
const CONFLICT: Option<&str> = Some("ConflictException");

fn cause(operation: Operation, status: u16, code: Option<&str>, message: &str) -> Cause {
    let message = (!message.is_empty()).then_some(message);
    Answer { operation, status, code, message, retry_after: None }.cause()
}

/// One refusal of AWS and what it means, for each operation that can get it.
type Row<'a> = (&'a [Operation], u16, Option<&'a str>, &'a str, Cause);

fn check(rows: &[Row<'_>]) {
    for (operations, status, code, message, expected) in rows {
        for operation in *operations {
            assert_eq!(
                cause(*operation, *status, *code, message),
                *expected,
                "{operation}: {status} {code:?} {message}"
            );
        }
    }
}

/// API Gateway's own; STS is apart.
fn all() -> Vec<Operation> {
    Operation::ALL.into_iter().filter(|operation| operation.is_api_gateway()).collect()
}

#[test]
fn what_every_call_can_meet() {
    let throttled = Cause::Throttled { retry_after: None };
    let user = "User: arn:aws:iam::123456789012:role/x is not authorized to perform: apigateway:PATCH on resource: \
                arn:aws:apigateway:eu-west-1::/restapis/a1b2c3";
    check(&[
        (&all(), 429, Some("TooManyRequestsException"), "Too Many Requests", throttled.clone()),
        (&all(), 429, Some("TooManyRequestsException"), "Rate exceeded", throttled.clone()),
        (&all(), 429, None, "", throttled.clone()),
        (&all(), 429, Some("LimitExceededException"), "Rate exceeded", throttled.clone()),
        (&all(), 429, Some("LimitExceededException"), "The maximum number of stages is reached", Cause::Quota),
        (&all(), 429, Some("LimitExceededException"), "Too many integrations were generated", Cause::Quota),
        (&all(), 400, Some("ThrottlingException"), "Rate exceeded", throttled.clone()),
        (&all(), 400, BAD_REQUEST, "Rate exceeded", throttled),
        (&all(), 500, None, "", Cause::ServiceFailed),
        (&all(), 502, None, "", Cause::ServiceFailed),
        (&all(), 503, Some("ServiceUnavailableException"), "", Cause::ServiceFailed),
        (&all(), 504, None, "Please try again later.", Cause::ServiceFailed),
        (&all(), 403, Some("AccessDeniedException"), user, Cause::Denied),
        (&all(), 403, Some("MissingAuthenticationTokenException"), "Missing Authentication Token", Cause::Denied),
        (&all(), 403, Some("InvalidSignatureException"), "", Cause::Denied),
        (&all(), 403, Some("UnrecognizedClientException"), "", Cause::Denied),
        (&all(), 403, Some("ExpiredTokenException"), "", Cause::CredentialsExpired),
        (&all(), 400, Some("ExpiredTokenException"), "", Cause::CredentialsExpired),
        (&all(), 403, Some("ExpiredToken"), "", Cause::CredentialsExpired),
        (&all(), 401, Some("UnauthorizedException"), "", Cause::Denied),
        (&[Operation::UpdateStage], 400, Some("ValidationException"), "1 validation error detected: x", Cause::Refused),
        (&[Operation::UpdateStage], 400, Some("SerializationException"), "class java.lang.Boolean", Cause::Refused),
    ]);
}

#[test]
fn two_writers_at_once_are_a_conflict_whatever_the_code() {
    let text = "Unable to complete operation due to concurrent modification. Please try again later.";
    check(&[
        (&all(), 409, CONFLICT, text, Cause::ConcurrentModification),
        (&all(), 400, BAD_REQUEST, text, Cause::ConcurrentModification),
        (&[Operation::UpdateStage, Operation::CreateDeployment], 409, CONFLICT, "", Cause::ConcurrentModification),
    ]);
}

#[test]
fn absent_is_only_what_aws_calls_so() {
    use Operation::*;
    let no_api = "Invalid API identifier specified 123456789012:a1b2c3";
    let deployment_calls = [GetDeployment, UpdateDeployment, DeleteDeployment];
    check(&[
        (&all(), 404, NOT_FOUND, no_api, Cause::RestApiNotFound),
        (&[UpdateStage, DeleteStage], 404, NOT_FOUND, "Invalid stage identifier specified", Cause::StageNotFound),
        (&[UpdateStage], 404, NOT_FOUND, "Invalid stage variable name specified", Cause::AlreadyAbsent),
        (&[UpdateGatewayResponse], 404, NOT_FOUND, "Invalid parameter name specified", Cause::AlreadyAbsent),
        (&[DeleteGatewayResponse], 404, NOT_FOUND, "Gateway response type not defined on api", Cause::AlreadyAbsent),
        (&[GetGatewayResponses, PutGatewayResponse], 404, NOT_FOUND, "", Cause::RestApiNotFound),
        (
            &[PutGatewayResponse],
            400,
            BAD_REQUEST,
            "Invalid mapping expression specified: 'Rate exceeded, try again later'",
            Cause::Refused,
        ),
        (&[UpdateStage], 404, NOT_FOUND, "", Cause::StageNotFound),
        (&[TagResource, UntagResource], 404, NOT_FOUND, "", Cause::StageNotFound),
        (&[TagResource], 400, BAD_REQUEST, "Invalid stage identifier specified", Cause::StageNotFound),
        (&[TagResource], 400, BAD_REQUEST, no_api, Cause::RestApiNotFound),
        (&deployment_calls, 404, NOT_FOUND, "Invalid Deployment identifier specified", Cause::DeploymentNotFound),
        (&deployment_calls, 404, NOT_FOUND, "in words that nobody has recorded", Cause::DeploymentNotFound),
        (&[GetRestApi, GetStages, CreateStage], 404, NOT_FOUND, "", Cause::RestApiNotFound),
        (&all(), 404, None, "<html>not found</html>", Cause::ServiceFailed),
        (&all(), 404, Some("UnknownOperationException"), "", Cause::ServiceFailed),
    ]);
}

#[test]
fn what_is_said_about_deployments() {
    use Operation::*;
    check(&[
        (&[CreateDeployment], 400, BAD_REQUEST, "The REST API doesn't contain any methods", Cause::NoMethods),
        (&[CreateDeployment], 400, BAD_REQUEST, "No integration defined for method", Cause::NoIntegration),
        (
            &[CreateDeployment],
            400,
            BAD_REQUEST,
            "Invalid deployment content specified.Non canary deployment not supported on stage prod because Canary is \
             enabled. Provide CanarySettings in deploymentInput.",
            Cause::CanaryEnabled,
        ),
        (
            &[DeleteDeployment],
            400,
            BAD_REQUEST,
            "Active stages pointing to this deployment must be moved or deleted",
            Cause::DeploymentInUse,
        ),
        (
            &[DeleteDeployment],
            400,
            BAD_REQUEST,
            "Active stages with canary settings pointing to this deployment must be moved or deleted",
            Cause::DeploymentInUse,
        ),
    ]);
}

#[test]
fn what_is_said_about_stages() {
    use Operation::*;
    check(&[
        (&[CreateStage], 409, CONFLICT, "Stage already exists", Cause::StageExists),
        (&[CreateStage, UpdateStage], 400, BAD_REQUEST, "Deployment id does not exist", Cause::DeploymentNotFound),
        (&[CreateStage], 400, BAD_REQUEST, "DeploymentId cannot be empty", Cause::Refused),
        (&[CreateStage], 400, BAD_REQUEST, "Stage name only allows a-zA-Z0-9_", Cause::Refused),
        (&[CreateStage], 400, BAD_REQUEST, "Maximum number of stages has been reached.", Cause::Quota),
        (
            &[UpdateStage],
            400,
            BAD_REQUEST,
            "CloudWatch Logs role ARN must be set in account settings to enable logging",
            Cause::LogsRoleMissing,
        ),
        // In whatever words: only the word "cache" is looked for, and not in the paths that AWS repeats.
        (
            &[UpdateStage],
            400,
            BAD_REQUEST,
            "Cache cluster cannot be changed while its status is CREATE_IN_PROGRESS. Please try again later.",
            Cause::CacheChanging,
        ),
        (&[UpdateStage, FlushStageCache], 409, CONFLICT, "The cache is being modified.", Cause::CacheChanging),
        (&[DeleteStage], 409, CONFLICT, "The cache is being modified.", Cause::StageInUse),
        (
            &[UpdateStage],
            400,
            BAD_REQUEST,
            "Invalid method setting path: /x. Must be one of: [/cacheClusterEnabled, /*/*/caching/enabled]",
            Cause::Refused,
        ),
        (
            &[UpdateStage],
            400,
            BAD_REQUEST,
            "Update size too large. Try updating stage in multiple UpdateStage operations",
            Cause::PatchTooLarge,
        ),
        (&[UpdateStage], 400, BAD_REQUEST, "Promotion not available. Canary does not exist.", Cause::NoCanary),
        (
            &[DeleteStage],
            400,
            BAD_REQUEST,
            "Deleting stage prod failed. Please remove all base path mappings related to the stage in your domains: x",
            Cause::StageInUse,
        ),
        (&[DeleteStage], 400, BAD_REQUEST, "in words that nobody has recorded", Cause::StageInUse),
        (&[DeleteStage], 409, CONFLICT, "in words that nobody has recorded", Cause::StageInUse),
    ]);
}

#[test]
fn refusals_of_patches_are_final_unless_the_thing_is_absent_already() {
    let cannot =
        |path: &str| format!("Cannot remove method setting {path} because there is no method setting for this method ");
    let cases = [
        (cannot("*/*"), Cause::AlreadyAbsent),
        (cannot("~1pets~1{id}/GET"), Cause::AlreadyAbsent),
        (cannot("canarySettings"), Cause::AlreadyAbsent),
        (cannot("variables/COLOR"), Cause::AlreadyAbsent),
        (cannot("canarySettings/stageVariableOverrides/COLOR"), Cause::AlreadyAbsent),
        (cannot("canarySettings/percentTraffic"), Cause::Refused),
        (cannot("accessLogSettings/format"), Cause::Refused),
        (cannot("*/*/logging/loglevel"), Cause::Refused),
        (
            "Invalid method setting path: /tags/x. Must be one of: [/deploymentId, /description]".to_owned(),
            Cause::Refused,
        ),
        ("Invalid add operation with path: /canarySettings/deploymentId".to_owned(), Cause::Refused),
        (
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn]".to_owned(),
            Cause::Refused,
        ),
        ("Access Log value must not be empty".to_owned(), Cause::Refused),
        (
            "Invalid copy operation with path: /variables and from /x. Valid copy:path are [/deploymentId]".to_owned(),
            Cause::Refused,
        ),
        ("Invalid stage variable name: a-b.  Please use names with only word characters.".to_owned(), Cause::Refused),
    ];
    for (message, expected) in cases {
        assert_eq!(cause(Operation::UpdateStage, 400, BAD_REQUEST, &message), expected, "{message}");
    }
}

#[test]
fn what_a_user_wrote_is_not_mistaken_for_what_aws_says() {
    for words in ["Deployment id does not exist", "concurrent modification", "Rate exceeded", "Stage already exists"] {
        let echo = format!("Invalid stage variable value: {words}.  Please use values with alphanumeric characters.");
        assert_eq!(cause(Operation::UpdateStage, 400, BAD_REQUEST, &echo), Cause::Refused, "{words}");
    }
}

#[test]
fn retry_after_makes_a_throttle_of_a_limit() {
    let retry_after = Some(Duration::from_secs(3));
    let answer = Answer {
        operation: Operation::UpdateStage,
        status: 429,
        code: Some("LimitExceededException"),
        message: Some("no word of a tempo"),
        retry_after,
    };
    assert_eq!(answer.cause(), Cause::Throttled { retry_after });
}

#[test]
fn an_error_is_one_line_for_people() {
    let error = |cause, message: Option<&str>, status| Error {
        operation: Operation::UpdateStage,
        cause,
        code: Some("SomeException".to_owned()),
        message: message.map(str::to_owned),
        status,
    };
    let cases = [
        (
            error(Cause::DeploymentNotFound, Some("Deployment id does not exist"), Some(400)),
            "UpdateStage was refused: Deployment id does not exist",
        ),
        (error(Cause::Denied, None, Some(403)), "UpdateStage was denied: SomeException"),
        (
            Error { code: None, ..error(Cause::ServiceFailed, None, Some(503)) },
            "UpdateStage failed in AWS: http status 503",
        ),
        (
            Error::not_leader(Operation::UpdateStage),
            "UpdateStage was not sent because this replica does not lead any more",
        ),
        (
            Error::unanswered(Operation::CreateDeployment, Cause::LostReply, "no answer in time"),
            "CreateDeployment got no answer that can be read: no answer in time",
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(error.to_string(), expected);
    }
}
