//! What passes need to know of a kind, so that reports, memories and watches are written once.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::core::object::HasStatus;
use serde::Serialize;
use serde::de::DeserializeOwned;
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::gateway_response::ApiGatewayResponse;
use stagecraft_core::api::settings::RestApiIdSource;
use stagecraft_core::api::stage::ApiStage;

use crate::metrics::Kind;

/// A kind whose objects govern something in AWS.
pub(super) trait Governed:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + HasStatus<Status: Serialize + PartialEq + Sync>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The label of metrics.
    const KIND: Kind;

    /// The conditions of its status.
    fn conditions(&self) -> &[Condition];

    /// Whether something is under way whose next step must stand on a read of now: a deletion, a release.
    fn moves(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }
}

/// A kind whose spec may refer to its REST API instead of naming it.
pub(super) trait Refers: Governed {
    /// Where its spec refers to for the id of its REST API.
    fn rest_api_id_from(&self) -> Option<&RestApiIdSource>;

    /// Whether its status says which REST API it is about.
    fn governs(&self) -> bool;
}

impl Governed for ApiGatewayResponse {
    const KIND: Kind = Kind::ApiGatewayResponse;

    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |status| &status.conditions)
    }
}

impl Governed for ApiCanary {
    const KIND: Kind = Kind::ApiCanary;

    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |status| &status.conditions)
    }
}

impl Governed for ApiStage {
    const KIND: Kind = Kind::ApiStage;

    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |status| &status.conditions)
    }

    fn moves(&self) -> bool {
        let release = self.status.as_ref().and_then(|status| status.release.as_ref());
        self.meta().deletion_timestamp.is_some() || release.is_some_and(|release| release.phase.is_running())
    }
}

impl Refers for ApiStage {
    fn rest_api_id_from(&self) -> Option<&RestApiIdSource> {
        self.spec.rest_api_id_from.as_ref()
    }

    fn governs(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.rest_api_id.is_some())
    }
}

impl Refers for ApiGatewayResponse {
    fn rest_api_id_from(&self) -> Option<&RestApiIdSource> {
        self.spec.rest_api_id_from.as_ref()
    }

    fn governs(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.rest_api_id.is_some())
    }
}
