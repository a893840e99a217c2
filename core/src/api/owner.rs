//! The owner tag: which object of which cluster governs a stage.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::target::hex;

/// Key of the tag on every stage that we govern.
pub const OWNER_TAG: &str = "stagecraft.dev/owner";

/// Longest owner that is written out (AWS allows 256 characters for a value; the rest is kept for what may come).
const LONGEST: usize = 200;

/// Value of the owner tag: `<cluster-id>/<namespace>/<name>`, over 200 characters
/// `<cluster-id>/sha256:<first 32 hex of SHA-256 of namespace/name>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(String);

impl Owner {
    /// The owner of the object `namespace/name` in the cluster that calls itself `cluster_id`.
    #[must_use]
    pub fn new(cluster_id: &str, namespace: &str, name: &str) -> Self {
        let object = format!("{namespace}/{name}");
        let plain = format!("{cluster_id}/{object}");
        if plain.chars().count() <= LONGEST {
            return Self(plain);
        }
        let digest: String = hex(&Sha256::digest(object.as_bytes())).chars().take(32).collect();
        Self(format!("{cluster_id}/sha256:{digest}"))
    }

    /// The value of the tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_written_out_up_to_200_characters() {
        assert_eq!(Owner::new("prod-eu", "shop", "orders").as_str(), "prod-eu/shop/orders");
        let longest = "n".repeat(200 - "prod-eu/shop/".len());
        assert_eq!(Owner::new("prod-eu", "shop", &longest).as_str(), format!("prod-eu/shop/{longest}"));
        assert_eq!(
            Owner::new("prod-eu", "shop", &format!("{longest}n")).as_str(),
            "prod-eu/sha256:db6fafee5486656f1de3bf11cd93bd5c",
            "golden: stages in AWS hold it for years"
        );
    }
}
