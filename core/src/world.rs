//! What a plan is made from: the object, what was observed, and what this process remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::{Resource, ResourceExt as _};

use crate::access::{Access, Denied, Policy};
use crate::analysis::Readings;
use crate::api::canary::Moment;
use crate::api::names::{AccountId, DeploymentId, Region, RestApiId, Revision};
use crate::api::owner::Owner;
use crate::api::stage::ApiStage;
use crate::cause::{Cause, Class, LONGEST};
use crate::observed::{ApiSummary, Deployment, RestApi, Stages};
use crate::plan::{Action, NotKept};
use crate::reference::Referred;
use crate::validate::canary;

/// The operator's own settings, as far as decisions depend on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// First part of every owner tag.
    pub cluster_id: String,
    /// Region of objects that name none.
    pub region: Region,
    /// Who may govern what, and whether stages may be adopted.
    pub access: Policy,
    /// How often a stage at rest is read.
    pub drift_interval: Duration,
    /// How long after a lost reply of `CreateDeployment` nobody asks again: operation timeout + 60 s.
    pub lost_reply_wait: Duration,
}

/// A value from AWS and when its request was **started**: it tells nothing of what happened later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// What was read.
    pub value: Arc<T>,
    /// When the request was started.
    pub read_at: Timestamp,
}

/// What has been read for this pass; `None` was not asked for yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// What was found where `spec.restApiIdFrom` refers to; `None` where it names the id itself.
    pub referred: Option<Referred>,
    /// The account of our credentials.
    pub account: Option<AccountId>,
    /// The REST API.
    pub rest_api: Option<Seen<RestApi>>,
    /// The stages of the REST API.
    pub stages: Option<Seen<Stages>>,
    /// All deployments of the REST API.
    pub deployments: Option<Seen<Vec<Deployment>>>,
    /// Methods of deployments, which never change; `None` where they cannot be read now.
    pub methods: BTreeMap<DeploymentId, Option<Arc<ApiSummary>>>,
    /// The governing `ApiCanary` by a list that was made for this decision.
    pub governor: Option<Seen<Option<Governor>>>,
    /// What the sources answered to the queries of the check that is due.
    pub readings: Option<Readings>,
    /// What the webhooks of a moment said.
    pub gate: Option<(Moment, Answer)>,
}

/// What webhooks said before a release goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether all of them let it go on.
    pub open: bool,
    /// Who does not, and what it answered: a whole sentence.
    pub said: String,
}

/// The `ApiCanary` that governs a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Governor {
    /// Its uid, which tells it from one of the same name that came later.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// How it wants releases to go, or the sentence that says what is wrong with it.
    pub policy: Result<canary::Policy, String>,
}

/// What the other `ApiStage`s of this cluster say about this one's REST API.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Siblings {
    /// The `ApiCanary` that governs this stage, as the watch shows it.
    pub governor: Option<Governor>,
    /// Another REST API of the same name with a stage of this name, where one is known: their metrics are one.
    pub twin: Option<RestApiId>,
    /// `namespace/name` of the oldest other object that governs the same stage, where it is older than ours.
    pub older: Option<String>,
    /// Revisions that another object has resolved on this REST API: where the deployment is gone, they are gone.
    pub known: BTreeSet<Revision>,
    /// Deployments that another object needs: it serves them, its spec or its release names them, or its history offers them.
    pub offered: BTreeSet<DeploymentId>,
    /// Whether there is an object that cannot be read: nobody knows what it needs.
    pub unreadable: bool,
    /// Revisions that another object's spec names, resolved or not.
    pub wanted: BTreeSet<Revision>,
    /// Owners of the other objects, as they stand in tags and markers.
    pub owners: BTreeSet<Owner>,
    /// When something of the other objects' histories ceased to serve: an hour later there may be something to clean up.
    pub ended: BTreeSet<Timestamp>,
}

/// What this process remembers of its last tries. Losing it loses nothing that decides: the next pass just looks again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recent {
    /// The failure that ended the last pass, and how many in a row there were.
    pub failure: Option<Failure>,
    /// Groups of settings that AWS refused.
    pub refused: BTreeMap<Group, Failure>,
    /// Groups that are not tried in this pass: refused in it, or so lately that their time has not come.
    pub tried: BTreeSet<Group>,
    /// When a refused group of settings is tried again, where polls for something else come earlier.
    pub retry_at: BTreeMap<Group, Timestamp>,
    /// Calls of this very pass that AWS took: what it still does not show after them is not sent again.
    pub done: Vec<Action>,
    /// Settings that AWS took in earlier passes and did not show: not sent again while they are declared and the stage shows the
    /// same.
    pub not_kept: NotKept,
    /// Snapshots whose last call certainly had no effect, so that nobody needs to wait for a late one.
    pub unsent: BTreeSet<(Revision, u32)>,
    /// Tidying up, which never disturbs anything else.
    pub housekeeping: Housekeeping,
}

