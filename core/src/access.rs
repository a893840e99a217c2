//! Who may govern what: the decision that comes before the first call to AWS.
//!
//! Whoever may create an `ApiStage` in a namespace acts with the operator's credentials. Rules say, by namespace, whose
//! role is assumed, which REST APIs and Regions are in reach, and whether stages that exist may be adopted. What no rule
//! allows is denied; without rules everything is allowed with the operator's own credentials.
//!
//! How the rules are read is `stagecraft::access`; how a role is assumed is `stagecraft::aws`.

use std::collections::BTreeSet;
use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::api::names::{AccountId, Region, RestApiId};
use crate::api::target::hex;

/// What the operator was told about access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// No rules: every namespace reaches whatever the operator's own credentials reach.
    Open {
        /// Whether stages that exist may be adopted.
        adoption: bool,
    },
    /// The first rule whose pattern matches the namespace decides; what it does not allow is denied.
    Rules(Vec<Rule>),
}

/// What one kind of namespace may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The namespaces that it is for.
    pub namespace: Pattern,
    /// The role that is assumed for them; `None`: the operator's own credentials.
    pub role: Option<RoleArn>,
    /// REST APIs in reach.
    pub rest_apis: Allowed<RestApiId>,
    /// Regions in reach.
    pub regions: Allowed<Region>,
    /// Whether stages that exist may be adopted.
    pub adoption: bool,
}

/// Everything, or what is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed<T> {
    /// `"*"`.
    All,
    /// These.
    These(BTreeSet<T>),
}

/// Names of namespaces: `*` stands for any characters, also none; everything else for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// The ARN of an IAM role: `arn:<partition>:iam::<account>:role/<path and name>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleArn(String);

/// What an object may do, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The role that is assumed for it; `None`: the operator's own credentials.
    pub role: Option<RoleArn>,
    /// Whether it may adopt a stage that exists.
    pub adoption: bool,
    /// The pattern of the rule that allows it; `None`: there are no rules.
    pub rule: Option<Pattern>,
}

/// Why an object may do nothing: a sentence that says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No rule is for its namespace.
    #[error(
        "No access rule of the operator is for namespace {namespace:?}. Have one added to the file of --access-config, or move this object to a namespace that has one."
    )]
    Namespace {
        /// Its namespace.
        namespace: String,
    },
    /// The rule for its namespace does not list its REST API.
    #[error(
        "The access rule of the operator for namespaces \"{rule}\" does not allow REST API {rest_api}. Correct the REST API of this object, or have the id added to restApiIds of that rule (file of --access-config)."
    )]
    RestApi {
        /// The pattern of the rule.
        rule: Pattern,
        /// What it does not allow.
        rest_api: RestApiId,
    },
    /// The rule for its namespace does not list its Region.
    #[error(
        "The access rule of the operator for namespaces \"{rule}\" does not allow region {region}. Have the region added to regions of that rule (file of --access-config), or delete this object and create one in a region that it allows."
    )]
    Region {
        /// The pattern of the rule.
        rule: Pattern,
        /// What it does not allow.
        region: Region,
    },
}

/// Why a text is no namespace pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write 1 to 63 lower-case letters, digits, '-' and '*' (any characters), such as shop or team-*")]
pub struct NotAPattern;

/// Why a text is no ARN of a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write the ARN of an IAM role, such as arn:aws:iam::123456789012:role/stagecraft")]
pub struct NotARole;

impl Policy {
    /// Whether an object of this namespace may govern a stage of this REST API, and as whom.
    ///
    /// # Errors
    ///
    /// [`Denied`], whose text becomes the condition's message.
    pub fn decide(&self, namespace: &str, rest_api: &RestApiId, region: &Region) -> Result<Access, Denied> {
        let rules = match self {
            Self::Open { adoption } => return Ok(Access { role: None, adoption: *adoption, rule: None }),
            Self::Rules(rules) => rules,
        };
        let rule = rules
            .iter()
            .find(|rule| rule.namespace.matches(namespace))
            .ok_or_else(|| Denied::Namespace { namespace: namespace.to_owned() })?;
        if !rule.rest_apis.contains(rest_api) {
            return Err(Denied::RestApi { rule: rule.namespace.clone(), rest_api: rest_api.clone() });
        }
        if !rule.regions.contains(region) {
            return Err(Denied::Region { rule: rule.namespace.clone(), region: region.clone() });
        }
        Ok(Access { role: rule.role.clone(), adoption: rule.adoption, rule: Some(rule.namespace.clone()) })
    }
}

impl Access {
    /// What to do so that adoption is allowed: the end of a sentence to whoever runs the operator.
    #[must_use]
    pub fn how_to_allow_adoption(&self) -> String {
        match &self.rule {
            Some(rule) => {
                format!("Set adoption to true in its access rule for namespaces \"{rule}\" (file of --access-config)")
            }
            None => "Start it with --allow-adoption".to_owned(),
        }
    }
}

