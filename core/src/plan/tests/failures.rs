//! Every cause has a class, a reason and a sentence: the table that people read.

use std::collections::BTreeSet;

use super::super::failure::{About, place, sentence};
use super::*;
use crate::cause::Class;
use crate::world::Failure;

/// The place of a cause in the table below. A cause that is new does not compile without a row.
fn row(cause: &Cause) -> usize {
    match cause {
        Cause::Throttled { .. } => 0,
        Cause::ConcurrentModification => 1,
        Cause::ServiceFailed => 2,
        Cause::LostReply => 3,
        Cause::NotSent => 4,
        Cause::NotLeader => 5,
        Cause::RestApiNotFound => 6,
        Cause::StageNotFound => 7,
        Cause::StageExists => 8,
        Cause::DeploymentNotFound => 9,
        Cause::NoMethods => 10,
        Cause::NoIntegration => 11,
        Cause::CanaryEnabled => 12,
        Cause::DeploymentInUse => 13,
        Cause::StageInUse => 14,
        Cause::NoCanary => 15,
        Cause::LogsRoleMissing => 16,
        Cause::PatchTooLarge => 17,
        Cause::AlreadyAbsent => 18,
        Cause::Denied => 19,
        Cause::CredentialsExpired => 20,
        Cause::Quota => 21,
        Cause::Refused => 22,
        Cause::CacheChanging => 23,
    }
}

const ROWS: usize = 24;

/// What AWS said: it must be in the sentence wherever somebody has to act on it.
const TEXT: &str = "AWS's own words";

#[test]
fn every_cause_has_a_class_a_reason_and_a_sentence() {
    let throttled = Cause::Throttled { retry_after: None };
    let table = [
        (throttled, "throttled", "Throttled", "the account's request quota is used up. It is tried again."),
        (Cause::ConcurrentModification, "conflict", "WaitingForAws", "Somebody else is changing REST API a1b2c3d4e5"),
        (Cause::ServiceFailed, "transient", "AwsUnavailable", "API Gateway failed to answer UpdateStage"),
        (Cause::LostReply, "transient", "AwsUnavailable", "What it did is looked up, then it is tried again."),
        (Cause::NotSent, "transient", "AwsUnavailable", "Check the operator's network and endpoint"),
        (Cause::NotLeader, "transient", "AwsUnavailable", "Another replica of the operator leads now"),
        (
            Cause::RestApiNotFound,
            "waiting",
            "RestApiNotFound",
            "There is no REST API a1b2c3d4e5 in eu-west-1 of account 123456789012. Create it",
        ),
        (Cause::StageNotFound, "waiting", "WaitingForAws", "The stage disappeared before UpdateStage."),
        (Cause::StageExists, "waiting", "WaitingForAws", "The stage appeared just before it was to be created."),
        (Cause::DeploymentNotFound, "waiting", "DeploymentNotFound", "The deployment disappeared before UpdateStage."),
        (Cause::NoMethods, "waiting", "RestApiNotDeployable", "Add a method with an integration"),
        (Cause::NoIntegration, "waiting", "RestApiNotDeployable", "Give each method an integration"),
        (Cause::CanaryEnabled, "waiting", "WaitingForAws", "Remove the canary; it then goes on."),
        (
            Cause::DeploymentInUse,
            "waiting",
            "WaitingForAws",
            "is still served (AWS's own words). It is looked at again.",
        ),
        (Cause::StageInUse, "waiting", "WaitingForAws", "AWS's own words. Remove what refers to the stage"),
        (Cause::NoCanary, "waiting", "WaitingForAws", "The canary disappeared before it was promoted."),
        (
            Cause::LogsRoleMissing,
            "waiting",
            "LogsRoleMissing",
            "this account has no CloudWatch Logs role in eu-west-1. Set one in the account settings, or remove logging from spec",
        ),
        (Cause::PatchTooLarge, "invalid", "Refused", "as too large (AWS's own words). Declare less at once."),
        (Cause::AlreadyAbsent, "waiting", "WaitingForAws", "was gone already."),
        (Cause::Denied, "denied", "AccessDenied", "AWS's own words. Give the operator's role this permission"),
        (Cause::CredentialsExpired, "denied", "AccessDenied", "have expired (AWS's own words), and new ones have too."),
        (Cause::Quota, "quota", "QuotaExceeded", "AWS's own words). Free some or ask AWS for more"),
        (
            Cause::CacheChanging,
            "waiting",
            "WaitingForAws",
            "because of the cache cluster (AWS's own words). It is tried again",
        ),
        (Cause::Refused, "invalid", "Refused", "AWS's own words. Change the spec accordingly."),
    ];
    let rows: BTreeSet<_> = table.iter().map(|(cause, ..)| row(cause)).collect();
    assert_eq!(rows, (0..ROWS).collect(), "each cause has its row");

    let (rest_api, region, account) = ("a1b2c3d4e5".into(), "eu-west-1".into(), "123456789012".into());
    let about = About {
        kind: "ApiStage",
        part: "stage",
        rest_api: Some(&rest_api),
        region: &region,
        account: Some(&account),
        governs: false,
    };
    for (cause, class, reason, words) in table {
        let failure =
            Failure { operation: "UpdateStage".to_owned(), cause: cause.clone(), text: TEXT.to_owned(), in_a_row: 1 };
        let said = sentence(&about, &failure);
        let (situation, found) = place(&cause);
        assert_eq!((cause.class().label(), found.as_str()), (class, reason), "{cause:?}");
        assert!(said.contains(words), "{cause:?}: {said}");
        assert!(said.ends_with('.') && !said.contains('\n') && !said.contains('{'), "{said}");
        // What only somebody's hand can change is not shown as something that goes on by itself, and the other way round.
        let by_hand = matches!(cause.class(), Class::Invalid | Class::Denied | Class::Quota);
        assert_eq!(situation == Situation::Blocked, by_hand, "{cause:?}");
        let nobody_knows = Failure { text: String::new(), ..failure };
        let said = sentence(&about, &nobody_knows);
        assert!(!said.contains("()") && !said.contains(": ."), "without a text of AWS: {said}");
    }
    let governs = About { governs: true, ..about };
    let gone =
        Failure { operation: "GetStages".to_owned(), cause: Cause::RestApiNotFound, text: String::new(), in_a_row: 1 };
    assert!(sentence(&governs, &gone).contains("whose stage this ApiStage governs, is gone."));
}
