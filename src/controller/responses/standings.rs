//! How the objects stand, for the metrics.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kube::ResourceExt as _;
use stagecraft_core::api::gateway_response::ApiGatewayResponse;

use crate::controller::governed::Governed as _;
use crate::metrics::{Kind, Metrics, Standing};

/// The standing of each `ApiGatewayResponse` as it was counted last, by uid.
#[derive(Default)]
pub(in crate::controller) struct Standings(Mutex<HashMap<String, Standing>>);

impl Standings {
    /// Counts an object as the watch shows it, and no more as it stood before.
    pub(in crate::controller) fn see(&self, metrics: &Metrics, object: &ApiGatewayResponse) {
        let Some(uid) = object.uid() else { return };
        let standing = Standing::of(object.conditions(), None);
        metrics.object_seen(Kind::ApiGatewayResponse, &standing);
        let former = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, standing);
        if let Some(former) = former {
            metrics.object_gone(Kind::ApiGatewayResponse, &former);
        }
    }

    /// Counts no more what is gone.
    pub(in crate::controller) fn keep_only(&self, metrics: &Metrics, lives: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|uid, standing| {
            let stays = lives(uid);
            if !stays {
                metrics.object_gone(Kind::ApiGatewayResponse, standing);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
    use serde_json::json;
    use stagecraft_core::api::gateway_response::ApiGatewayResponseStatus;

    use super::*;

    fn object(reason: &str) -> ApiGatewayResponse {
        let spec = serde_json::from_value(json!({ "responseType": "THROTTLED" })).unwrap();
        let mut object = ApiGatewayResponse::new("slow", spec);
        object.metadata.uid = Some("u1".to_owned());
        let condition = Condition {
            last_transition_time: Time(jiff::Timestamp::UNIX_EPOCH),
            message: String::new(),
            observed_generation: None,
            reason: reason.to_owned(),
            status: "False".to_owned(),
            type_: "Ready".to_owned(),
        };
        object.status =
            Some(ApiGatewayResponseStatus { conditions: vec![condition], ..ApiGatewayResponseStatus::default() });
        object
    }

    #[test]
    fn an_object_is_counted_as_it_stands_now() {
        let (metrics, standings) = (Metrics::new(), Standings::default());
        let shows = |reason: &str, count: i64| {
            let line = format!(
                r#"stagecraft_objects{{kind="ApiGatewayResponse",type="Ready",status="False",reason="{reason}"}} {count}"#
            );
            metrics.encode().unwrap().lines().any(|found| found == line)
        };
        standings.see(&metrics, &object("Refused"));
        standings.see(&metrics, &object("Refused"));
        assert!(shows("Refused", 1));
        standings.see(&metrics, &object("Throttled"));
        assert!(shows("Refused", 0) && shows("Throttled", 1));
        standings.keep_only(&metrics, |_| false);
        assert!(shows("Throttled", 0));
    }
}