impl<T: Ord> Allowed<T> {
    /// Whether this one is allowed.
    pub fn contains(&self, one: &T) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => these.contains(one),
        }
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`NotAPattern`] for what matches no name that a namespace can have.
    pub fn parse(text: &str) -> Result<Self, NotAPattern> {
        let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '*');
        if (1..=63).contains(&text.len()) && text.chars().all(usable) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAPattern)
        }
    }

    /// Whether the namespace is one of these.
    #[must_use]
    pub fn matches(&self, namespace: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = namespace.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            // The earliest place leaves the most for the others.
            let Some((_, after)) = rest.split_once(part) else { return false };
            rest = after;
        }
        rest.ends_with(last)
    }

    /// Whether every namespace of `other` is one of these too, so that a rule for `other` after a rule for this one never
    /// decides anything.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        // A `*` of the other pattern can only be taken by one of this, which takes whatever it stands for.
        self.matches(&other.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RoleArn {
    /// Reads the ARN of a role.
    ///
    /// # Errors
    ///
    /// [`NotARole`] for anything else; whether the role exists is AWS's to say.
    pub fn parse(text: &str) -> Result<Self, NotARole> {
        let name = |c: char| c.is_ascii_alphanumeric() || "+=,.@_/-".contains(c);
        let role = Self(text.to_owned());
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else { return Err(NotARole) };
        let is_partition = partition.starts_with("aws");
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let path = resource.strip_prefix("role/").unwrap_or_default();
        let is_role = !path.is_empty() && path.len() <= 576 && !path.ends_with('/') && path.chars().all(name);
        if is_partition && is_account && is_role { Ok(role) } else { Err(NotARole) }
    }

    /// The ARN as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account that the role belongs to: that of everybody who has assumed it.
    #[must_use]
    pub fn account(&self) -> AccountId {
        AccountId::new(self.0.split(':').nth(4).unwrap_or_default())
    }

    /// The partition that the role belongs to: it reaches no Region of another.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Longest name of a role's session (STS API reference, `AssumeRole`: 2 to 64 of `[\w+=,.@-]`).
const LONGEST_SESSION: usize = 64;

/// What of a namespace stays readable in a shortened name; the cluster gets the rest.
const READABLE_NAMESPACE: usize = 28;

/// Names the session of a role: `CloudTrail` shows by it which namespace of which cluster a call was made for.
///
/// `stagecraft-<cluster-id>-<namespace>`; over 64 characters both are cut, and the first 8 hex digits of SHA-256 over
/// `<cluster-id>/<namespace>` follow.
#[must_use]
pub fn session_name(cluster_id: &str, namespace: &str) -> String {
    let plain = format!("stagecraft-{cluster_id}-{namespace}");
    if plain.len() <= LONGEST_SESSION {
        return plain;
    }
    let digest = hex(&Sha256::digest(format!("{cluster_id}/{namespace}").as_bytes()));
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let namespace = cut(namespace, READABLE_NAMESPACE);
    let rest = LONGEST_SESSION - "stagecraft---12345678".len() - namespace.len();
    format!("stagecraft-{}-{namespace}-{}", cut(cluster_id, rest), cut(&digest, 8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    fn role(text: &str) -> RoleArn {
        RoleArn::parse(text).unwrap()
    }

    const ORDERS: &str = "arn:aws:iam::111111111111:role/stagecraft-orders";

    fn policy() -> Policy {
        let these = |id: &str| Allowed::These([RestApiId::from(id)].into());
        Policy::Rules(vec![
            Rule {
                namespace: pattern("shop"),
                role: Some(role(ORDERS)),
                rest_apis: these("a1b2c3d4e5"),
                regions: Allowed::These([Region::from("eu-west-1")].into()),
                adoption: false,
            },
            Rule {
                namespace: pattern("shop-*"),
                role: None,
                rest_apis: Allowed::All,
                regions: Allowed::All,
                adoption: true,
            },
        ])
    }

    fn decide(namespace: &str, rest_api: &str, region: &str) -> Result<Access, Denied> {
        policy().decide(namespace, &RestApiId::from(rest_api), &Region::from(region))
    }

    #[test]
    fn the_first_rule_for_a_namespace_decides() {
        let shop = Access { role: Some(role(ORDERS)), adoption: false, rule: Some(pattern("shop")) };
        assert_eq!(decide("shop", "a1b2c3d4e5", "eu-west-1"), Ok(shop));
        let other = Access { role: None, adoption: true, rule: Some(pattern("shop-*")) };
        assert_eq!(decide("shop-eu", "zzzzzzzzzz", "us-east-1"), Ok(other));
    }

    #[test]
    fn what_no_rule_allows_is_denied_with_what_to_change() {
        let cases = [
            (
                decide("billing", "a1b2c3d4e5", "eu-west-1"),
                "No access rule of the operator is for namespace \"billing\". Have one added to the file of --access-config, or move this object to a namespace that has one.",
            ),
            (
                decide("shop", "zzzzzzzzzz", "eu-west-1"),
                "The access rule of the operator for namespaces \"shop\" does not allow REST API zzzzzzzzzz. Correct the REST API of this object, or have the id added to restApiIds of that rule (file of --access-config).",
            ),
            (
                decide("shop", "a1b2c3d4e5", "us-east-1"),
                "The access rule of the operator for namespaces \"shop\" does not allow region us-east-1. Have the region added to regions of that rule (file of --access-config), or delete this object and create one in a region that it allows.",
            ),
        ];
        for (decided, sentence) in cases {
            assert_eq!(decided.map_err(|denied| denied.to_string()), Err(sentence.to_owned()));
        }
        let nobody = Policy::Rules(Vec::new());
        assert!(nobody.decide("shop", &RestApiId::from("a1b2c3d4e5"), &Region::from("eu-west-1")).is_err());
    }

    #[test]
    fn without_rules_everything_is_allowed_with_the_operators_own_credentials() {
        for adoption in [false, true] {
            let decided = Policy::Open { adoption }.decide("any", &RestApiId::from("x"), &Region::from("y"));
            assert_eq!(decided, Ok(Access { role: None, adoption, rule: None }));
        }
    }

    #[test]
    fn a_pattern_is_the_whole_name() {
        let cases = [
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("shop", "a-shop", false),
            ("shop*", "shop", true),
            ("shop-*", "shop", false),
            ("shop-*", "shop-eu", true),
            ("*-shop", "eu-shop", true),
            ("*-shop", "eu-shop-2", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("**", "anything", true),
        ];
        for (text, namespace, expected) in cases {
            assert_eq!(pattern(text).matches(namespace), expected, "{text} and {namespace}");
        }
        for text in ["", "Shop", "shop/eu", "shop?", "[ab]", "shöp"] {
            assert_eq!(Pattern::parse(text), Err(NotAPattern), "{text}");
        }
    }

    #[test]
    fn a_role_has_an_account_and_a_partition() {
        let cn = role("arn:aws-cn:iam::222222222222:role/teams/orders/Stagecraft+1");
        assert_eq!((cn.account(), cn.partition()), (AccountId::from("222222222222"), "aws-cn"));
        for text in [
            "",
            "stagecraft",
            "arn:aws:iam::111111111111:user/x",
            "arn:aws:iam::111111111111:role/",
            "arn:aws:iam::111111111111:role/x/",
            "arn:aws:iam::11111111111:role/x",
            "arn:aws:iam:eu-west-1:111111111111:role/x",
            "arn:aws:sts::111111111111:assumed-role/x/y",
            "arn:gcp:iam::111111111111:role/x",
            "arn:aws:iam::111111111111:role/x y",
        ] {
            assert_eq!(RoleArn::parse(text), Err(NotARole), "{text}");
        }
    }

    /// Golden: alarms and queries on `CloudTrail` hold these texts.
    #[test]
    fn a_session_is_named_after_cluster_and_namespace() {
        assert_eq!(session_name("prod-eu", "shop"), "stagecraft-prod-eu-shop");
        let uid = "0c5ef84e-1111-4222-8333-444455556666";
        assert_eq!(
            session_name(uid, "orders-and-payments-of-the-shop"),
            "stagecraft-0c5ef84e-1111-4-orders-and-payments-of-the-s-b92c59c1"
        );
    }

    proptest! {
        #[test]
        fn every_session_name_is_one_that_sts_takes(
            cluster_id in "[A-Za-z0-9._-]{1,63}",
            namespace in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
            other in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        ) {
            let name = session_name(&cluster_id, &namespace);
            prop_assert!((2..=64).contains(&name.len()), "{name}");
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{name}");
            prop_assert_eq!(name == session_name(&cluster_id, &other), namespace == other);
        }

        #[test]
        fn a_pattern_that_covers_another_matches_whatever_that_matches(
            one in "[ab*]{1,5}", other in "[ab*]{1,5}", namespace in "[ab]{0,6}",
        ) {
            let (one, other) = (pattern(&one), pattern(&other));
            prop_assert!(!(one.covers(&other) && other.matches(&namespace)) || one.matches(&namespace));
        }

        #[test]
        fn no_text_panics(text in ".*", namespace in ".*") {
            if let Ok(pattern) = Pattern::parse(&text) {
                prop_assert!(pattern.covers(&pattern));
                prop_assert!(text.contains('*') || pattern.matches(&namespace) == (namespace == text));
            }
            if let Ok(role) = RoleArn::parse(&text) {
                prop_assert_eq!(role.account().as_str().len(), 12);
            }
        }
    }
}
