//! What a release changes about the API: the methods of its deployment beside those of the one that serves.
//!
//! Both come from `GetDeployment?embed=apisummary`, all that AWS tells of a snapshot's content: paths, verbs, the type of
//! authorization and whether an API key is required. Integrations, models and authorizers behind a type cannot be compared.

use std::collections::BTreeSet;

use super::Need;
use super::draft::Draft;
use crate::api::event::{Event, EventReason};
use crate::api::progress::{Changes, MOST_CHANGES};
use crate::api::status::How;
use crate::api::target::Target;
use crate::observed::{ApiSummary, MethodSummary};

/// The verb that answers every method of its path that has no entry of its own.
const ANY: &str = "ANY";

/// Most characters of one method and of one list in status: paths may be long, and status stays small.
const LONGEST: usize = 200;
const LONGEST_LIST: usize = 1024;

/// What is known about a release's changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// There is nothing to compare: a new stage, the same deployment, or a return to what served before.
    Nothing,
    /// The two deployments were compared.
    Known(Changes),
    /// One of them cannot be read now. Only a guard has to wait for it.
    Unreadable,
}

/// Compares the release's target with what serves, and notes the difference in the release, once.
pub(super) fn note(draft: &mut Draft<'_>, target: &Target) -> Result<Compared, Need> {
    let Some(release) = draft.running() else { return Ok(Compared::Nothing) };
    if let Some(changes) = &release.changes {
        return Ok(Compared::Known(changes.clone()));
    }
    match release.how {
        How::Canary | How::Direct => {}
        // Nobody waits for a comparison while something is put back.
        How::First | How::FastRollback | How::RolledBack | How::Adopted | How::PromotedByHand => {
            return Ok(Compared::Nothing);
        }
    }
    let stable = release.stable.as_ref().and_then(|stable| stable.target.deployment_id.clone());
    let (Some(stable), Some(new)) = (stable, target.deployment_id.clone()) else { return Ok(Compared::Nothing) };
    if stable == new {
        return Ok(Compared::Nothing);
    }
    let Some(after) = draft.world.methods(&new)? else { return Ok(Compared::Unreadable) };
    let Some(before) = draft.world.methods(&stable)? else { return Ok(Compared::Unreadable) };
    let changes = diff(before, after);
    let told = sentence(&changes).map(|what| {
        let from = release.stable.as_ref().and_then(|stable| stable.target.revision.as_ref());
        let side = |revision: Option<&str>, id: &str| match revision {
            Some(revision) => format!("{revision} (deployment {id})"),
            None => format!("deployment {id}"),
        };
        let from = side(from.map(crate::api::names::Revision::as_str), stable.as_str());
        let to = side(target.revision.as_ref().map(crate::api::names::Revision::as_str), new.as_str());
        let note = format!("{}: {from} -> {to}; {what}.", release.id);
        let is_risky = !changes.methods_removed.is_empty() || !changes.authorization_weakened.is_empty();
        let event = if is_risky { Event::warning } else { Event::normal };
        event(EventReason::ApiChanged, release.id.as_str().to_owned(), note)
    });
    if let Some(event) = told {
        draft.tell(event);
    }
    if let Some(release) = draft.status.release.as_mut() {
        release.changes = Some(changes.clone());
    }
    Ok(Compared::Known(changes))
}

/// The difference between two snapshots.
///
/// A method counts as removed when nothing answers it any more: neither its own entry nor an `ANY` of its path. Its
/// authorization counts as weakened when requests that it answered before meet none instead of some, or need no API key any
/// more, whichever entry answers them now. A change from one kind of authorization to another is neither weaker nor stronger.
/// Greedy paths (`/{proxy+}`) are compared by their own text only.
#[must_use]
pub(super) fn diff(stable: &ApiSummary, target: &ApiSummary) -> Changes {
    let added = methods(target).filter(|(path, verb, _)| exact(stable, path, verb).is_none());
    let removed = methods(stable).filter(|(path, verb, _)| effective(target, path, verb).is_none());
    // What an ANY answered before and what it answers now are seen through every verb that either side names.
    let weakened = methods(stable).chain(methods(target)).filter(|(path, verb, _)| {
        let sides = (effective(stable, path, verb), effective(target, path, verb));
        matches!(sides, (Some(before), Some(after)) if is_weaker(after, before))
    });
    let mut more = 0;
    let mut list = |methods: &mut dyn Iterator<Item = (&str, &str, &MethodSummary)>| {
        let sorted: BTreeSet<(&str, &str)> = methods.map(|(path, verb, _)| (path, verb)).collect();
        let total = sorted.len();
        let mut length = 0;
        let named: Vec<String> = sorted
            .into_iter()
            .take(MOST_CHANGES)
            .map(|(path, verb)| format!("{verb} {path}").chars().take(LONGEST).collect::<String>())
            .take_while(|method| {
                length += method.len();
                length <= LONGEST_LIST
            })
            .collect();
        more += total - named.len();
        named
    };
    let (methods_added, methods_removed, authorization_weakened) =
        (list(&mut { added }), list(&mut { removed }), list(&mut { weakened }));
    let more = u32::try_from(more).unwrap_or(u32::MAX);
    Changes { methods_added, methods_removed, authorization_weakened, more: (more > 0).then_some(more) }
}

