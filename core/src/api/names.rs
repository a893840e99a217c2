//! Identifiers as types, so that two of them cannot be swapped.
//!
//! None of them checks its text: what a user may write is held by the schema (`spec`), what AWS sends is taken as it is.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $name(#[schemars(length(max = 256))] String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

name! {
    /// Identifier of a REST API: ten lower-case letters and digits, such as `a1b2c3d4e5`.
    RestApiId
}
name! {
    /// Name of a stage, unique within its REST API and fixed for its life: `[A-Za-z0-9_-]{1,128}`.
    StageName
}
name! {
    /// Identifier of a deployment, unique within its REST API, such as `4fk2x1`. Holds no dot, a release id always does.
    DeploymentId
}
name! {
    /// The user's name for a deployment: a Git SHA, a build number. `^[A-Za-z0-9][A-Za-z0-9._+/:@-]{0,127}$`.
    Revision
}
name! {
    /// Code of an AWS Region, such as `eu-west-1`.
    Region
}
name! {
    /// Twelve digits that name an AWS account.
    AccountId
}
name! {
    /// Id of a release: `<revision, deploymentId or "vars">.<n>`, such as `r42.7` (design: release state machine).
    ReleaseId
}
