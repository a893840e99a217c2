//! Which `ApiCanary` governs a stage.

use kube::ResourceExt as _;

use crate::api::canary::ApiCanary;

/// The one that governs `stage` of `namespace`: of those that name it and are not being deleted, the oldest by
/// creationTimestamp, then by uid. An invalid one governs too: releases wait until it is put right.
#[must_use]
pub fn governing<'a>(
    namespace: &str,
    stage: &str,
    canaries: impl IntoIterator<Item = &'a ApiCanary>,
) -> Option<&'a ApiCanary> {
    canaries
        .into_iter()
        .filter(|canary| canary.namespace().as_deref() == Some(namespace))
        .filter(|canary| canary.spec.stage_ref.name == stage)
        .filter(|canary| canary.metadata.deletion_timestamp.is_none())
        .min_by_key(|canary| {
            let created = canary.creation_timestamp().map(|time| time.0);
            // One that was never stored has no age and stands behind all that have.
            (created.is_none(), created, canary.uid())
        })
}

/// Whether `canary` is the one that governs its stage, of `canaries`.
#[must_use]
pub fn governs<'a>(canary: &ApiCanary, canaries: impl IntoIterator<Item = &'a ApiCanary>) -> bool {
    let namespace = canary.namespace().unwrap_or_default();
    governing(&namespace, &canary.spec.stage_ref.name, canaries).is_some_and(|first| first.uid() == canary.uid())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canary(name: &str, second: u32, uid: &str) -> ApiCanary {
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1",
            "kind": "ApiCanary",
            "metadata": {
                "name": name, "namespace": "shop", "uid": uid, "creationTimestamp": format!("2026-11-22T09:00:{second:02}Z"),
            },
            "spec": { "stageRef": { "name": "orders" }, "steps": [] },
        });
        serde_json::from_value(object).unwrap()
    }

    fn name(canary: Option<&ApiCanary>) -> Option<String> {
        canary.map(kube::ResourceExt::name_any)
    }

    #[test]
    fn the_oldest_governs_and_of_equals_the_smaller_uid() {
        let (old, young, twin) = (canary("old", 1, "b"), canary("young", 2, "a"), canary("twin", 1, "c"));
        assert_eq!(name(governing("shop", "orders", [&young, &twin, &old])).as_deref(), Some("old"));
        assert_eq!(name(governing("shop", "orders", [&young, &twin])).as_deref(), Some("twin"));
        assert!(governs(&old, [&young, &old]));
        assert!(!governs(&young, [&young, &old]), "it governs nothing, and must say so");
    }

    #[test]
    fn only_one_that_stays_and_means_this_stage_governs() {
        let mut going = canary("going", 1, "a");
        going.metadata.deletion_timestamp = going.metadata.creation_timestamp.clone();
        let mut elsewhere = canary("elsewhere", 1, "b");
        elsewhere.metadata.namespace = Some("bank".to_owned());
        let mut other = canary("other", 1, "c");
        other.spec.stage_ref.name = "users".to_owned();
        let invalid = canary("invalid", 5, "d");
        assert!(super::super::policy(&invalid.spec).is_err(), "it has no steps");
        let all = [&going, &elsewhere, &other, &invalid];
        assert_eq!(name(governing("shop", "orders", all)).as_deref(), Some("invalid"));
        assert_eq!(name(governing("shop", "orders", [&going, &elsewhere, &other])), None);
    }

    proptest! {
        #[test]
        fn the_order_of_the_list_does_not_matter(ages in prop::collection::vec(0_u32..4, 1..6), turn in 0_usize..6) {
            let mut all: Vec<_> =
                ages.iter().enumerate().map(|(n, age)| canary(&format!("c{n}"), *age, &format!("u{n}"))).collect();
            let before = name(governing("shop", "orders", &all));
            let turn = turn % all.len();
            all.rotate_left(turn);
            prop_assert_eq!(name(governing("shop", "orders", &all)), before);
            prop_assert_eq!(all.iter().filter(|canary| governs(canary, &all)).count(), 1);
        }
    }
}
