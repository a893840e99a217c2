//! Every exception that AWS's model has for a call of ours, by name, as the SDK's source lists them: none is without a cause.

use super::*;
use crate::aws::tests::sdk::source_of;

/// What an exception means that comes without a text. `None`: a name that no row knows.
fn bare(operation: Operation, code: &str) -> Option<(u16, Cause)> {
    let throttled = Cause::Throttled { retry_after: None };
    Some(match code {
        "BadRequestException" if operation == Operation::DeleteStage => (400, Cause::StageInUse),
        "BadRequestException" => (400, Cause::Refused),
        "ConflictException" if operation == Operation::DeleteStage => (409, Cause::StageInUse),
        "ConflictException" => (409, Cause::ConcurrentModification),
        "LimitExceededException" => (429, Cause::Quota),
        "NotFoundException" => (404, not_found(operation)),
        "ServiceUnavailableException" => (503, Cause::ServiceFailed),
        "TooManyRequestsException" => (429, throttled),
        "UnauthorizedException" => (401, Cause::Denied),
        _ => return None,
    })
}

/// What is absent where AWS does not say: the thing that the call is about.
fn not_found(operation: Operation) -> Cause {
    match operation.name() {
        "GetDeployment" | "UpdateDeployment" | "DeleteDeployment" => Cause::DeploymentNotFound,
        "UpdateStage"
        | "GetStage"
        | "DeleteStage"
        | "TagResource"
        | "UntagResource"
        | "FlushStageCache"
        | "FlushStageAuthorizersCache" => Cause::StageNotFound,
        "UpdateGatewayResponse" | "DeleteGatewayResponse" => Cause::AlreadyAbsent,
        _ => Cause::RestApiNotFound,
    }
}

#[test]
fn every_exception_of_the_api_model_has_a_cause() {
    let source = source_of("aws-sdk-apigateway");
    let mut pairs = 0;
    for operation in all() {
        let codes = exceptions(&source, operation.name());
        assert!(
            codes.contains(&"TooManyRequestsException".to_owned()),
            "{operation}: the source reads otherwise: {codes:?}"
        );
        for code in codes {
            let Some((status, expected)) = bare(operation, &code) else { panic!("{operation}: nobody knows {code}") };
            assert_eq!(cause(operation, status, Some(&code), ""), expected, "{operation}: {code}");
            pairs += 1;
        }
    }
    assert!(pairs >= 5 * all().len(), "each has 5 to 7: {pairs}");
}

#[test]
fn every_exception_of_assuming_a_role_is_told_apart() {
    let source = source_of("aws-sdk-sts");
    assert_eq!(exceptions(&source, "GetCallerIdentity"), [""; 0], "its model has none");
    for operation in ["AssumeRole", "AssumeRoleWithWebIdentity"] {
        let codes = exceptions(&source, operation);
        assert!(codes.len() >= 4, "{operation}: the source reads otherwise: {codes:?}");
        for code in codes {
            let refused = crate::aws::transport::ROLE_REFUSED.contains(&code.as_str());
            let passes = ["IDPCommunicationError"].contains(&code.as_str());
            assert!(refused != passes, "{operation}: whether {code} passes by itself is not said, or said twice");
        }
    }
}

/// The exceptions of an operation, as the code that reads its answers matches them.
fn exceptions(source: &std::path::Path, operation: &str) -> Vec<String> {
    let snake = operation.chars().fold(String::new(), |mut name, letter| {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
        name
    });
    let file = source.join("protocol_serde").join(format!("shape_{snake}.rs"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let error = format!("{operation}Error::");
    text.lines()
        .filter(|line| line.contains("\" => ") && line.contains(&error))
        .filter_map(|line| Some(line.trim().strip_prefix('"')?.split_once('"')?.0.to_owned()))
        .collect()
}
