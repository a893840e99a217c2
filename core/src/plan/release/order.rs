//! The order in which a stage's variables change, with its deployment: what serves shall have what it needs at any time, and the
//! stage never has more variables than it may.

use super::traffic::{MOST_OPERATIONS, in_calls};
use crate::api::names::DeploymentId;
use crate::observed::Stage;
use crate::patch::{Op, PatchOperation};

/// The most variables of a stage (aws-facts: quotas). Whether API Gateway counts after each operation or after the last is not
/// known.
const MOST_VARIABLES: usize = 100;

/// Operations on variables, apart by what they mean for what serves meanwhile.
struct Parts {
    /// Names that are not there yet, and for which there is room: nothing that serves asks for them.
    added: Vec<PatchOperation>,
    /// Other values.
    changed: Vec<PatchOperation>,
    /// A name that goes before each one for which there is no room yet.
    exchanged: Vec<PatchOperation>,
    /// What nothing asks for afterwards.
    removed: Vec<PatchOperation>,
}

impl Parts {
    fn new(variables: Vec<PatchOperation>, stage: &Stage) -> Self {
        let (mut removed, set): (Vec<_>, Vec<_>) =
            variables.into_iter().partition(|operation| operation.op == Op::Remove);
        let (mut added, changed): (Vec<_>, Vec<_>) = set.into_iter().partition(|operation| is_new(operation, stage));
        let room = MOST_VARIABLES.saturating_sub(stage.variables.len());
        let late = added.split_off(room.min(added.len()));
        let rest = removed.split_off(late.len().min(removed.len()));
        let mut leaving = removed.into_iter();
        let exchanged = late.into_iter().flat_map(|name| leaving.next().into_iter().chain([name])).collect();
        Self { added, changed, exchanged, removed: rest }
    }
}

fn is_new(operation: &PatchOperation, stage: &Stage) -> bool {
    let key = operation.path.strip_prefix("/variables/");
    operation.op != Op::Remove && key.is_some_and(|key| !stage.variables.contains_key(key))
}

/// Operations on variables in an order in which there is room for each of them; as they are, where there is room for all.
pub(super) fn with_room(variables: Vec<PatchOperation>, stage: &Stage) -> Vec<PatchOperation> {
    let added = variables.iter().filter(|operation| is_new(operation, stage)).count();
    if stage.variables.len() + added <= MOST_VARIABLES {
        return variables;
    }
    let Parts { added, changed, exchanged, removed } = Parts::new(variables, stage);
    changed.into_iter().chain(added).chain(exchanged).chain(removed).collect()
}

/// The calls that move the stage to this deployment with these variables, which are in [an order with room](with_room), at once:
/// one, unless that are more operations than one call takes.
///
/// Then what serves between two of them has all that it needs: first come the names that are not there yet; then the deployment
/// with the values that change with it; and last what only the former deployment asked for. Only where these values are too many
/// for one call themselves, or both deployments' variables too many for the stage, the deployment goes in with as many as can be.
pub(super) fn at_once(
    deployment: &DeploymentId,
    variables: Vec<PatchOperation>,
    stage: &Stage,
) -> Vec<Vec<PatchOperation>> {
    let moves =
        (stage.deployment_id != *deployment).then(|| PatchOperation::replace("/deploymentId", deployment.as_str()));
    if usize::from(moves.is_some()) + variables.len() <= MOST_OPERATIONS {
        let operations: Vec<_> = moves.into_iter().chain(variables).collect();
        return in_calls(&operations);
    }
    let Parts { added, changed, exchanged, removed } = Parts::new(variables, stage);
    let mut together: Vec<_> = moves.into_iter().chain(changed).collect();
    let mut rest = removed;
    if together.len() + exchanged.len() <= MOST_OPERATIONS {
        together.extend(exchanged);
    } else {
        rest.splice(0..0, exchanged);
    }
    let mut calls = in_calls(&added);
    let is_parted = together.len() > room(&calls);
    append(&mut calls, &together, is_parted);
    append(&mut calls, &rest, false);
    calls
}

/// How many operations the last call still takes.
fn room(calls: &[Vec<PatchOperation>]) -> usize {
    calls.last().map_or(0, |call| MOST_OPERATIONS.saturating_sub(call.len()))
}

/// Adds operations to the last call, or from a new call on, and as many further ones as they need.
fn append(calls: &mut Vec<Vec<PatchOperation>>, operations: &[PatchOperation], anew: bool) {
    let fitting = if anew { 0 } else { room(calls).min(operations.len()) };
    let (here, further) = operations.split_at(fitting);
    if let Some(last) = calls.last_mut() {
        last.extend_from_slice(here);
    }
    calls.extend(in_calls(further));
}
