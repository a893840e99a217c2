//! What a release brings: a deployment together with the declared variables.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::names::{DeploymentId, ReleaseId, Revision};

/// A deployment and the variables that belong to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The user's name for the deployment; absent where `spec.deploymentId` names it, or nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// Which snapshot of the revision: 1, then one more per `resnapshot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub attempt: Option<u32>,
    /// The deployment; absent while its snapshot has not been taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<DeploymentId>,
    /// First 16 hex digits of SHA-256 over `key=value\n` of the declared variables in key order.
    pub variables_hash: String,
}

impl Target {
    /// Whether both name the same deployment and the same variables. Deployments are compared by id where both sides know
    /// it, else by revision and attempt (design: held).
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let deployment = match (&self.deployment_id, &other.deployment_id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (Some(_) | None, None) | (None, Some(_)) => {
                self.revision.is_some() && self.revision == other.revision && self.attempt == other.attempt
            }
        };
        deployment && self.variables_hash == other.variables_hash
    }
}

/// `variablesHash` of the declared variables.
#[must_use]
pub fn variables_hash(variables: &BTreeMap<String, String>) -> String {
    let mut digest = Sha256::new();
    for (key, value) in variables {
        digest.update(format!("{key}={value}\n"));
    }
    hex(&digest.finalize()).chars().take(16).collect()
}

/// The id of release number `n` towards `target`: `r42.7`, `9xw1c7.7`, and `vars.8` when the deployment stays.
#[must_use]
pub fn release_id(target: &Target, deployment_changes: bool, n: u64) -> ReleaseId {
    let name = match (&target.revision, &target.deployment_id) {
        (Some(revision), _) if deployment_changes => revision.as_str(),
        (None, Some(deployment)) if deployment_changes => deployment.as_str(),
        _ => "vars",
    };
    ReleaseId::new(format!("{name}.{n}"))
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// Golden: objects hold these hashes for years.
    #[test]
    fn the_hash_of_variables_is_the_contract() {
        assert_eq!(variables_hash(&variables(&[])), "e3b0c44298fc1c14");
        assert_eq!(variables_hash(&variables(&[("backend", "blue"), ("limit", "5")])), "3675d1d08ed6ae9f");
        assert_eq!(
            variables_hash(&variables(&[("limit", "5"), ("backend", "blue")])),
            variables_hash(&variables(&[("backend", "blue"), ("limit", "5")])),
            "the order in which a user writes them does not matter"
        );
    }

    #[test]
    fn a_release_is_named_after_what_it_brings() {
        let revision = Target { revision: Some("r42".into()), attempt: Some(1), ..Target::default() };
        let deployment = Target { deployment_id: Some("9xw1c7".into()), ..Target::default() };
        assert_eq!(release_id(&revision, true, 7).as_str(), "r42.7");
        assert_eq!(release_id(&deployment, true, 7).as_str(), "9xw1c7.7");
        assert_eq!(release_id(&revision, false, 8).as_str(), "vars.8");
    }
}
