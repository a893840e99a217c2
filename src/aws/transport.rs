//! What became of a call that brought no usable answer: was it sent, and may it have had an effect?
//!
//! A write that never left may be sent again; a write whose reply was lost may not, before somebody looked. So "not sent"
//! is said only where it is certain, and everything else counts as a lost reply.

use std::error::Error as StdError;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_apigateway::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use stagecraft_core::cause::Cause;

use super::call::Departure;
use super::error::{self, Answer, Error};
use super::message;
use super::operation::Operation;

/// Reads what the SDK says about a failed call.
///
/// `departure` is how far the request got; `variables` are those that it carried, so that AWS's echo of a value can be
/// taken out of its text.
pub(super) fn read<E>(
    operation: Operation,
    departure: Option<Departure>,
    variables: &[(&str, &str)],
    error: &SdkError<E, HttpResponse>,
) -> Error
where
    E: StdError + ProvideErrorMetadata + 'static,
{
    match error {
        SdkError::ServiceError(refusal) if !refusal.raw().status().is_success() => {
            answered(operation, variables, refusal.raw(), refusal.err())
        }
        // The call succeeded and its reply cannot be read, or an answer broke off.
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => unreadable(operation, error.raw_response()),
        SdkError::ConstructionFailure(_) => Error::unanswered(operation, Cause::Refused, innermost(error)),
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => unanswered(operation, departure, error),
        // The SDK may learn new ways to fail; none of them proves that nothing was sent.
        _ => Error::unanswered(operation, Cause::LostReply, innermost(error)),
    }
}

fn answered(
    operation: Operation,
    variables: &[(&str, &str)],
    raw: &HttpResponse,
    refusal: &impl ProvideErrorMetadata,
) -> Error {
    let (status, code) = (raw.status().as_u16(), refusal.code());
    let answer = Answer { operation, status, code, message: refusal.message(), retry_after: retry_after(raw) };
    Error {
        operation,
        cause: answer.cause(),
        code: code.map(str::to_owned),
        message: refusal.message().map(|text| message::clean(text, variables)).filter(|text| !text.is_empty()),
        status: Some(status),
    }
}

/// Seconds of `Retry-After`. The header rather than the typed member: answers that AWS's model does not know have it, too.
/// A date in it, which AWS does not document, is left alone.
fn retry_after(raw: &HttpResponse) -> Option<Duration> {
    raw.headers().get("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

fn unreadable(operation: Operation, raw: Option<&HttpResponse>) -> Error {
    let status = raw.map(|raw| raw.status().as_u16());
    Error { status, ..Error::unanswered(operation, Cause::LostReply, "the reply is cut off or not what AWS documents") }
}

fn unanswered<E>(operation: Operation, departure: Option<Departure>, error: &SdkError<E, HttpResponse>) -> Error
where
    E: StdError + 'static,
{
    match departure {
        Some(Departure::Forbidden) => Error::not_leader(operation),
        None => match find::<CredentialsError>(error) {
            Some(refusal) => without_credentials(operation, refusal),
            None if matches!(error, SdkError::TimeoutError(_)) => {
                Error::unanswered(operation, Cause::NotSent, "credentials did not arrive in time")
            }
            None => Error::unanswered(operation, Cause::NotSent, innermost(error)),
        },
        Some(Departure::Left) if never_connected(error) => {
            Error::unanswered(operation, Cause::NotSent, format!("no connection: {}", innermost(error)))
        }
        Some(Departure::Left) if matches!(error, SdkError::TimeoutError(_)) => {
            Error::unanswered(operation, Cause::LostReply, "no answer in time")
        }
        Some(Departure::Left) => Error::unanswered(operation, Cause::LostReply, innermost(error)),
    }
}

/// Whether the failure is one of finding or reaching the host: the one proof that no byte of the request left. The
/// client asks for a connection first and writes only to one that stands.
fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    find::<hyper_util::client::legacy::Error>(error).is_some_and(hyper_util::client::legacy::Error::is_connect)
}

/// No credentials: a refusal if somebody must change something, else a service that will answer later.
fn without_credentials(operation: Operation, refusal: &CredentialsError) -> Error {
    const NONE: &str = "no AWS credentials were found; give the operator's service account an IAM role";
    match refusal {
        CredentialsError::CredentialsNotLoaded(_) => Error::unanswered(operation, Cause::Denied, NONE),
        CredentialsError::InvalidConfiguration(_) => Error::unanswered(
            operation,
            Cause::Denied,
            format!("the configuration of AWS credentials is not valid: {}", innermost(refusal)),
        ),
        // Timeouts, services that are down, and (the SDK's enum is open) what it learns to say later.
        CredentialsError::ProviderTimedOut(_)
        | CredentialsError::ProviderError(_)
        | CredentialsError::Unhandled(_)
        | _ => {
            let cause = if role_was_refused(refusal) { Cause::Denied } else { Cause::NotSent };
            Error::unanswered(operation, cause, format!("no AWS credentials could be loaded: {}", innermost(refusal)))
        }
    }
}

/// STS API reference, errors of `AssumeRole` and `AssumeRoleWithWebIdentity`, beside those that every service of AWS has; the rest
/// of them pass by themselves.
pub(super) const ROLE_REFUSED: &[&str] = &[
    "ExpiredTokenException",
    "IDPRejectedClaim",
    "InvalidIdentityToken",
    "MalformedPolicyDocument",
    "PackedPolicyTooLarge",
    "RegionDisabledException",
    "ValidationError",
];

/// Whether STS answered that the role may not be assumed: the usual mistake in a trust policy.
fn role_was_refused(refusal: &CredentialsError) -> bool {
    let code = find::<AssumeRoleWithWebIdentityError>(refusal)
        .and_then(ProvideErrorMetadata::code)
        .or_else(|| find::<AssumeRoleError>(refusal).and_then(ProvideErrorMetadata::code));
    code.is_some_and(|code| [ROLE_REFUSED, error::DENIED, error::EXPIRED].iter().any(|codes| codes.contains(&code)))
}

/// The error and its causes, the outermost first.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The error of type `T` in the chain of causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref::<T>())
}

/// The text at the end of the chain of causes: the ones before it only say that something failed.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let last = chain(error).last().unwrap_or(error);
    let text = match last.downcast_ref::<ErrorMetadata>() {
        // An answer that the SDK's model does not know shows itself as a structure, with its request id.
        Some(answer) => answer.message().or_else(|| answer.code()).unwrap_or("an answer without a text").to_owned(),
        None => last.to_string(),
    };
    message::clean(&text, &[])
}
