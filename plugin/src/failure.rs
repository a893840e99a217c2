//! What can go wrong between a person and the objects: what was asked, what is so, what to do.

use kube::config::KubeconfigError;
use stagecraft::telemetry::Chain;

/// Why a command could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no kubeconfig, or it does not say what is asked.
    #[error("found no cluster to talk to: {}; set KUBECONFIG, or name a context with --context", Chain(.0))]
    NoCluster(#[source] KubeconfigError),
    /// The client cannot be made, or the API server does not answer.
    #[error("could not {what}: {why}; check the cluster and the context of your kubeconfig")]
    Unreachable {
        /// What was asked.
        what: String,
        /// What is so.
        why: String,
    },
    /// The person has no right to it.
    #[error(
        "could not {what}: you may not. {why}. Ask for a role that has the right, such as stagecraft-{role} of the chart"
    )]
    Denied {
        /// What was asked.
        what: String,
        /// The API server's words.
        why: String,
        /// `view` or `edit`.
        role: &'static str,
    },
    /// The credentials are refused.
    #[error(
        "could not {what}: the API server does not know you ({why}); log in again, or choose another context with --context"
    )]
    Unknown {
        /// What was asked.
        what: String,
        /// The API server's words.
        why: String,
    },
    /// The kinds are not installed.
    #[error(
        "could not {what}: this cluster has no kind ApiStage; install Stagecraft first, or name another context with --context"
    )]
    NotInstalled {
        /// What was asked.
        what: String,
    },
    /// The API server refuses it for another reason.
    #[error("could not {what}: the API server says: {why}")]
    Refused {
        /// What was asked.
        what: String,
        /// The API server's words.
        why: String,
    },
    /// There is no such object.
    #[error("there is no ApiStage {name} in namespace {namespace}; {advice}")]
    NoStage {
        /// Where it was looked for.
        namespace: String,
        /// What was looked for.
        name: String,
        /// What there is instead.
        advice: String,
    },
    /// The object is too new, or broken.
    #[error(
        "ApiStage {namespace}/{name} does not have the shape that this version of the plugin knows: update the plugin ({source})"
    )]
    Shape {
        /// Where it is.
        namespace: String,
        /// Its name.
        name: String,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// A sentence that a command has made for its own case.
    #[error("{0}")]
    Said(String),
}

impl Failure {
    /// What a request of `what` met. `role` is the one of the chart that allows it.
    pub fn of(what: impl Into<String>, role: &'static str, error: &kube::Error) -> Self {
        let what = what.into();
        let kube::Error::Api(status) = error else {
            return Self::Unreachable { what, why: Chain(error).to_string() };
        };
        let why = status.message.trim_end_matches('.').to_owned();
        match status.code {
            401 => Self::Unknown { what, why },
            403 => Self::Denied { what, why, role },
            // No object is named in the text: the path itself is unknown.
            404 if why.contains("the server could not find the requested resource") || why.starts_with("404 page") => {
                Self::NotInstalled { what }
            }
            _ => Self::Refused { what, why },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: u16, message: &str) -> String {
        let status = serde_json::json!({ "status": "Failure", "message": message, "reason": "x", "code": code });
        let error = kube::Error::Api(Box::new(serde_json::from_value(status).unwrap()));
        Failure::of("read ApiStage shop/orders", "view", &error).to_string()
    }

    #[test]
    fn each_answer_has_its_sentence() {
        let forbidden = r#"apistages.stagecraft.dev "orders" is forbidden: User "jane" cannot get resource"#;
        assert_eq!(
            said(403, forbidden),
            format!(
                "could not read ApiStage shop/orders: you may not. {forbidden}. Ask for a role that has the right, such as \
                 stagecraft-view of the chart"
            )
        );
        assert!(said(401, "Unauthorized").contains("does not know you (Unauthorized); log in again"));
        assert!(said(404, "the server could not find the requested resource").contains("install Stagecraft first"));
        assert!(
            said(409, "the object has been modified.").ends_with("the API server says: the object has been modified")
        );
    }
}
