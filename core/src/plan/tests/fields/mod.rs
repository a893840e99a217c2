//! The field table: for every leaf of spec, as the generated definition has it, what each situation sends to API Gateway.
//!
//! | situation | what happens |
//! | --- | --- |
//! | create | a new object declares the field |
//! | change | an edit gives it another value |
//! | drop | an edit takes it out; then a hand puts it back |
//! | drift | somebody changes it in API Gateway; under `driftPolicy: Report` nothing is sent |
//! | adoption | an existing stage with another value becomes ours |
//! | refusal | API Gateway refuses the call that carries it: that call, the reason, and a neighbour in another group is applied |
//!
//! A leaf without rows fails the first test. Each row compares the whole writes, operation by operation, with values.

mod identity;
mod leaves;
mod methods;
mod settings;

use std::collections::BTreeSet;

use super::bench::{Bench, a_stage, orders};
use super::model::settle_cache;
use crate::access::Policy;
use crate::api::settings::Tags;
use crate::api::stage::{AdoptionPolicy, ApiStageSpec, DriftPolicy};
use crate::cause::Cause;
use crate::observed::Stage;
use crate::world::Group;

/// A leaf of spec and its rows.
pub(super) struct Field {
    /// Its path in the definition: `methodSettings[].cachingEnabled`.
    path: &'static str,
    fate: Fate,
}

/// Whether a leaf reaches API Gateway.
enum Fate {
    /// It does, in these rows.
    Sent(Box<Rows>),
    /// It does not, because.
    NotSent(&'static str),
}

type Edit = fn(&mut ApiStageSpec);

/// What each situation sends.
struct Rows {
    /// Puts the first value into a spec.
    declare: Edit,
    create: &'static [&'static str],
    /// Puts the second value there.
    change: Edit,
    changed: &'static [&'static str],
    /// Takes the field out.
    drop: Edit,
    dropped: &'static [&'static str],
    /// The paths that are not ours any more then.
    forgets: &'static [&'static str],
    /// What is sent where a hand puts the field back after it was dropped.
    put_back: &'static [&'static str],
    /// Somebody's hand.
    hand: fn(&mut Stage),
    drift: Drift,
    /// Writes to a stage that the hand had changed before it became ours.
    adopted: &'static [&'static str],
    /// The group whose call is refused when the field is declared on a stage at rest, why, and the reason of Ready.
    refusal: (Group, Cause, &'static str),
    /// The call that is refused.
    refused: &'static [&'static str],
    /// Calls of other groups that the field needs, too, and that are taken.
    beside: &'static [&'static str],
}