/// What this process remembers of descriptions and clean-up: done at rest only, and never news where it fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Housekeeping {
    /// When the deployments of the REST API were last looked through to the end.
    pub swept: Option<Timestamp>,
    /// Calls of it in this very pass.
    pub sent: usize,
    /// Something of it failed, and it rests until then.
    pub not_before: Option<Timestamp>,
    /// Deployments that AWS would not delete yet, and since when.
    pub spared: BTreeMap<DeploymentId, Timestamp>,
}

impl Housekeeping {
    /// Notes that a call or read of it failed: an object that is still in use is left for an hour, everything else rests for
    /// ten minutes, or for an hour where only somebody's change can help.
    pub fn failed(&mut self, deployment: Option<&DeploymentId>, cause: &Cause, now: Timestamp) {
        const SOON: Duration = Duration::from_mins(10);
        const LATER: Duration = Duration::from_hours(1);
        match (deployment, cause.class()) {
            (Some(deployment), Class::WaitingFor) => {
                self.spared.insert(deployment.clone(), now);
            }
            (_, class) => {
                let wait = if class.is_passing() { class.retry_in(1).max(SOON) } else { LATER };
                self.not_before = now.checked_add(wait).ok();
            }
        }
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Name of the operation, such as `UpdateStage`.
    pub operation: String,
    /// Why.
    pub cause: Cause,
    /// AWS's own words, where there are any; without values of variables.
    pub text: String,
    /// Failures in a row, this one counted.
    pub in_a_row: u32,
}

/// Calls that stand and fall together. A refused group holds back nothing but itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Taking a snapshot.
    Snapshot,
    /// Creating the stage; deployment, variables and canary of an existing one: always alone.
    Traffic,
    /// What is declared beside the release, but for what has a group of its own.
    Settings,
    /// The client certificate, where it goes alone: it may not be there.
    ClientCertificate,
    /// The version of the documentation, where it goes alone: it may not be there.
    DocumentationVersion,
    /// Access logs, log levels and data traces: they need a role of the account.
    Logging,
    /// Declared tags.
    Tags,
    /// The cache cluster: refused while it is in transition.
    Cache,
    /// What a command asks for, where it is a call of its own.
    Command,
    /// The owner tag.
    Ownership,
    /// Removing what is no longer needed.
    CleanUp,
    /// Descriptions of deployments, and clean-up at rest.
    Housekeeping,
}

/// Everything that a plan is made from: `K` is the kind of the object, `O` what its kind reads, `S` what others say.
#[derive(Debug)]
pub struct World<'a, K = ApiStage, O = Observed, S = Siblings> {
    /// The object, with a status at least as new as our last write.
    pub object: &'a K,
    /// The operator's settings.
    pub settings: &'a Settings,
    /// What was read from AWS.
    pub observed: &'a O,
    /// The other objects on this REST API.
    pub siblings: &'a S,
    /// What this process remembers.
    pub recent: &'a Recent,
    /// When this process first saw what it now acts on (spec, command, wake-up): decisions need reads started after it.
    pub cause_at: Timestamp,
    /// The time.
    pub now: Timestamp,
}

// Not derived: only references are copied, whatever they refer to.
impl<K, O, S> Copy for World<'_, K, O, S> {}

impl<K, O, S> Clone for World<'_, K, O, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Group {
    /// Whether the group is one of settings beside the release, which wait for their time after a refusal, whatever else the object
    /// is looked at for meanwhile.
    #[must_use]
    pub fn is_of_settings(self) -> bool {
        match self {
            Self::Settings
            | Self::ClientCertificate
            | Self::DocumentationVersion
            | Self::Logging
            | Self::Tags
            | Self::Cache => true,
            Self::Snapshot | Self::Traffic | Self::Command | Self::Ownership | Self::CleanUp | Self::Housekeeping => {
                false
            }
        }
    }
}

impl World<'_> {
    /// The owner that the stage's tag must name.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner::new(&self.settings.cluster_id, &self.object.namespace().unwrap_or_default(), &self.object.name_any())
    }
}

