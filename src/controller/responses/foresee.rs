//! What a pass would do to a gateway response, without doing it: the same plan, from the same reads.

use std::sync::Arc;

use stagecraft_core::api::gateway_response::{ApiGatewayResponse, ApiGatewayResponseStatus};
use stagecraft_core::observed::ResponseContent;
use stagecraft_core::response::{Action, Next, Observed, Place, What, World, after_failure, plan, priority_of_reads};
use stagecraft_core::world::Recent;

use super::neighbours::neighbours;
use super::pass::{read, site_of};
use crate::controller::context::Context;
use crate::controller::dereference::Site;
use crate::controller::references::referred;
use crate::run::BoxError;

/// What would be done to one object.
pub(crate) struct Foreseen {
    /// Where the gateway response is; absent where nothing can be done.
    pub(crate) place: Option<Place>,
    /// What was asked, in order.
    pub(crate) reads: Vec<What>,
    /// What the customisation holds; absent where there is none.
    pub(crate) before: Option<ResponseContent>,
    /// What would be sent: one call at most brings a gateway response about.
    pub(crate) calls: Vec<Action>,
    /// The status that would be written before it.
    pub(crate) status: ApiGatewayResponseStatus,
}

/// Plans once, from reads of now.
///
/// # Errors
///
/// That of a read; no write is sent, whatever happens.
pub(crate) async fn foresee(ctx: &Context, object: ApiGatewayResponse) -> Result<Foreseen, BoxError> {
    let object = Arc::new(object);
    let (begun, recent, neighbours) = (ctx.clock.now(), Recent::default(), neighbours(ctx, &object).await);
    let mut observed = Observed { referred: referred(ctx, &*object).await?, ..Observed::default() };
    let site = match site_of(&object, ctx, observed.referred.as_ref()) {
        Some((region, rest_api)) => Site::new(ctx, &*object, &region, rest_api, priority_of_reads(&object)).await,
        None => None,
    };
    let mut reads = Vec::new();
    let plan = loop {
        let world = World {
            object: &object,
            settings: &ctx.settings,
            observed: &observed,
            siblings: &neighbours,
            recent: &recent,
            cause_at: begun,
            now: begun,
        };
        let need = match (plan(&world), &site) {
            (Next::Act(plan), _) => break *plan,
            (Next::Read(_), None) => break after_failure(&world),
            (Next::Read(need), Some(_)) => need,
        };
        if let Some(site) = &site {
            // A role's ARN tells its account.
            if need.what != What::Account || site.aws.role().is_none() {
                reads.push(need.what);
            }
            read(ctx, site, need, &mut observed).await?;
        }
    };
    let before = plan.place.as_ref().zip(observed.responses.as_ref()).and_then(|(place, seen)| {
        let of_type = seen.value.items.iter().find(|response| response.response_type == place.response_type);
        of_type.filter(|response| !response.default_response).map(|response| response.content.clone())
    });
    Ok(Foreseen { place: plan.place, reads, before, calls: plan.actions, status: plan.status })
}