/// What a hand's change is.
enum Drift {
    /// Put right by these writes; `status.drift` names this path.
    Corrected(&'static str, &'static [&'static str]),
    /// Obeyed: nothing is sent, and Ready has this reason.
    Obeyed(&'static str),
    /// It gives the deployment that the stage serves this description. Nobody looks, for a stage at rest costs no read of
    /// deployments; the next text that is declared replaces it.
    Unseen(&'static str),
}

fn table() -> Vec<Field> {
    [identity::fields(), settings::fields(), methods::fields()].into_iter().flatten().collect()
}

/// An object that declares nothing but what the field needs beside it.
fn object() -> Bench {
    let mut bench = orders();
    bench.edit(|spec| spec.deployment_id = Some("dep1".into()));
    bench.deployment(None);
    bench.deployment(None);
    bench
}

/// The same, at rest.
fn at_rest(declare: Edit) -> Bench {
    let mut bench = object();
    bench.edit(declare);
    rest(&mut bench);
    assert_eq!(bench.ready(), "True Synced (Released True)", "{}", bench.message());
    bench
}

/// Passes until nothing is sent, transitions of the cache between them. Returns all writes.
fn rest(bench: &mut Bench) -> Vec<String> {
    let mut sent = Vec::new();
    for _ in 0..4 {
        bench.pass();
        sent.append(&mut bench.written);
        if let Some(stage) = bench.stages.first_mut() {
            settle_cache(stage);
        }
    }
    bench.pass();
    assert_eq!(bench.written, [""; 0], "it comes to rest");
    sent
}

fn sent_rows() -> Vec<(&'static str, Box<Rows>)> {
    let rows = table().into_iter().filter_map(|field| match field.fate {
        Fate::Sent(rows) => Some((field.path, rows)),
        Fate::NotSent(_) => None,
    });
    rows.collect()
}

#[test]
fn every_leaf_of_spec_has_its_rows() {
    let leaves = leaves::of_spec();
    let table = table();
    let rows: BTreeSet<String> = table.iter().map(|field| field.path.to_owned()).collect();
    assert_eq!(rows.len(), table.len(), "a leaf is in the table once");
    let missing: Vec<_> = leaves.difference(&rows).collect();
    let surplus: Vec<_> = rows.difference(&leaves).collect();
    assert!(missing.is_empty(), "leaves of spec without rows in the field table: {missing:?}");
    assert!(surplus.is_empty(), "rows of the field table for no leaf of spec: {surplus:?}");
    for field in table {
        if let Fate::NotSent(why) = field.fate {
            assert!(why.len() > 20, "{} says why it is not sent", field.path);
        }
    }
}

#[test]
fn create() {
    for (path, rows) in sent_rows() {
        let mut bench = object();
        bench.edit(rows.declare);
        assert_eq!(rest(&mut bench), rows.create, "{path}");
        assert_eq!(bench.ready(), "True Synced (Released True)", "{path}");
    }
}

#[test]
fn change() {
    for (path, rows) in sent_rows() {
        let mut bench = at_rest(rows.declare);
        bench.edit(rows.change);
        assert_eq!(rest(&mut bench), rows.changed, "{path}");
        assert_eq!(bench.ready(), "True Synced (Released True)", "{path}");
        assert_eq!(bench.status().drift, [], "{path}: an edit is no drift");
    }
}

#[test]
fn drop_puts_back_and_forgets() {
    for (path, rows) in sent_rows() {
        let mut bench = at_rest(rows.declare);
        let (declared, declared_stage) = (bench.status().managed.clone(), bench.stage().clone());
        bench.edit(rows.drop);
        assert_eq!(rest(&mut bench), rows.dropped, "{path}");
        assert_eq!(bench.ready(), "True Synced (Released True)", "{path}");
        let forgotten: Vec<_> = declared.difference(&bench.status().managed).collect();
        assert_eq!(forgotten, rows.forgets, "{path}");
        assert!(bench.status().managed.is_subset(&declared), "{path}: {:?}", bench.status().managed);
        *bench.stage() = declared_stage;
        bench.pass();
        assert_eq!(bench.written, rows.put_back, "{path}: a hand puts it back");
        assert_eq!(bench.ready(), "True Synced (Released True)", "{path}");
    }
}

#[test]
fn drift_is_corrected_or_reported() {
    for (path, rows) in sent_rows() {
        for policy in [DriftPolicy::Correct, DriftPolicy::Report] {
            let mut bench = at_rest(rows.declare);
            if policy == DriftPolicy::Report {
                bench.edit(|spec| spec.drift_policy = Some(DriftPolicy::Report));
                rest(&mut bench);
            }
            if let Drift::Unseen(description) = &rows.drift {
                let serves = bench.stage().deployment_id.clone();
                let deployment = bench.deployments.iter_mut().find(|deployment| deployment.id == serves).unwrap();
                deployment.description = Some((*description).to_owned());
            } else {
                (rows.hand)(bench.stage());
            }
            match (&rows.drift, policy) {
                (Drift::Corrected(field, writes), DriftPolicy::Correct) => {
                    assert_eq!(rest(&mut bench), *writes, "{path}");
                    assert_eq!(bench.ready(), "True Synced (Released True)", "{path}");
                    let drift = bench.status().drift.first().map(|drift| (drift.field.clone(), drift.corrected));
                    assert_eq!(drift, Some(((*field).to_owned(), true)), "{path}");
                }
                (Drift::Corrected(field, _), DriftPolicy::Report) => {
                    bench.pass();
                    assert_eq!(bench.written, [""; 0], "{path}");
                    assert!(bench.ready().starts_with("False DriftReported"), "{path}: {}", bench.ready());
                    let drift = bench.status().drift.first().map(|drift| (drift.field.clone(), drift.corrected));
                    assert_eq!(drift, Some(((*field).to_owned(), false)), "{path}");
                }
                (Drift::Obeyed(reason), _) => {
                    bench.pass();
                    assert_eq!(bench.written, [""; 0], "{path}");
                    assert!(bench.ready().starts_with(&format!("False {reason}")), "{path}: {}", bench.ready());
                }
                (Drift::Unseen(_), _) => {
                    assert_eq!(rest(&mut bench), [""; 0], "{path}");
                    assert_eq!(bench.ready(), "True Synced (Released True)", "{path}");
                    bench.edit(rows.change);
                    assert_eq!(rest(&mut bench), rows.changed, "{path}");
                }
            }
        }
    }
}

#[test]
fn adoption_applies_what_is_declared() {
    for (path, rows) in sent_rows() {
        let mut bench = object();
        let mut stage = a_stage("dep1");
        (rows.hand)(&mut stage);
        settle_cache(&mut stage);
        stage.method_settings.insert("~1theirs/GET".to_owned(), super::model::fresh());
        bench.stages.push(stage);
        bench.settings.access = Policy::Open { adoption: true };
        bench.edit(|spec| spec.adoption_policy = Some(AdoptionPolicy::IfExists)).edit(rows.declare);
        let sent = rest(&mut bench);
        assert_eq!(sent.first().map(String::as_str), Some("TagResource owner"), "{path}");
        assert_eq!(sent[1..], *rows.adopted, "{path}");
        assert_eq!(bench.ready(), "True Synced (Released True)", "{path}");
        let theirs = bench.stage().method_settings.get("~1theirs/GET").cloned();
        assert_eq!(theirs, Some(super::model::fresh()), "{path}: what nobody declared is untouched");
        assert!(bench.status().unmanaged.contains(&"methodSettings[/theirs:GET]".to_owned()), "{path}: and listed");
    }
}

#[test]
fn a_refusal_holds_back_nothing_but_its_group() {
    for (path, rows) in sent_rows() {
        let (group, cause, reason) = &rows.refusal;
        let mut bench = at_rest(|_| {});
        bench.refusing = Some((*group, cause.clone()));
        let by_tag = *group != Group::Tags;
        // The stage serves the declared deployment already.
        bench.edit(if *path == *"deploymentId" { rows.change } else { rows.declare });
        let neighbour: Edit = if by_tag {
            |spec| spec.tags.get_or_insert_default().extend(Tags::from([("neighbour".to_owned(), "1".to_owned())]))
        } else {
            |spec| spec.description = Some("neighbour".to_owned())
        };
        bench.edit(neighbour);
        let its: &[&str] =
            if by_tag { &["TagResource neighbour=1"] } else { &["UpdateStage", "  replace /description = neighbour"] };
        bench.pass();
        assert!(bench.ready().starts_with(&format!("False {reason}")), "{path}: {}", bench.ready());
        assert_eq!(bench.refused, rows.refused, "{path}");
        assert_eq!(bench.written, [rows.beside, its].concat(), "{path}: its neighbour is applied");
        if group.is_of_settings() {
            assert_ne!(bench.status().applied_generation, bench.object.metadata.generation, "{path}");
        }
        // Once more, as the next pass would; then the world is put right.
        bench.pass();
        assert!(bench.ready().starts_with(&format!("False {reason}")), "{path}: {}", bench.ready());
        assert_eq!(bench.refused, rows.refused, "{path}: the same again");
        assert_eq!(bench.written, [""; 0], "{path}: and nothing else");
        bench.refusing = None;
        rest(&mut bench);
        assert_eq!(bench.ready(), "True Synced (Released True)", "{path}: it heals");
    }
}