impl<K: Resource, O, S> World<'_, K, O, S> {
    /// Whether this object may govern a stage of this REST API, and as whom.
    ///
    /// # Errors
    ///
    /// [`Denied`] where no rule allows it.
    pub fn access(&self, rest_api: &RestApiId, region: &Region) -> Result<Access, Denied> {
        self.settings.access.decide(&self.object.namespace().unwrap_or_default(), rest_api, region)
    }

    /// The generation of spec; 0 for an object that never was stored.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.object.meta().generation.unwrap_or_default()
    }

    /// Reads must have started at or after this: after the cause, and not so long ago that a poll would be no poll. A little
    /// less than the interval, so that the stages of one REST API share one read.
    #[must_use]
    pub fn fresh(&self) -> Timestamp {
        let share = self.settings.drift_interval.mul_f64(0.6);
        self.now.checked_sub(share).map_or(self.cause_at, |limit| limit.max(self.cause_at))
    }

    /// The time from a read to the next poll: the drift interval ±20 %, so that a thousand objects do not ask at once. All
    /// stages of a REST API that stand on the same read have the same, so that one read serves them all again; and it differs
    /// from poll to poll, so that each REST API costs one read per drift interval in the long run.
    #[must_use]
    pub fn drift_interval(&self, rest_api: Option<&RestApiId>, read_at: Timestamp) -> Duration {
        let rest_api = rest_api.map(RestApiId::as_str).unwrap_or_default();
        self.settings.drift_interval.mul_f64(0.8 + 0.4 * share(rest_api, &read_at.as_second().to_le_bytes()))
    }

    /// The time to the next try after a failure: that of its class and up to half as much, so that objects that failed together
    /// do not come back together. At most 10 minutes (design: errors): near that limit they come back before it, but not before
    /// AWS's own wish.
    #[must_use]
    pub fn retry_in(&self, failure: &Failure) -> Duration {
        let class = failure.cause.class();
        let wait = class.retry_in(failure.in_a_row);
        let most = (wait * 3 / 2).min(LONGEST);
        let wish = if let Class::Throttled { retry_after: Some(wish) } = class { wish } else { Duration::ZERO };
        let least = wait.min(LONGEST * 2 / 3).max(wish).min(most);
        let share = share(&self.object.uid().unwrap_or_default(), &failure.in_a_row.to_le_bytes());
        least + most.saturating_sub(least).mul_f64(share)
    }
}

/// A number from 0 to 1 that is this name's own, and another one for each `turn`.
fn share(name: &str, turn: &[u8]) -> f64 {
    let bytes = name.bytes().chain(turn.iter().copied());
    let hash = bytes.fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    // The low bits of this hash follow the last byte too closely.
    f64::from(hash >> 22) / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::stage::ApiStageSpec;

    /// The waits of a hundred objects, in seconds, after so many failures of this cause in a row.
    fn waits(cause: &Cause, in_a_row: u32) -> Vec<u64> {
        let settings = Settings {
            cluster_id: "prod-eu".to_owned(),
            region: Region::from("eu-west-1"),
            access: Policy::Open { adoption: false },
            drift_interval: Duration::from_mins(10),
            lost_reply_wait: Duration::from_secs(70),
        };
        let failure =
            Failure { operation: "UpdateStage".to_owned(), cause: cause.clone(), text: String::new(), in_a_row };
        let wait = |n: u32| {
            let mut object = ApiStage::new("orders", ApiStageSpec::default());
            object.metadata.uid = Some(format!("0c5ef84e-1111-4222-8333-{n:012}"));
            let world = World {
                object: &object,
                settings: &settings,
                observed: &Observed::default(),
                siblings: &Siblings::default(),
                recent: &Recent::default(),
                cause_at: Timestamp::UNIX_EPOCH,
                now: Timestamp::UNIX_EPOCH,
            };
            world.retry_in(&failure).as_secs()
        };
        (0..100).map(wait).collect()
    }

    #[test]
    fn waits_differ_from_object_to_object_and_none_is_longer_than_ten_minutes() {
        let asked = |seconds| Cause::Throttled { retry_after: Some(Duration::from_secs(seconds)) };
        let cases = [
            ("the first try after a conflict", Cause::ConcurrentModification, 2, 2..=3),
            ("a dependency, for long", Cause::LogsRoleMissing, 40, 300..=450),
            ("a refusal", Cause::Denied, 1, 60..=90),
            ("a refusal, for longer", Cause::Denied, 4, 400..=600),
            ("a refusal, for ever", Cause::Denied, 40, 400..=600),
            ("AWS's own wish is the least", asked(500), 1, 500..=600),
            ("but not beyond the limit", asked(3600), 1, 600..=600),
        ];
        for (reason, cause, in_a_row, allowed) in cases {
            let waits = waits(&cause, in_a_row);
            let (least, most) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
            assert!(allowed.contains(&least) && allowed.contains(&most), "{reason}: {least} to {most}");
            // Spread over what is allowed, not heaped up at its end.
            let room = allowed.end() - allowed.start();
            assert!(most - least >= room * 4 / 5, "{reason}: {least} to {most}");
            let at_the_end = waits.iter().filter(|wait| *wait == allowed.end()).count();
            assert!(room < 10 || at_the_end < 10, "{reason}: {at_the_end} of 100 wait for {most} s");
        }
    }
}
