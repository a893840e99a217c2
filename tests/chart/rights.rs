//! What the chart allows the operator in the cluster, against what the operator asked of the API server.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use testbed::ControlPlane;

use crate::world::kubectl;

/// One thing that a role bound to the operator's account allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    /// Kind and name of the role. Roles of one name in several namespaces say the same of each of them.
    role: String,
    /// Where it holds; `None`: in all namespaces, and outside of any.
    namespace: Option<String>,
    group: String,
    /// With the subresource: `apistages/status`.
    resource: String,
    verb: String,
    /// Empty: of any name.
    names: Vec<String>,
}

/// One request of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) code: u64,
}

/// What does not fit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// Requests that no right allows, or that were answered with 403.
    pub(crate) missing: BTreeSet<String>,
    /// Rights that no request used.
    pub(crate) unused: BTreeSet<String>,
}

impl Right {
    fn allows(&self, request: &Request) -> bool {
        let named = || request.name.as_ref().is_some_and(|name| self.names.contains(name));
        self.group == request.group
            && self.resource == request.resource
            && self.verb == request.verb
            && (self.namespace.is_none() || self.namespace == request.namespace)
            && (self.names.is_empty() || named())
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, group, resource, verb, names, namespace: _ } = self;
        write!(f, "{role}: {verb} {group}/{resource} {}", names.join(","))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, group, resource, namespace, name, code } = self;
        let place = namespace.as_deref().unwrap_or("(all namespaces)");
        write!(f, "{verb} {group}/{resource} {place} {} -> {code}", name.as_deref().unwrap_or_default())
    }
}

/// Both ways. A right counts as used where a request that was not forbidden needed it in any namespace.
pub(crate) fn compare(rights: &[Right], requests: &[Request]) -> Differences {
    let missing =
        requests.iter().filter(|request| request.code == 403 || !rights.iter().any(|right| right.allows(request)));
    let used: BTreeSet<String> = rights
        .iter()
        .filter(|right| requests.iter().any(|request| request.code != 403 && right.allows(request)))
        .map(ToString::to_string)
        .collect();
    let all: BTreeSet<String> = rights.iter().map(ToString::to_string).collect();
    Differences {
        missing: missing.map(ToString::to_string).collect(),
        unused: all.difference(&used).cloned().collect(),
    }
}

/// All rights that roles give to this account, as the API server has them.
pub(crate) async fn rights_of(plane: &ControlPlane, namespace: &str, account: &str) -> Vec<Right> {
    let kinds = "clusterroles,clusterrolebindings,roles,rolebindings";
    let list = kubectl(plane, &["get", kinds, "--all-namespaces", "-o", "json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let objects = list["items"].as_array().unwrap();
    let bindings = objects.iter().filter(|object| {
        let subjects = object["subjects"].as_array().into_iter().flatten();
        object["kind"].as_str().unwrap().ends_with("Binding")
            && subjects.clone().any(|subject| {
                subject["kind"] == "ServiceAccount" && subject["name"] == account && subject["namespace"] == namespace
            })
    });
    let mut rights = Vec::new();
    for binding in bindings {
        // Of a RoleBinding; a ClusterRoleBinding has none.
        let bound_in = binding["metadata"]["namespace"].as_str().map(str::to_owned);
        let (kind, name) = (&binding["roleRef"]["kind"], &binding["roleRef"]["name"]);
        let role = objects.iter().find(|object| {
            let here =
                object["kind"] == "ClusterRole" || object["metadata"]["namespace"].as_str() == bound_in.as_deref();
            object["kind"] == *kind && object["metadata"]["name"] == *name && here
        });
        let role = role.unwrap_or_else(|| panic!("there is no {kind} {name}"));
        let label = format!("{} {}", kind.as_str().unwrap(), name.as_str().unwrap());
        for rule in role["rules"].as_array().unwrap() {
            rights.extend(rights_of_rule(rule, &label, bound_in.as_ref()));
        }
    }
    rights
}

fn rights_of_rule(rule: &Value, of: &str, namespace: Option<&String>) -> Vec<Right> {
    let texts = |member: &str| -> Vec<String> {
        rule[member].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(rule.get("nonResourceURLs"), None, "{rule}");
    let mut rights = Vec::new();
    for group in texts("apiGroups") {
        for resource in texts("resources") {
            for verb in texts("verbs") {
                assert!([&group, &resource, &verb].iter().all(|text| !text.contains('*')), "{of}: {rule}");
                rights.push(Right {
                    role: of.to_owned(),
                    namespace: namespace.cloned(),
                    group: group.clone(),
                    resource: resource.clone(),
                    verb,
                    names: texts("resourceNames"),
                });
            }
        }
    }
    rights
}

/// What this account asked so far, each different request once. Watches are in the log as soon as they are answered.
pub(crate) fn requests_of(plane: &ControlPlane, namespace: &str, account: &str) -> Vec<Request> {
    let user = format!("system:serviceaccount:{namespace}:{account}");
    let log = std::fs::read_to_string(plane.audit_log().expect("the control plane has an audit log")).unwrap();
    let mut requests = BTreeSet::new();
    // The last line may be half written.
    for line in log.split_inclusive('\n').filter(|line| line.ends_with('\n') && line.contains(&user)) {
        let entry: Value = serde_json::from_str(line).unwrap();
        if entry["user"]["username"] != user.as_str() {
            continue;
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let object = &entry["objectRef"];
        assert!(object.is_object(), "a request for no object: {} {}", entry["verb"], entry["requestURI"]);
        let resource = [text(&object["resource"]), text(&object["subresource"])];
        requests.insert(Request {
            verb: text(&entry["verb"]).unwrap(),
            group: text(&object["apiGroup"]).unwrap_or_default(),
            resource: resource.into_iter().flatten().collect::<Vec<_>>().join("/"),
            namespace: text(&object["namespace"]),
            name: text(&object["name"]),
            code: entry["responseStatus"]["code"].as_u64().unwrap_or_default(),
        });
    }
    requests.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(verb: &str, names: &[&str]) -> Right {
        Right {
            role: "Role stagecraft-lease".to_owned(),
            namespace: Some("ops".to_owned()),
            group: "coordination.k8s.io".to_owned(),
            resource: "leases".to_owned(),
            verb: verb.to_owned(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn request(verb: &str, namespace: &str, name: Option<&str>, code: u64) -> Request {
        Request {
            verb: verb.to_owned(),
            group: "coordination.k8s.io".to_owned(),
            resource: "leases".to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.map(str::to_owned),
            code,
        }
    }

    #[test]
    fn a_right_too_many_and_one_too_few_are_both_seen() {
        let requests = [request("create", "ops", None, 201), request("patch", "ops", Some("stagecraft"), 200)];
        let enough = [right("create", &[]), right("patch", &["stagecraft"])];
        assert_eq!(compare(&enough, &requests), Differences::default());
        let other = [right("create", &[]), right("update", &["stagecraft"])];
        let found = compare(&other, &requests);
        assert_eq!(found.missing.len(), 1, "{found:?}");
        assert_eq!(
            found.unused.iter().map(String::as_str).collect::<Vec<_>>(),
            ["Role stagecraft-lease: update coordination.k8s.io/leases stagecraft"]
        );
        let cases = [
            ("another namespace", request("patch", "shop", Some("stagecraft"), 200)),
            ("another name", request("patch", "ops", Some("other"), 200)),
            ("forbidden, whatever the rules seem to say", request("patch", "ops", Some("stagecraft"), 403)),
        ];
        for (reason, request) in cases {
            assert_eq!(compare(&enough, &[request]).missing.len(), 1, "{reason}");
        }
    }
}
