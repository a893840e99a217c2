//! A REST API that spec refers to instead of naming it.

use super::*;
use crate::api::settings::{ConfigMapKeyRef, RestApiIdSource};
use crate::reference::Referred;

/// An object that refers to key `id` of `ConfigMap` `orders-api`.
fn referring() -> Bench {
    let mut bench = orders();
    bench.revision("r1").edit(|spec| {
        spec.rest_api_id = None;
        spec.rest_api_id_from = Some(RestApiIdSource {
            config_map_key_ref: ConfigMapKeyRef { name: "orders-api".to_owned(), key: "id".to_owned() },
        });
    });
    bench
}

#[test]
fn what_is_not_there_is_waited_for_without_a_call() {
    let cases = [
        (Referred::NoConfigMap, "There is no ConfigMap orders-api in this namespace"),
        (Referred::NoKey, "ConfigMap orders-api, where spec.restApiIdFrom refers to, has no key id."),
        (Referred::NotAnId, "What ConfigMap orders-api has under id is not the id of a REST API"),
    ];
    for (referred, sentence) in cases {
        let mut bench = referring();
        bench.referred = Some(referred);
        bench.pass();
        assert_eq!(bench.ready(), "False ReferenceUnresolved (Released Unknown)");
        let reconciling = &bench.status().conditions[1];
        assert_eq!((reconciling.type_.as_str(), reconciling.status.as_str()), ("Reconciling", "True"));
        assert!(bench.message().starts_with(sentence), "{}", bench.message());
        assert!(bench.calls.is_empty() && bench.wake_up_at.is_some(), "it looks again by itself");
        assert_eq!(bench.object.metadata.finalizers, None);

        bench.referred = Some(Referred::Id("a1b2c3d4e5".into()));
        bench.pass();
        assert_eq!(bench.ready(), "True Synced (Released True)");
        assert_eq!(bench.calls, CREATE);
        assert_eq!(bench.status().rest_api_id, Some("a1b2c3d4e5".into()));
    }
}

#[test]
fn what_was_resolved_stays_whatever_becomes_of_the_config_map() {
    let mut bench = referring();
    bench.referred = Some(Referred::Id("a1b2c3d4e5".into()));
    bench.pass();
    for gone in [None, Some(Referred::NoConfigMap), Some(Referred::NoKey), Some(Referred::NotAnId)] {
        bench.referred = gone;
        bench.pass();
        assert_eq!(bench.ready(), "True Synced (Released True)", "{:?}", bench.referred);
        assert_eq!((bench.events.len(), bench.statuses.len()), (0, 0), "{:?}: not even a status", bench.referred);
    }
    bench.referred = Some(Referred::Id("zzzzzzzzzz".into()));
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert!(
        bench.message().ends_with("ConfigMap orders-api names REST API zzzzzzzzzz now; this object stays with a1b2c3d4e5. To follow it, delete the object and create it anew."),
        "{}",
        bench.message()
    );
    assert_eq!(bench.events, [EventReason::LeftAsItIs]);
    assert_eq!(bench.pass().events, [], "said once");
    bench.revision("r2").pass();
    assert_eq!(bench.status().rest_api_id, Some("a1b2c3d4e5".into()));
    assert_eq!(bench.ready(), "True Synced (Released True)", "and the stage goes on");
    bench.delete().pass();
    assert!(bench.freed && bench.stages.is_empty(), "a deletion goes by status");
}

#[test]
fn the_id_may_be_written_out_later_where_it_is_the_same() {
    let mut bench = referring();
    bench.referred = Some(Referred::Id("a1b2c3d4e5".into()));
    bench.pass();
    bench.referred = None;
    bench.edit(|spec| {
        spec.rest_api_id_from = None;
        spec.rest_api_id = Some("a1b2c3d4e5".into());
    });
    assert_eq!(bench.pass().ready(), "True Synced (Released True)");
    bench.edit(|spec| spec.rest_api_id = Some("zzzzzzzzzz".into()));
    assert_eq!(bench.pass().ready(), "False IdentityChanged (Released False)");
}

#[test]
fn access_is_judged_by_what_was_found() {
    let mut bench = referring();
    bench.settings.access = Policy::Rules(Vec::new());
    bench.referred = Some(Referred::Id("a1b2c3d4e5".into()));
    bench.pass();
    assert_eq!(bench.ready(), "False NotAllowed (Released False)");
    assert_eq!(bench.calls, [""; 0]);
}
