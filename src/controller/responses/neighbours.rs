//! What other objects say about a gateway response's REST API: who is older, and what the stages serve.

use kube::ResourceExt as _;
use kube::runtime::reflector::Store;
use stagecraft_core::api::gateway_response::{ApiGatewayResponse, ResponseType};
use stagecraft_core::api::names::{Region, RestApiId};
use stagecraft_core::response::Neighbours;

use crate::controller::context::Context;
use crate::controller::dereference::may_govern;
use crate::controller::objects::seniority;

/// What the other objects say now.
pub(super) async fn neighbours(ctx: &Context, object: &ApiGatewayResponse) -> Neighbours {
    let Some((region, rest_api, response_type)) = claim(object, &ctx.settings.region) else {
        return Neighbours::default();
    };
    let access = ctx.settings.access.decide(&object.namespace().unwrap_or_default(), &rest_api, &region).ok();
    let role = access.and_then(|access| access.role);
    let ours = (region.clone(), rest_api.clone(), response_type);
    let others = ctx.responses.iter().flat_map(Store::state);
    let mut claimants: Vec<_> = others
        .filter_map(|guarded| guarded.0.as_ref().ok().cloned())
        .filter(|other| other.uid() != object.uid() && seniority(other) < seniority(object))
        .filter(|other| claim(other, &ctx.settings.region).as_ref() == Some(&ours))
        .collect();
    claimants.sort_by_cached_key(seniority);
    let mut older = None;
    for other in claimants {
        let namespace = other.namespace().unwrap_or_default();
        if may_govern(ctx, &namespace, (&region, &rest_api), role.as_ref()).await {
            older = Some(format!("{namespace}/{}", other.name_any()));
            break;
        }
    }
    let others = ctx.objects.others(&region, &rest_api, None);
    let mut stages: Vec<_> = others.iter().filter_map(|other| other.serving.clone()).collect();
    stages.sort_by(|one, other| (&one.stage, &one.api_stage).cmp(&(&other.stage, &other.api_stage)));
    // One entry a stage: status holds them by name.
    stages.dedup_by(|later, first| later.stage == first.stage);
    Neighbours { older, stages }
}

/// The gateway response that an object claims: what it governs, else what its spec names.
fn claim(object: &ApiGatewayResponse, default_region: &Region) -> Option<(Region, RestApiId, ResponseType)> {
    let status = object.status.as_ref();
    let region = status.and_then(|status| status.region.clone()).or_else(|| object.spec.region.clone());
    let rest_api = status.and_then(|status| status.rest_api_id.clone()).or_else(|| object.spec.rest_api_id.clone())?;
    let response_type = status.and_then(|status| status.response_type).unwrap_or(object.spec.response_type);
    Some((region.unwrap_or_else(|| default_region.clone()), rest_api, response_type))
}
