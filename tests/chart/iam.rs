//! What `docs/iam-policy.json` allows the operator in AWS, against the calls that it made.

use std::collections::BTreeSet;

use apigateway_simulator::CallRecord;
use serde_json::Value;

/// One action on one resource, as a policy names them: both may hold `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Permission {
    action: String,
    resource: String,
}

/// What does not fit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// Calls that nothing allows.
    pub(crate) missing: BTreeSet<String>,
    /// What could be taken out of the policy, and every call would still be allowed.
    pub(crate) unused: BTreeSet<String>,
}

/// All pairs of a policy: each action of a statement with each of its resources.
pub(crate) fn permissions(policy: &Value) -> Vec<Permission> {
    assert_eq!(policy["Version"], "2012-10-17");
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut all = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        assert_eq!(statement.get("Condition"), None, "{statement}: conditions are not understood here");
        for action in texts(&statement["Action"]) {
            for resource in texts(&statement["Resource"]) {
                all.push(Permission { action: action.clone(), resource });
            }
        }
    }
    all
}

/// What AWS checks a call against; `None` where it asks for no permission.
///
/// Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon API Gateway Management", and
/// the same of CloudWatch and STS. The tag's ARN stays percent-encoded within the resource's.
pub(crate) fn asked(call: &CallRecord) -> Option<Permission> {
    let info = &call.info;
    let permission = |action: String, resource: String| Some(Permission { action, resource });
    match info.service {
        "apigateway" => {
            let path = info.path.split('?').next().unwrap_or_default();
            let resource = format!("arn:aws:apigateway:{}::{path}", info.region);
            permission(format!("apigateway:{}", info.method), resource)
        }
        // These have no resources.
        "cloudwatch" => permission(format!("cloudwatch:{}", info.operation), "*".to_owned()),
        "sts" => match info.operation {
            "AssumeRole" => {
                permission("sts:AssumeRole".to_owned(), info.body["RoleArn"].as_str().unwrap_or_default().to_owned())
            }
            // Anybody may ask who they are, and the token is the permission.
            "GetCallerIdentity" | "AssumeRoleWithWebIdentity" => None,
            other => panic!("what allows {other} of STS?"),
        },
        other => panic!("the operator called {other}: {}", call.line()),
    }
}

/// Both ways. A pair of the policy is used where a call needs it that no other pair allows.
pub(crate) fn compare(policy: &[Permission], asked: &BTreeSet<Permission>) -> Differences {
    let mut needed = BTreeSet::new();
    let mut missing = BTreeSet::new();
    for asked in asked {
        let allowed: Vec<_> = policy.iter().filter(|permission| permission.allows(asked)).collect();
        match allowed.as_slice() {
            [] => {
                missing.insert(asked.told());
            }
            [only] => {
                needed.insert(*only);
            }
            _ => {}
        }
    }
    let unused = policy.iter().filter(|permission| !needed.contains(permission)).map(Permission::told).collect();
    Differences { missing, unused }
}

impl Permission {
    fn allows(&self, asked: &Self) -> bool {
        matches(self.action.as_bytes(), asked.action.as_bytes())
            && (self.resource == "*" || matches(self.resource.as_bytes(), asked.resource.as_bytes()))
    }

    fn told(&self) -> String {
        format!("{} on {}", self.action, self.resource)
    }
}

/// IAM's wildcards: `*` stands for any characters, `?` for any one; neither stops at a slash.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
        ([b'?', rest @ ..], [_, others @ ..]) => matches(rest, others),
        ([one, rest @ ..], [other, others @ ..]) => one == other && matches(rest, others),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(actions: &[&str], resources: &[&str]) -> Vec<Permission> {
        let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
        permissions(&json!({ "Version": "2012-10-17", "Statement": [statement] }))
    }

    fn calls(calls: &[(&str, &str)]) -> BTreeSet<Permission> {
        let permission = |(action, path): &(&str, &str)| Permission {
            action: format!("apigateway:{action}"),
            resource: format!("arn:aws:apigateway:eu-west-1::{path}"),
        };
        calls.iter().map(permission).collect()
    }

    #[test]
    fn a_permission_too_many_and_one_too_few_are_both_seen() {
        let stages = "arn:aws:apigateway:*::/restapis/*/stages/*";
        let made = calls(&[("PATCH", "/restapis/a1b2c3d4e5/stages/prod")]);
        assert_eq!(compare(&policy(&["apigateway:PATCH"], &[stages]), &made), Differences::default());
        let wide = compare(&policy(&["apigateway:PATCH", "apigateway:DELETE"], &[stages]), &made);
        assert_eq!(wide.unused, BTreeSet::from([format!("apigateway:DELETE on {stages}")]));
        let narrow = compare(&policy(&["apigateway:PATCH"], &["arn:aws:apigateway:*::/restapis/*/stages"]), &made);
        assert_eq!((narrow.missing.len(), narrow.unused.len()), (1, 1), "{narrow:?}");
    }

    #[test]
    fn an_asterisk_does_not_stop_at_a_slash_so_what_it_covers_twice_is_unused() {
        let resources = ["arn:aws:apigateway:*::/restapis/*", "arn:aws:apigateway:*::/restapis/*/stages"];
        let made = calls(&[("GET", "/restapis/a1b2c3d4e5"), ("GET", "/restapis/a1b2c3d4e5/stages")]);
        let found = compare(&policy(&["apigateway:GET"], &resources), &made);
        assert_eq!(found.unused, BTreeSet::from([format!("apigateway:GET on {}", resources[1])]));
        let ten = ["arn:aws:apigateway:*::/restapis/??????????", "arn:aws:apigateway:*::/restapis/*/stages"];
        assert_eq!(compare(&policy(&["apigateway:GET"], &ten), &made), Differences::default());
    }
}
