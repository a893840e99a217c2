//! Which paths a spec declares: the set that `status.managed` holds, so that a field that is dropped later is known as ours.

use std::collections::BTreeSet;

use crate::method::{MethodKey, Setting};
use crate::plan::draft::variable_path;
use crate::validate::{Desired, DesiredSettings, Wanted};

/// The declared paths, without values.
pub(in crate::plan) fn declared_paths(desired: &Desired) -> BTreeSet<String> {
    // No `..`: a new setting that is not noted here could never be put back.
    let DesiredSettings {
        description,
        tracing_enabled,
        client_certificate_id,
        documentation_version,
        cache_cluster_enabled,
        cache_cluster_size,
        methods,
        access_log,
        tags,
    } = &desired.settings;
    let single = [
        ("revision", matches!(desired.wanted, Wanted::Revision(_))),
        ("deploymentId", matches!(desired.wanted, Wanted::Deployment(_))),
        ("description", description.is_some()),
        ("tracingEnabled", tracing_enabled.is_some()),
        ("clientCertificateId", client_certificate_id.is_some()),
        ("documentationVersion", documentation_version.is_some()),
        ("cacheClusterEnabled", cache_cluster_enabled.is_some()),
        ("cacheClusterSize", cache_cluster_size.is_some()),
        ("accessLogSettings", access_log.is_some()),
    ];
    let single = single.into_iter().filter(|(_, declared)| *declared).map(|(path, _)| path.to_owned());
    let followed = methods.get(&MethodKey::all());
    let throttles = methods.iter().flat_map(|(key, values)| {
        // AWS's own throttles are not known, so those that we set are noted one by one (decision 0008).
        [Setting::BurstLimit, Setting::RateLimit]
            .into_iter()
            .filter(move |setting| {
                values.contains_key(setting) || followed.is_some_and(|followed| followed.contains_key(setting))
            })
            .map(|setting| key.field_of(setting))
    });
    single
        .chain(desired.variables.keys().map(|key| variable_path(key)))
        .chain(methods.keys().map(MethodKey::field))
        .chain(throttles)
        .chain(tags.keys().map(|key| super::tags::path(key)))
        .collect()
}
