//! Rows of the fields that say which stage and which deployment, and of those that only decide.

use super::{Drift, Fate, Field, Rows};
use crate::cause::Cause;
use crate::world::Group;

const ADDRESS: &str = "it is the address of every call; another value is refused (IdentityChanged), never sent";
const POLICY: &str = "it decides what the operator does and is no member of anything in AWS";

const NOT_SENT: [(&str, &str); 12] = [
    ("restApiId", ADDRESS),
    ("restApiIdFrom.configMapKeyRef.name", ADDRESS),
    ("restApiIdFrom.configMapKeyRef.key", ADDRESS),
    ("region", ADDRESS),
    ("stageName", ADDRESS),
    ("snapshotDelay", "it decides when a snapshot is taken, not what is in it"),
    ("releasePolicy", POLICY),
    ("deploymentHistoryLimit", "it decides which deployments clean-up leaves, and is no member of anything in AWS"),
    ("adoptionPolicy", POLICY),
    ("deletionPolicy", POLICY),
    ("driftPolicy", POLICY),
    ("suspend", POLICY),
];

pub(super) fn fields() -> Vec<Field> {
    let not_sent = NOT_SENT.into_iter().map(|(path, why)| Field { path, fate: Fate::NotSent(why) });
    not_sent.chain([revision(), deployment_id(), deployment_description(), variables()]).collect()
}

fn sent(path: &'static str, rows: Rows) -> Field {
    Field { path, fate: Fate::Sent(Box::new(rows)) }
}

fn revision() -> Field {
    let rows = Rows {
        declare: |spec| {
            spec.deployment_id = None;
            spec.revision = Some("r1".into());
        },
        create: &[
            "CreateDeployment [stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-prod]",
            "CreateStage deploymentId=dep3",
        ],
        change: |spec| {
            spec.deployment_id = None;
            spec.revision = Some("r2".into());
        },
        changed: &[
            "CreateDeployment [stagecraft revision=r2 attempt=1 by=prod-eu/shop/orders-prod]",
            "UpdateStage",
            "  replace /deploymentId = dep4",
            "UpdateDeployment dep4 result=Promoted [stagecraft revision=r2 attempt=1 by=prod-eu/shop/orders-prod]",
        ],
        drop: |spec| spec.revision = None,
        dropped: &[],
        forgets: &["revision"],
        put_back: &[],
        hand: |stage| stage.deployment_id = "dep2".into(),
        drift: Drift::Obeyed("StageMovedByHand"),
        adopted: &[
            "CreateDeployment [stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-prod]",
            "UpdateStage",
            "  replace /deploymentId = dep3",
            "UpdateDeployment dep3 result=Promoted [stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-prod]",
        ],
        refusal: (Group::Snapshot, Cause::NoMethods, "Releasing"),
        refused: &["CreateDeployment [stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-prod]"],
        beside: &[],
    };
    sent("revision", rows)
}

fn deployment_id() -> Field {
    let rows = Rows {
        declare: |spec| spec.deployment_id = Some("dep1".into()),
        create: &["CreateStage deploymentId=dep1"],
        change: |spec| spec.deployment_id = Some("dep2".into()),
        changed: &["UpdateStage", "  replace /deploymentId = dep2"],
        drop: |spec| spec.deployment_id = None,
        dropped: &[],
        forgets: &["deploymentId"],
        put_back: &[],
        hand: |stage| stage.deployment_id = "dep2".into(),
        drift: Drift::Obeyed("StageMovedByHand"),
        adopted: &["UpdateStage", "  replace /deploymentId = dep1"],
        refusal: (Group::Traffic, Cause::Denied, "AccessDenied"),
        refused: &["UpdateStage", "  replace /deploymentId = dep2"],
        beside: &[],
    };
    sent("deploymentId", rows)
}

/// No member of a stage: it is in the description of the deployment that the stage serves, where our marker is in it.
fn deployment_description() -> Field {
    let rows = Rows {
        declare: |spec| {
            spec.deployment_id = None;
            spec.revision = Some("r1".into());
            spec.deployment_description = Some("Orders".to_owned());
        },
        create: &[
            "CreateDeployment Orders [stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-prod]",
            "CreateStage deploymentId=dep3",
        ],
        change: |spec| spec.deployment_description = Some("Orders 2".to_owned()),
        changed: &["UpdateDeployment dep3 Orders 2 [stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-prod]"],
        drop: |spec| spec.deployment_description = None,
        // The text stays: it said what that deployment is.
        dropped: &[],
        forgets: &[],
        put_back: &[],
        hand: |stage| stage.deployment_id = "dep2".into(),
        drift: Drift::Unseen("by hand [stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-prod]"),
        adopted: &[
            "CreateDeployment Orders [stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-prod]",
            "UpdateStage",
            "  replace /deploymentId = dep3",
            "UpdateDeployment dep3 Orders result=Promoted [stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-prod]",
        ],
        refusal: (Group::Snapshot, Cause::NoMethods, "Releasing"),
        refused: &["CreateDeployment Orders [stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-prod]"],
        beside: &[],
    };
    sent("deploymentDescription", rows)
}

fn variables() -> Field {
    let rows = Rows {
        declare: |spec| spec.variables = Some([("backend".to_owned(), "blue".to_owned())].into()),
        create: &["CreateStage deploymentId=dep1", "  variables backend=blue"],
        change: |spec| spec.variables = Some([("backend".to_owned(), "green".to_owned())].into()),
        changed: &["UpdateStage", "  replace /variables/backend = green"],
        drop: |spec| spec.variables = None,
        dropped: &["UpdateStage", "  remove /variables/backend"],
        forgets: &["variables[backend]"],
        put_back: &[],
        hand: |stage| drop(stage.variables.insert("backend".to_owned(), "red".to_owned())),
        drift: Drift::Corrected("variables[backend]", &["UpdateStage", "  replace /variables/backend = blue"]),
        adopted: &["UpdateStage", "  replace /variables/backend = blue"],
        refusal: (Group::Traffic, Cause::Refused, "Refused"),
        refused: &["UpdateStage", "  replace /variables/backend = blue"],
        beside: &[],
    };
    sent("variables", rows)
}
