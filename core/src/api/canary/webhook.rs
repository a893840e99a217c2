//! Whom a release asks or tells.

#![expect(unreachable_pub, reason = "KubeSchema repeats the struct inside a function of its own")]

use std::collections::BTreeSet;
use std::fmt;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::duration::Duration;

/// Somebody who is asked or told over HTTP. What is sent is in `docs/webhooks.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Your name for it.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"))]
    pub name: String,

    /// Where it is asked, by POST. The operator must allow the host, and it must be https unless the operator allows http.
    #[schemars(length(max = 2048))]
    #[x_kube(
        validation = Rule::new("self.matches('^https?://([A-Za-z0-9._-]+|[[][0-9A-Fa-f:.]+[]])(:[0-9]{1,5})?([/?].*)?$')")
            .message("url must be an https address with a host and without user or password, such as https://gate.example.com/release.")
    )]
    pub url: String,

    /// At which moments. (Not `on`: YAML 1.1, which kubectl reads, takes that word for true.)
    #[schemars(length(min = 1, max = 5), extend("x-kubernetes-list-type" = "set"))]
    pub when: BTreeSet<Moment>,

    /// How long one try may take, at most 60s. Absent: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("!self.matches('^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,4}s)?$') || (duration(self) >= duration('1s') && duration(self) <= duration('60s'))")
            .message("timeout must be 1s to 60s: a gate that needs longer answers no and is asked again.")
    )]
    pub timeout: Option<Duration>,

    /// Tries after one that got no answer, before the gate counts as closed or the news as not delivered. Absent: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 5))]
    pub retries: Option<u32>,
}

/// When a webhook is called. `BeforeRelease`, `BeforeStep` and `BeforePromotion` are gates: a 2xx lets the release go on,
/// anything else holds it, and it is asked again. `AfterPromotion` and `AfterRollback` only tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Moment {
    /// Before anything of the target serves.
    BeforeRelease,
    /// Before each step.
    BeforeStep,
    /// Before the target serves all.
    BeforePromotion,
    /// The target serves all.
    AfterPromotion,
    /// The stage serves what it did before.
    AfterRollback,
}

impl Moment {
    /// Whether a release waits for the answer.
    #[must_use]
    pub fn is_gate(self) -> bool {
        match self {
            Self::BeforeRelease | Self::BeforeStep | Self::BeforePromotion => true,
            Self::AfterPromotion | Self::AfterRollback => false,
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeRelease => "BeforeRelease",
            Self::BeforeStep => "BeforeStep",
            Self::BeforePromotion => "BeforePromotion",
            Self::AfterPromotion => "AfterPromotion",
            Self::AfterRollback => "AfterRollback",
        })
    }
}
