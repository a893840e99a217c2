//! Reads the access rules from the file of `--access-config`, once, when the process starts.
//!
//! What the rules mean is `stagecraft_core::access`. A file that is not right to the letter is refused: a rule that is
//! silently not there would let somebody in, or keep everybody out.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_saphyr::{MessageFormatter as _, UserMessageFormatter};
use stagecraft_core::access::{Allowed, NotAPattern, NotARole, Pattern, Policy, RoleArn, Rule};
use stagecraft_core::api::arn;
use stagecraft_core::api::names::{Region, RestApiId};

/// Everything, where a list of what is allowed is expected.
const EVERYTHING: &str = "*";

/// Why a file of access rules cannot be used: where, and what to change.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("could not read the access configuration {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no YAML, or has not the shape of a list of rules.
    #[error("the access configuration {path} is not right{place}: {problem}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line and column, where they are known.
        place: Place,
        /// What is wrong.
        problem: String,
    },
    /// It has the right shape and does not make sense.
    #[error("the access configuration {path} is not right: {problem}")]
    Senseless {
        /// The file.
        path: PathBuf,
        /// Which rule, and what is wrong with it.
        problem: String,
    },
}

/// A place in a file, which may not be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(Option<(u64, u64)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    #[serde(deserialize_with = "pattern")]
    namespace: Pattern,
    /// Not there: the operator's own credentials. Empty, as a template without its value leaves it, is refused.
    #[serde(default, deserialize_with = "role")]
    role_arn: Option<RoleArn>,
    rest_api_ids: Vec<String>,
    regions: Vec<String>,
    #[serde(default)]
    adoption: bool,
}

/// Reads the rules.
///
/// # Errors
///
/// [`Error`], which says where and what to change.
pub fn load(path: &Path) -> Result<Policy, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Policy, Error> {
    let options = serde_saphyr::options! { with_snippet: false };
    let file: File = serde_saphyr::from_str_with_options(text, options).map_err(|error| Error::Malformed {
        path: path.to_owned(),
        place: Place(error.location().map(|location| (location.line(), location.column()))),
        problem: UserMessageFormatter.format_message(&error).into_owned(),
    })?;
    rules(file).map_err(|problem| Error::Senseless { path: path.to_owned(), problem })
}

/// Checks what only several values together can show.
fn rules(file: File) -> Result<Policy, String> {
    let mut rules: Vec<Rule> = Vec::new();
    for (index, entry) in file.rules.into_iter().enumerate() {
        // No `..`: a new member that nobody heeds must not compile.
        let Entry { namespace, role_arn, rest_api_ids, regions, adoption } = entry;
        let place = format!("rules[{index}]");
        if let Some((first, _)) = rules.iter().enumerate().find(|(_, rule)| rule.namespace.covers(&namespace)) {
            return Err(format!(
                "{place} never decides, because rules[{first}] is for the namespaces \"{namespace}\" too and comes first; \
                 move it up or remove it"
            ));
        }
        let rest_apis = allowed(&format!("{place}.restApiIds"), rest_api_ids, is_rest_api_id, "a1b2c3d4e5")?;
        let regions = allowed(&format!("{place}.regions"), regions, is_region, "eu-west-1")?;
        if let (Some(role), Allowed::These(regions)) = (&role_arn, &regions)
            && let Some(region) =
                regions.iter().find(|region| arn::partition(&Region::from(region.as_str())) != role.partition())
        {
            return Err(format!(
                "{place}.roleArn is in partition {}, and region {region} is not; a role reaches the regions of its own partition only",
                role.partition()
            ));
        }
        rules.push(Rule {
            namespace,
            role: role_arn,
            rest_apis: rest_apis.of(RestApiId::new),
            regions: regions.of(Region::new),
            adoption,
        });
    }
    if rules.is_empty() {
        return Err(
            "rules is empty, so nothing would be allowed; write a rule, or run without --access-config".to_owned()
        );
    }
    Ok(Policy::Rules(rules))
}

