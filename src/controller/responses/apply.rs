//! Sends the call of a plan: the only step that writes gateway responses to AWS.

use stagecraft_core::cause::Cause;
use stagecraft_core::response::{Action, Place, Reply};

use crate::aws::{Error, Operation};
use crate::controller::context::Context;
use crate::controller::dereference::Site;
use crate::lease::Permit;

/// Sends one call. What was refused or lost is read again by whoever asks next.
pub(super) async fn apply(ctx: &Context, site: &Site, place: &Place, action: &Action) -> Result<Reply, Error> {
    let sent = site.aws.with_valid_credentials(|| send(ctx, site, place, action)).await;
    if let Err(error) = &sent
        && !matches!(
            error.cause,
            Cause::Throttled { .. } | Cause::NotSent | Cause::NotLeader | Cause::CredentialsExpired
        )
    {
        ctx.observations.forget(&site.gateway, &site.rest_api);
    }
    sent
}

async fn send(ctx: &Context, site: &Site, place: &Place, action: &Action) -> Result<Reply, Error> {
    let Site { aws: _, gateway, rest_api } = site;
    let gateway = &gateway.at(action.priority());
    let response_type = place.response_type;
    // Before the lock: who waits for the quota must not keep others from writing.
    gateway.admit(&[operation(action)]).await?;
    let _write = ctx.observations.write_lock(gateway, rest_api).await;
    let (response, answered) = match action {
        Action::Put(change) => {
            let permit = permit(ctx, operation(action))?;
            gateway.put_gateway_response(rest_api, response_type, &change.declared, permit).await?
        }
        Action::Update(_, operations) => {
            let permit = permit(ctx, operation(action))?;
            gateway.update_gateway_response(rest_api, response_type, operations, permit).await?
        }
        Action::Delete => {
            let permit = permit(ctx, operation(action))?;
            match gateway.delete_gateway_response(rest_api, response_type, permit).await {
                // What was to go and is gone is done.
                Err(error) if matches!(error.cause, Cause::AlreadyAbsent | Cause::RestApiNotFound) => {}
                deleted => deleted?,
            }
            ctx.observations.note_response(gateway, rest_api, response_type, None);
            return Ok(Reply::Done);
        }
    };
    ctx.observations.note_response(gateway, rest_api, response_type, Some(&response));
    Ok(Reply::Response { response, at: answered.unwrap_or_else(|| ctx.clock.now()) })
}

/// What an action sends.
fn operation(action: &Action) -> Operation {
    match action {
        Action::Put(_) => Operation::PutGatewayResponse,
        Action::Update(..) => Operation::UpdateGatewayResponse,
        Action::Delete => Operation::DeleteGatewayResponse,
    }
}

/// Asked for each call, not for each pass: the lease can end between two calls.
fn permit(ctx: &Context, operation: Operation) -> Result<Permit, Error> {
    ctx.leadership.permit().ok_or_else(|| Error::not_leader(operation))
}
