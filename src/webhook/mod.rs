//! Asks webhooks whether a release may go on, and tells them what became of it.
//!
//! A gate is open only if it said so: whoever does not answer, is not allowed or says anything but 2xx keeps it closed. When it
//! is asked again, and what a closed one means, is the release's business.

mod host;
mod payload;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use serde::Deserialize;
use stagecraft_core::validate::canary::Webhook;

pub use host::AllowedHost;
pub use payload::{ObjectName, Payload, ReleaseFacts, StableFacts, StageFacts, StepFacts};

use crate::http_client::{Answer, Error, Failure, Http, Trust, quote};

/// What is read of an answer at most.
const MOST_READ: usize = 64 * 1024;

/// Whom webhooks may call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Hosts that may be called; none by default.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Whether plain http may be used.
    pub allow_http: bool,
}

/// What a webhook said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// 2xx: the release may go on, or the news was taken.
    Open,
    /// Anything else; a sentence for people, with no path, query or credential in it.
    Closed(String),
}

/// Calls webhooks. By default it may call nobody.
#[derive(Clone, Debug, Default)]
pub struct Webhooks {
    /// `None` where nobody may be called.
    http: Option<Http>,
    rules: Rules,
}

/// The one member of an answer that people see.
#[derive(Deserialize)]
struct Said {
    message: String,
}

impl Webhooks {
    /// Webhooks under these rules.
    ///
    /// # Errors
    ///
    /// Where the client cannot be made.
    pub fn new(rules: Rules) -> Result<Self, Error> {
        let http = if rules.allowed_hosts.is_empty() { None } else { Some(Http::new(Trust::System)?) };
        Ok(Self { http, rules })
    }

    /// Asks or tells `webhook`. Takes at most its timeout times one more than its retries, which follow at once.
    pub async fn call(&self, webhook: &Webhook, payload: &Payload) -> Gate {
        let closed = |why: &str| Gate::Closed(format!("Webhook {} {why}.", webhook.name));
        let url: Uri = match self.callable(&webhook.url) {
            Ok(url) => url,
            Err(why) => return closed(&why),
        };
        let Some(http) = &self.http else { return closed("may not be called") };
        let body = match serde_json::to_vec(payload) {
            Ok(body) => Bytes::from(body),
            Err(error) => return closed(&format!("cannot be told what happens ({error})")),
        };
        let mut why = String::new();
        for _ in 0..=webhook.retries {
            match post(http, &url, body.clone(), webhook.timeout).await {
                Ok(answer) if answer.status.is_success() => return Gate::Open,
                Ok(answer) => {
                    why = refusal(&answer);
                    if !may_change_its_mind(answer.status) {
                        break;
                    }
                }
                Err(failure) => why = format!("could not be asked: {failure}"),
            }
        }
        closed(&why)
    }

    /// The address, where it may be called.
    fn callable(&self, url: &str) -> Result<Uri, String> {
        let unusable = || "has a url that cannot be called: write an https address with a host".to_owned();
        let uri: Uri = url.parse().ok().ok_or_else(unusable)?;
        if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(unusable());
        }
        let (host, default_port) = match (uri.host(), uri.scheme_str()) {
            (Some(host), Some("https")) => (host, 443),
            (Some(host), Some("http")) if self.rules.allow_http => (host, 80),
            (Some(_), Some("http")) => {
                return Err("has an http address, and the operator allows https only: use https, or start the \
                            operator with --webhook-allow-http"
                    .to_owned());
            }
            _ => return Err(unusable()),
        };
        let port = uri.port_u16().unwrap_or(default_port);
        if self.rules.allowed_hosts.iter().any(|allowed| allowed.allows(host, port, default_port)) {
            return Ok(uri);
        }
        let name = if port == default_port { host.to_owned() } else { format!("{host}:{port}") };
        Err(format!("may not be called: add {name} to the operator's --webhook-allowed-hosts, or change its url"))
    }
}

async fn post(http: &Http, url: &Uri, body: Bytes, longest: Duration) -> Result<Answer, Failure> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.clone();
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    http.call(request, longest, MOST_READ).await
}

/// Whether the same request may get another answer in a moment.
fn may_change_its_mind(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn refusal(answer: &Answer) -> String {
    let status = answer.status;
    if status.is_redirection() {
        return format!("answered {status}, and redirects are not followed: set its url to where it leads");
    }
    match serde_json::from_slice::<Said>(&answer.body) {
        Ok(said) if !said.message.trim().is_empty() => format!("answered {status}: {}", quote(&said.message)),
        Ok(_) | Err(_) => format!("answered {status}"),
    }
}

#[cfg(test)]
mod tests;
