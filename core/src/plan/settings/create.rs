//! What a new stage is created with: all that `CreateStage` can set. The rest is patched in as soon as the stage is there.

use crate::api::names::DeploymentId;
use crate::api::owner::OWNER_TAG;
use crate::cause::Cause;
use crate::plan::action::{NewCache, NewStage};
use crate::plan::draft::Draft;
use crate::validate::Desired;
use crate::world::Group;

/// The new stage. After a refusal that the deployment is not the reason of, it is made without what AWS may have refused: a stage
/// that lacks its cache serves, and the cache's own patch then says what is wrong with it.
pub(in crate::plan) fn new_stage(draft: &Draft<'_>, desired: &Desired, deployment_id: DeploymentId) -> NewStage {
    let settings = &desired.settings;
    let refused =
        draft.world.recent.refused.get(&Group::Traffic).is_some_and(|failure| failure.cause == Cause::Refused);
    let mut tags = settings.tags.clone();
    tags.insert(OWNER_TAG.to_owned(), draft.world.owner().to_string());
    let cache = settings.cache_cluster_enabled.filter(|enabled| *enabled && !refused);
    NewStage {
        name: desired.stage_name.clone(),
        deployment_id,
        description: settings.description.clone().filter(|text| !text.is_empty()),
        variables: desired.variables.clone(),
        tags,
        tracing_enabled: settings.tracing_enabled.unwrap_or(false),
        documentation_version: settings.documentation_version.clone().filter(|_| !refused),
        cache: cache.map(|_| NewCache { size: settings.cache_cluster_size }),
    }
}
