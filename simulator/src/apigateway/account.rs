//! The account's settings of one Region.

use serde::Serialize;
use serde_json::{Value, json};

use super::rest_api::insert;
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::patch::{self, Effect, Op, Rule};

/// Settings that all REST APIs of an account and Region share.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AccountSettings {
    /// The role that API Gateway writes logs with. A new account has none.
    pub(crate) cloudwatch_role_arn: Option<String>,
    features: Vec<String>,
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self { cloudwatch_role_arn: None, features: vec!["UsagePlans".to_owned()] }
    }
}

impl AccountSettings {
    fn view(&self) -> Value {
        let mut view = json!({});
        if let Some(arn) = &self.cloudwatch_role_arn {
            insert(&mut view, "cloudwatchRoleArn", json!(arn));
        }
        insert(&mut view, "throttleSettings", json!({"burstLimit": 5000, "rateLimit": 10000.0}));
        insert(&mut view, "features", json!(self.features));
        insert(&mut view, "apiKeyVersion", json!("4"));
        view
    }
}

static RULES: &[Rule<AccountSettings>] = &[
    Rule { op: Op::Replace, path: "/cloudwatchRoleArn", effect: Effect::Text(set_role) },
    Rule {
        op: Op::Add,
        path: "/features",
        effect: Effect::Text(|account, _, feature| {
            if let Some(feature) = feature.filter(|feature| !account.features.iter().any(|known| known == feature)) {
                account.features.push(feature.to_owned());
            }
            Ok(())
        }),
    },
    Rule {
        op: Op::Remove,
        path: "/features",
        effect: Effect::Text(|account, _, feature| {
            account.features.retain(|known| Some(known.as_str()) != feature);
            Ok(())
        }),
    },
];

/// An empty value or none clears the role.
fn set_role(account: &mut AccountSettings, _: &str, arn: Option<&str>) -> Result<(), ApiError> {
    let arn = arn.filter(|arn| !arn.is_empty());
    if arn.is_some_and(|arn| !is_role(arn)) {
        return Err(ApiError::bad_request("The role ARN is not well formed"));
    }
    account.cloudwatch_role_arn = arn.map(str::to_owned);
    Ok(())
}

fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let digits = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    match parts.as_slice() {
        ["arn", partition, "iam", "", account, resource] => {
            let named = resource.strip_prefix("role/").is_some_and(|name| !name.is_empty());
            !partition.is_empty() && digits(account) && named
        }
        _ => false,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form of an operation")]
pub(super) fn get(session: &mut Session<'_>, _: &Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(session.region.account.view()))
}

pub(super) fn update(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let list = patch::read(call.operation, &call.body)?;
    let mut draft = session.region.account.clone();
    patch::apply_all(RULES, &mut draft, &list)?;
    session.region.account = draft;
    Ok(Answer::ok(session.region.account.view()))
}