fn methods(summary: &ApiSummary) -> impl Iterator<Item = (&str, &str, &MethodSummary)> {
    summary
        .iter()
        .flat_map(|(path, verbs)| verbs.iter().map(move |(verb, method)| (path.as_str(), verb.as_str(), method)))
}

fn exact<'a>(summary: &'a ApiSummary, path: &str, verb: &str) -> Option<&'a MethodSummary> {
    summary.get(path)?.get(verb)
}

/// What answers a verb: its own entry, else the `ANY` of its path.
fn effective<'a>(summary: &'a ApiSummary, path: &str, verb: &str) -> Option<&'a MethodSummary> {
    exact(summary, path, verb).or_else(|| exact(summary, path, ANY))
}

fn is_weaker(after: &MethodSummary, before: &MethodSummary) -> bool {
    let is_open = |method: &MethodSummary| matches!(method.authorization_type.as_str(), "" | "NONE");
    (is_open(after) && !is_open(before)) || (before.api_key_required && !after.api_key_required)
}

/// The changes for people; `None` where there are none.
fn sentence(changes: &Changes) -> Option<String> {
    let Changes { methods_added, methods_removed, authorization_weakened, more } = changes;
    let counted = |what: &str, methods: &[String]| {
        let noun = if methods.len() == 1 { "method" } else { "methods" };
        (!methods.is_empty()).then(|| format!("{} {noun} {what}: {}", methods.len(), methods.join(", ")))
    };
    let parts: Vec<String> = [
        counted("removed", methods_removed),
        counted("with weaker authorization", authorization_weakened),
        counted("added", methods_added),
        more.map(|more| format!("and {more} more")),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn method(authorization: &str, key: bool) -> MethodSummary {
        MethodSummary { authorization_type: authorization.to_owned(), api_key_required: key }
    }

    /// `GET /pets=AWS_IAM`, with `+key` where an API key is required.
    fn api(methods: &[&str]) -> ApiSummary {
        let mut summary = ApiSummary::new();
        for text in methods {
            let (method_text, authorization) = text.split_once('=').unwrap();
            let (verb, path) = method_text.split_once(' ').unwrap();
            let bare = authorization.trim_end_matches("+key");
            let entry = method(bare, bare != authorization);
            summary.entry(path.to_owned()).or_default().insert(verb.to_owned(), entry);
        }
        summary
    }

    fn told(before: &[&str], after: &[&str]) -> [Vec<String>; 3] {
        let changes = diff(&api(before), &api(after));
        assert_eq!(changes.more, None);
        [changes.methods_added, changes.methods_removed, changes.authorization_weakened]
    }

    /// Name, methods before, methods after, and what came, went and opened.
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str], [&'a [&'a str]; 3]);

    #[test]
    fn what_came_what_went_and_what_opened() {
        let none: [&str; 0] = [];
        let cases: &[Case<'_>] = &[
            ("nothing", &["GET /pets=NONE"], &["GET /pets=NONE"], [&none, &none, &none]),
            ("a method came", &["GET /a=NONE"], &["GET /a=NONE", "PUT /a=NONE"], [&["PUT /a"], &none, &none]),
            ("a path went", &["GET /a=NONE", "GET /b=NONE"], &["GET /a=NONE"], [&none, &["GET /b"], &none]),
            ("IAM went", &["GET /a=AWS_IAM"], &["GET /a=NONE"], [&none, &none, &["GET /a"]]),
            ("an authorizer went", &["GET /a=CUSTOM"], &["GET /a=NONE"], [&none, &none, &["GET /a"]]),
            ("a key went", &["GET /a=NONE+key"], &["GET /a=NONE"], [&none, &none, &["GET /a"]]),
            ("a key for an authorizer", &["GET /a=NONE+key"], &["GET /a=CUSTOM"], [&none, &none, &["GET /a"]]),
            ("it got stronger", &["GET /a=NONE"], &["GET /a=CUSTOM+key"], [&none, &none, &none]),
            ("another kind", &["GET /a=CUSTOM"], &["GET /a=COGNITO_USER_POOLS"], [&none, &none, &none]),
            (
                "an open exception to ANY",
                &["ANY /a=AWS_IAM"],
                &["ANY /a=AWS_IAM", "GET /a=NONE"],
                [&["GET /a"], &none, &["GET /a"]],
            ),
            ("an open ANY in place of GET", &["GET /a=AWS_IAM"], &["ANY /a=NONE"], [&["ANY /a"], &none, &["GET /a"]]),
            ("GET of a former ANY", &["ANY /a=NONE"], &["GET /a=NONE"], [&["GET /a"], &["ANY /a"], &none]),
        ];
        for (case, before, after, expected) in cases {
            let expected = expected.map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(told(before, after), expected, "{case}");
        }
    }

    #[test]
    fn long_lists_are_cut_and_what_is_cut_is_counted() {
        let many: ApiSummary =
            (0..50).map(|n| (format!("/{n:03}"), [("GET".to_owned(), method("NONE", false))].into())).collect();
        let changes = diff(&ApiSummary::new(), &many);
        assert_eq!((changes.methods_added.len(), changes.more), (20, Some(30)));
        assert_eq!(changes.methods_added.first().map(String::as_str), Some("GET /000"));
        let long: ApiSummary = (0..20)
            .map(|n| (format!("/{n:03}{}", "x".repeat(500)), [("GET".to_owned(), method("NONE", false))].into()))
            .collect();
        let changes = diff(&long, &ApiSummary::new());
        assert!(changes.methods_removed.concat().len() <= LONGEST_LIST);
        assert_eq!(changes.methods_removed.len() + changes.more.unwrap() as usize, 20);
    }

    #[test]
    fn people_are_told_what_is_dangerous_first() {
        let changes =
            diff(&api(&["GET /a=AWS_IAM", "GET /b=NONE"]), &api(&["GET /a=NONE", "GET /c=NONE", "PUT /c=NONE"]));
        assert_eq!(
            sentence(&changes).unwrap(),
            "1 method removed: GET /b; 1 method with weaker authorization: GET /a; 2 methods added: GET /c, PUT /c"
        );
        assert_eq!(sentence(&Changes::default()), None);
    }

    fn summary() -> impl Strategy<Value = ApiSummary> {
        let verb = prop_oneof![Just("GET"), Just("PUT"), Just("ANY")].prop_map(str::to_owned);
        let path = prop_oneof![Just("/a"), Just("/b"), Just("/a/{id}")].prop_map(str::to_owned);
        let kind = prop_oneof![Just("NONE"), Just("AWS_IAM"), Just("CUSTOM"), Just("")];
        let method = (kind, any::<bool>()).prop_map(|(kind, key)| method(kind, key));
        let verbs = proptest::collection::btree_map(verb, method, 1..4);
        proptest::collection::btree_map(path, verbs, 0..4)
    }

    /// What a caller without credentials or without a key meets at a method: an oracle that knows nothing of lists.
    fn gate(summary: &ApiSummary, path: &str, verb: &str) -> Option<(bool, bool)> {
        let verbs = summary.get(path)?;
        let found = verbs.get(verb).or_else(|| verbs.get("ANY"))?;
        Some((!["", "NONE"].contains(&found.authorization_type.as_str()), found.api_key_required))
    }

    proptest! {
        #[test]
        fn a_snapshot_does_not_differ_from_itself(one in summary()) {
            prop_assert_eq!(diff(&one, &one), Changes::default());
        }

        /// For every request: who was let in only with something before and needs it no longer is in the list.
        #[test]
        fn every_door_that_opened_or_closed_is_told(before in summary(), after in summary()) {
            let changes = diff(&before, &after);
            for path in ["/a", "/b", "/a/{id}"] {
                for verb in ["GET", "PUT", "ANY"] {
                    let name = format!("{verb} {path}");
                    match (gate(&before, path, verb), gate(&after, path, verb)) {
                        (Some(was), Some(is)) => {
                            let opened = (was.0 && !is.0) || (was.1 && !is.1);
                            let named = before.get(path).is_some_and(|verbs| verbs.contains_key(verb))
                                || after.get(path).is_some_and(|verbs| verbs.contains_key(verb));
                            prop_assert_eq!(changes.authorization_weakened.contains(&name), opened && named, "{}", name);
                        }
                        (Some(_), None) => {
                            let named = before.get(path).is_some_and(|verbs| verbs.contains_key(verb));
                            prop_assert_eq!(changes.methods_removed.contains(&name), named, "{}", name);
                        }
                        (None, _) => {
                            prop_assert!(!changes.methods_removed.contains(&name));
                            prop_assert!(!changes.authorization_weakened.contains(&name));
                        }
                    }
                    let came = after.get(path).is_some_and(|verbs| verbs.contains_key(verb))
                        && before.get(path).is_none_or(|verbs| !verbs.contains_key(verb));
                    prop_assert_eq!(changes.methods_added.contains(&name), came);
                }
            }
        }
    }
}
