//! Settings that name something else in AWS, which may not be there: a certificate, a version of the documentation.
//!
//! They go with the other settings as long as AWS takes that. Once it has refused such a call, each goes alone and has a refusal
//! of its own, so that a wrong one holds back nothing but itself.

use super::difference::{Difference, Part};
use crate::cause::Cause;
use crate::plan::draft::Draft;
use crate::world::Group;

/// The group of a reference that is sent alone; `None` for any other setting.
fn group_of(difference: &Difference) -> Option<Group> {
    match difference.path.as_str() {
        "clientCertificateId" => Some(Group::ClientCertificate),
        "documentationVersion" => Some(Group::DocumentationVersion),
        _ => None,
    }
}

/// The parts with something to do, references apart from other settings where that is called for.
pub(super) fn apart(draft: &Draft<'_>, parts: Vec<Part>) -> Vec<Part> {
    let refused = &draft.world.recent.refused;
    let together_refused = refused.get(&Group::Settings).is_some_and(|failure| failure.cause == Cause::Refused);
    let one_refused =
        [Group::ClientCertificate, Group::DocumentationVersion].iter().any(|group| refused.contains_key(group));
    let mut result = Vec::new();
    for mut part in parts {
        let goes_alone = together_refused || one_refused || part.differences.len() == 1;
        let alone: Vec<_> = if part.group == Group::Settings && goes_alone {
            part.differences.extract_if(.., |difference| group_of(difference).is_some()).collect()
        } else {
            Vec::new()
        };
        result.push(part);
        result.extend(alone.into_iter().filter_map(|difference| Some(Part::new(group_of(&difference)?, [difference]))));
    }
    result.retain(|part| !part.differences.is_empty());
    result
}
