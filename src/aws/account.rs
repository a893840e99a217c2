//! Whose credentials these are.

use std::future::{Ready, ready};
use std::time::Duration;

use aws_config::SdkConfig;
use stagecraft_core::api::names::AccountId;
use stagecraft_core::cause::Cause;
use stagecraft_core::plan::Priority;

use super::call::{Call, Caller};
use super::error::Error;
use super::latest::{Latest, Observable};
use super::operation::Operation;
use super::urgency::Urgency;

/// The account: that of the role, else the one that STS has told. Credentials are renewed while the process runs, their
/// account stays.
pub(super) struct Account {
    /// Of a role, whose ARN says it.
    known: Option<AccountId>,
    client: aws_sdk_sts::Client,
    has_region: bool,
    caller: Caller,
    answer: Latest<AccountId>,
}

impl Account {
    pub(super) fn new(config: &SdkConfig, known: Option<AccountId>, caller: Caller) -> Self {
        Self {
            known,
            client: aws_sdk_sts::Client::new(config),
            has_region: config.region().is_some(),
            caller,
            answer: Latest::default(),
        }
    }

    pub(super) async fn id(&self) -> Result<AccountId, Error> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        let answer = self
            .answer
            .get(self.caller.clock(), Duration::ZERO, Priority::UserChange, not_limited, |()| self.ask())
            .await?;
        Ok(AccountId::clone(&answer.value))
    }

    async fn ask(&self) -> Result<AccountId, Error> {
        if !self.has_region {
            let message = "no AWS Region is known; set --region or AWS_REGION";
            return Err(Error::unanswered(Operation::GetCallerIdentity, Cause::Refused, message));
        }
        let request = self.client.get_caller_identity();
        self.caller
            .read(
                Call::new(Operation::GetCallerIdentity),
                |gate| request.customize().interceptor(gate).send(),
                |reply| reply.account.map(AccountId::new),
            )
            .await
    }
}

/// STS has a quota of its own, far above one call.
fn not_limited(_: Urgency) -> Ready<Result<(), Error>> {
    ready(Ok(()))
}

impl Observable for AccountId {
    type Key = ();
    type Note = std::convert::Infallible;

    fn overlay(&mut self, (): &(), note: &Self::Note) {
        match *note {}
    }
}
