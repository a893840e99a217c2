//! Calls of a process that nobody has given valid credentials.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::error::ErrorMetadata;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use stagecraft_core::cause::Cause;

use super::wire::Wire;
use super::*;
use crate::aws::call::Caller;

/// Never has any.
#[derive(Debug)]
struct Without(fn() -> CredentialsError);

impl ProvideCredentials for Without {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err((self.0)()))
    }
}

/// Why, what the provider says, what that means and what is said about it.
type Case = (&'static str, fn() -> CredentialsError, Cause, &'static str);

fn sts_said(code: &'static str) -> CredentialsError {
    let refusal = ErrorMetadata::builder()
        .code(code)
        .message("Not authorized to perform sts:AssumeRoleWithWebIdentity")
        .custom("aws_request_id", "5a1f");
    CredentialsError::provider_error(AssumeRoleWithWebIdentityError::generic(refusal.build()))
}

#[tokio::test]
async fn a_call_without_credentials_says_whose_turn_it_is() {
    let cases: [Case; 6] = [
        (
            "nobody gave any",
            CredentialsError::not_loaded_no_source,
            Cause::Denied,
            "no AWS credentials were found; give the operator's service account an IAM role",
        ),
        (
            "the profile is broken",
            || CredentialsError::invalid_configuration("no such profile"),
            Cause::Denied,
            "the configuration of AWS credentials is not valid: no such profile",
        ),
        (
            "the trust policy forbids it",
            || sts_said("AccessDenied"),
            Cause::Denied,
            "no AWS credentials could be loaded: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
        (
            "STS is in trouble",
            || sts_said("ServiceUnavailable"),
            Cause::NotSent,
            "no AWS credentials could be loaded: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
        (
            "the metadata service is slow",
            || CredentialsError::provider_timed_out(TIMEOUT),
            Cause::NotSent,
            "no AWS credentials could be loaded: credentials provider timed out after 10 seconds",
        ),
        (
            "the metadata service is down",
            || CredentialsError::provider_error("down"),
            Cause::NotSent,
            "no AWS credentials could be loaded: down",
        ),
    ];
    for (reason, refusal, cause, message) in cases {
        let wire = Wire::answering([]).await;
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(aws_config::Region::new(REGION))
            .endpoint_url(wire.url())
            .credentials_provider(SharedCredentialsProvider::new(Without(refusal)))
            .build();
        let caller = Caller::new(clock(), Arc::new(|_: Operation, _: Result<(), &Error>, _: Duration| {}));
        let gateway = Aws::from_config(config, caller, None).gateway(&Region::from(REGION));
        let seen = gateway.create_deployment(&api(), "x", permit()).await.unwrap_err();
        assert_eq!(seen, Error::unanswered(Operation::CreateDeployment, cause, message), "{reason}");
        assert_eq!(wire.requests(), [], "{reason}");
    }
}