/// A list that is `["*"]`, or names what it allows.
fn allowed(place: &str, list: Vec<String>, usable: fn(&str) -> bool, example: &str) -> Result<Listed, String> {
    if list == [EVERYTHING] {
        return Ok(Allowed::All);
    }
    if list.is_empty() {
        return Err(format!(
            "{place} is empty, so the rule would allow nothing; list what it allows, or write [\"*\"]"
        ));
    }
    if let Some(other) = list.iter().find(|one| !usable(one)) {
        return Err(match other.as_str() {
            EVERYTHING => format!("{place} has \"*\" beside others; \"*\" must stand alone"),
            other => format!("{place} has {other:?}; write values such as {example}, or [\"*\"]"),
        });
    }
    Ok(Allowed::These(list.into_iter().collect()))
}

type Listed = Allowed<String>;

/// A list as what it lists.
trait Of {
    fn of<T: Ord>(self, make: fn(String) -> T) -> Allowed<T>;
}

impl Of for Listed {
    fn of<T: Ord>(self, make: fn(String) -> T) -> Allowed<T> {
        match self {
            Self::All => Allowed::All,
            Self::These(these) => Allowed::These(these.into_iter().map(make).collect::<BTreeSet<_>>()),
        }
    }
}

/// As the schema of `spec.restApiId`.
fn is_rest_api_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    let mut parts: Vec<_> = text.split('-').collect();
    let number = parts.pop().unwrap_or_default();
    let lower_case = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    parts.len() >= 2
        && parts.iter().all(lower_case)
        && number.len() == 1
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pattern, D::Error> {
    let text = String::deserialize(deserializer)?;
    Pattern::parse(&text)
        .map_err(|NotAPattern| serde::de::Error::custom(format_args!("namespace is {text:?}; {NotAPattern}")))
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RoleArn>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let role = RoleArn::parse(&text).map_err(|NotARole| {
        serde::de::Error::custom(format_args!(
            "roleArn is {text:?}; {NotARole}, or leave roleArn out for the operator's own credentials"
        ))
    })?;
    Ok(Some(role))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((line, column)) => write!(f, " at line {line}, column {column}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use stagecraft_core::access::Access;

    use super::*;

    /// Reads the text as a file; the error as people see it.
    fn read(text: &str) -> Result<Policy, String> {
        parse(Path::new("access.yaml"), text).map_err(|error| error.to_string())
    }

    fn decide(policy: &Policy, namespace: &str, rest_api: &str) -> Option<Access> {
        policy.decide(namespace, &RestApiId::from(rest_api), &Region::from("eu-west-1")).ok()
    }

    /// The documentation's examples are files that work.
    #[test]
    fn the_documented_examples_are_read() {
        let page = include_str!("../docs/access.md");
        let examples: Vec<_> =
            page.split("```yaml configuration\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let rules: Vec<_> = examples.iter().filter(|example| example.starts_with("rules:")).collect();
        assert_eq!(rules.len(), 1, "the page has one whole file");
        let policy = read(rules[0]).unwrap();
        let orders = RoleArn::parse("arn:aws:iam::111111111111:role/stagecraft-orders").unwrap();
        let shop = Pattern::parse("shop").unwrap();
        assert_eq!(
            decide(&policy, "shop", "a1b2c3d4e5"),
            Some(Access { role: Some(orders), adoption: true, rule: Some(shop) })
        );
        assert_eq!(decide(&policy, "shop", "zzzzzzzzzz"), None);
        assert_eq!(decide(&policy, "sandbox-eva", "zzzzzzzzzz").map(|access| access.role), Some(None));
        assert_eq!(decide(&policy, "elsewhere", "a1b2c3d4e5"), None);
    }

    #[test]
    fn an_id_that_looks_like_a_number_stays_an_id() {
        let policy =
            read("rules:\n- namespace: shop\n  restApiIds: [1234567e10, 0123456789]\n  regions: ['*']\n").unwrap();
        assert!(decide(&policy, "shop", "1234567e10").is_some());
        assert!(decide(&policy, "shop", "0123456789").is_some());
    }

    #[test]
    fn what_is_not_right_is_refused_with_the_place_and_what_to_change() {
        let rule = |lines: &str| {
            format!("rules:\n  - namespace: shop\n    restApiIds: [\"*\"]\n    regions: [\"*\"]\n{lines}")
        };
        let chinese = "arn:aws-cn:iam::111111111111:role/x";
        let cases = [
            (String::new(), "is not right"),
            (
                "rules: []".to_owned(),
                "rules is empty, so nothing would be allowed; write a rule, or run without --access-config",
            ),
            ("rules: [".to_owned(), "is not right at line 1, column"),
            (
                rule("    roles: x"),
                "is not right at line 5, column 5: unknown field `roles`, expected one of namespace, roleArn, restApiIds, regions, adoption",
            ),
            ("rules:\n  - namespace: shop\n    regions: [\"*\"]\n".to_owned(), "missing field `restApiIds`"),
            ("rule: []".to_owned(), "unknown field `rule`, expected one of rules"),
            (rule("    adoption: maybe"), "is not right at line 5, column 15: "),
            (rule("    adoption: true\n    adoption: false"), "is not right at line 6, column 5: duplicate"),
            (
                rule("    roleArn: stagecraft"),
                "is not right at line 5, column 14: roleArn is \"stagecraft\"; write the ARN of an IAM role, such as arn:aws:iam::123456789012:role/stagecraft, or leave roleArn out",
            ),
            (rule("    roleArn:"), "at line 5"),
            (rule("    roleArn: \"\""), "roleArn is \"\"; write the ARN of an IAM role"),
            (
                "rules:\n  - namespace: Shop\n    restApiIds: [\"*\"]\n    regions: [\"*\"]\n".to_owned(),
                "is not right at line 2, column 16: namespace is \"Shop\"; write 1 to 63 lower-case letters",
            ),
            (
                "rules:\n  - namespace: shop\n    restApiIds: []\n    regions: [\"*\"]\n".to_owned(),
                "rules[0].restApiIds is empty, so the rule would allow nothing; list what it allows, or write [\"*\"]",
            ),
            (
                "rules:\n  - namespace: shop\n    restApiIds: [\"*\", a1]\n    regions: [\"*\"]\n".to_owned(),
                "rules[0].restApiIds has \"*\" beside others; \"*\" must stand alone",
            ),
            (
                "rules:\n  - namespace: shop\n    restApiIds: [A1]\n    regions: [\"*\"]\n".to_owned(),
                "rules[0].restApiIds has \"A1\"; write values such as a1b2c3d4e5, or [\"*\"]",
            ),
            (
                "rules:\n  - namespace: shop\n    restApiIds: [\"*\"]\n    regions: [Europe]\n".to_owned(),
                "rules[0].regions has \"Europe\"; write values such as eu-west-1, or [\"*\"]",
            ),
            (
                format!(
                    "rules:\n  - namespace: shop\n    roleArn: {chinese}\n    restApiIds: [\"*\"]\n    regions: [cn-north-1, eu-west-1]\n"
                ),
                "rules[0].roleArn is in partition aws-cn, and region eu-west-1 is not; a role reaches the regions of its own partition only",
            ),
            (
                rule(
                    "  - namespace: \"team-*\"\n    restApiIds: [\"*\"]\n    regions: [\"*\"]\n  - namespace: team-a*\n    restApiIds: [a1]\n    regions: [\"*\"]\n",
                ),
                "rules[2] never decides, because rules[1] is for the namespaces \"team-a*\" too and comes first; move it up or remove it",
            ),
        ];
        for (text, sentence) in cases {
            let said = read(&text).expect_err(&text);
            assert!(said.contains(sentence), "{text}\n{said}");
            assert!(!said.contains('\n'), "one line: {said}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = load(Path::new("/nowhere/access.yaml")).unwrap_err();
        assert_eq!(error.to_string(), "could not read the access configuration /nowhere/access.yaml");
    }

    #[test]
    fn every_region_of_aws_looks_like_one() {
        for region in
            ["eu-west-1", "us-gov-east-1", "cn-northwest-1", "us-isob-east-1", "mx-central-1", "eusc-de-east-1"]
        {
            assert!(is_region(region), "{region}");
        }
        for text in ["", "*", "eu", "eu-1", "eu-west", "EU-west-1", "eu--1", "eu-west-11x"] {
            assert!(!is_region(text), "{text}");
        }
    }
}
