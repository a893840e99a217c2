//! Whom a release asks or tells, with defaults filled in.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::invalid::InvalidCanary;
use super::unique;
use crate::api::canary::{Moment, Webhook as Declared};
use crate::api::duration::Duration as Span;

/// Webhooks that a policy has at most.
const MOST_WEBHOOKS: usize = 10;

/// How long one try may take.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(1);

/// Somebody who is asked or told over HTTP. Whether the operator allows the host, only the operator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// Where it is asked: `http` or `https`, a host, no user or password.
    pub url: String,
    /// At which moments; at least one.
    pub when: BTreeSet<Moment>,
    /// How long one try may take: 1 s to 60 s.
    pub timeout: Duration,
    /// Tries after one that got no answer: 0 to 5.
    pub retries: u32,
}

pub(super) fn webhooks(declared: &[Declared]) -> Result<Vec<Webhook>, InvalidCanary> {
    if declared.len() > MOST_WEBHOOKS {
        return Err(InvalidCanary::TooMany { list: "spec.webhooks", found: declared.len(), most: MOST_WEBHOOKS });
    }
    unique("spec.webhooks", declared.iter().map(|webhook| webhook.name.as_str()))?;
    declared.iter().map(webhook).collect()
}

fn webhook(declared: &Declared) -> Result<Webhook, InvalidCanary> {
    let Declared { name, url, when, timeout, retries } = declared;
    let wrong = |problem| InvalidCanary::Webhook { name: name.clone(), problem };
    if !has_host(url) {
        return Err(wrong(
            "has a url that cannot be called: write an https address with a host and without user or password, such as https://gate.example.com/release.",
        ));
    }
    if when.is_empty() {
        return Err(wrong("is never called: name at least one moment in when."));
    }
    let timeout = timeout.map_or(Duration::from_secs(10), Span::get);
    if !TIMEOUTS.contains(&timeout) {
        return Err(wrong("has a timeout that is not 1s to 60s."));
    }
    let retries = retries.unwrap_or(2);
    if retries > 5 {
        return Err(wrong("has more than 5 retries: a gate is asked again anyway."));
    }
    Ok(Webhook { name: name.clone(), url: url.clone(), when: when.clone(), timeout, retries })
}

/// Whether it is `http://` or `https://` with a host and nothing before it. A second line: the schema holds the whole form.
fn has_host(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    !host.is_empty()
        && !url.contains(char::is_whitespace)
        && authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:[]".contains(&byte))
}
