//! Settings of the stage as a whole: description, variables that drifted, tracing, certificate, documentation version, access logs.

use super::difference::Difference;
use crate::observed::Stage;
use crate::patch::PatchOperation;
use crate::plan::draft::{Draft, variable_path};
use crate::plan::release::pending_variables;
use crate::validate::Desired;

/// What the second group of patches does to the stage as a whole. Variables belong to the release: while one runs or its target
/// is held they are only reported.
pub(super) fn settings(
    draft: &Draft<'_>,
    desired: &Desired,
    stage: &Stage,
    release_runs: bool,
) -> impl Iterator<Item = Difference> {
    let wanted = &desired.settings;
    let managed = |path: &str| draft.status.managed.contains(path);
    let text = |path: &str, wanted: Option<&String>, observed: Option<&String>| {
        let dropped = managed(path).then_some("");
        let wanted = wanted.map(String::as_str).or(dropped)?;
        let differs = wanted != observed.map_or("", String::as_str);
        differs.then(|| Difference::patch(path, PatchOperation::replace(format!("/{path}"), wanted)))
    };
    let description = text("description", wanted.description.as_ref(), stage.description.as_ref());
    let certificate =
        text("clientCertificateId", wanted.client_certificate_id.as_ref(), stage.client_certificate_id.as_ref());
    let documentation =
        text("documentationVersion", wanted.documentation_version.as_ref(), stage.documentation_version.as_ref());
    let tracing = wanted.tracing_enabled.or_else(|| managed("tracingEnabled").then_some(false));
    let tracing = tracing.filter(|wanted| *wanted != stage.tracing_enabled).map(|wanted| {
        Difference::patch("tracingEnabled", PatchOperation::replace("/tracingEnabled", wanted.to_string()))
    });
    let variables = if release_runs { Vec::new() } else { pending_variables(draft, desired, stage) };
    let variables = variables.into_iter().filter_map(|operation| {
        let path = variable_path(operation.path.strip_prefix("/variables/")?);
        Some(Difference::patch(path, operation))
    });
    description.into_iter().chain(variables).chain(tracing).chain(certificate).chain(documentation)
}

/// What the third group does about access logs. Both members are removed at once: AWS removes neither alone.
pub(super) fn access_log(draft: &Draft<'_>, desired: &Desired, stage: &Stage) -> impl Iterator<Item = Difference> {
    const PATH: &str = "accessLogSettings";
    let observed = stage.access_log.as_ref();
    let mut differences = Vec::new();
    if let Some(wanted) = &desired.settings.access_log {
        let destination = observed.and_then(|log| log.destination_arn.as_deref());
        if destination.map(|arn| arn.strip_suffix(":*").unwrap_or(arn)) != Some(&wanted.destination_arn) {
            let operation = PatchOperation::replace("/accessLogSettings/destinationArn", &wanted.destination_arn);
            differences.push(Difference::patch(PATH, operation));
        }
        let format = observed.and_then(|log| log.format.as_deref());
        if format.map(|format| format.strip_suffix('\n').unwrap_or(format)) != Some(&wanted.format) {
            let operation = PatchOperation::replace("/accessLogSettings/format", &wanted.format);
            differences.push(Difference::patch(PATH, operation));
        }
    } else if observed.is_some() && draft.status.managed.contains(PATH) {
        differences.push(Difference::patch(PATH, PatchOperation::remove("/accessLogSettings")));
    }
    differences.into_iter()
}
