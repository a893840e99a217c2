//! What a gateway response holds, what is different from what is declared, and whether a patch can bring it about.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::api::gateway_response::ResponseType;
use crate::api::target::hex;
use crate::observed::ResponseContent;
use crate::patch::{PatchOperation, segment};

/// The template that API Gateway uses where none is declared. Source: aws-facts, defaults and reads.
const DEFAULT_TEMPLATE: (&str, &str) = ("application/json", r#"{"message":$context.error.messageString}"#);

/// What a spec declares of a gateway response; what is left out takes API Gateway's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// HTTP status.
    pub status_code: Option<String>,
    /// Headers and the like, by `gatewayresponse.header.NAME`.
    pub response_parameters: BTreeMap<String, String>,
    /// Bodies by media type; never empty.
    pub response_templates: Option<BTreeMap<String, String>>,
}

impl Declared {
    /// What API Gateway shall hold: the declared and its own defaults. A customised type takes nothing from its family.
    #[must_use]
    pub fn content(&self, response_type: ResponseType) -> ResponseContent {
        let Self { status_code, response_parameters, response_templates } = self;
        let default_status = || response_type.default_status().map(str::to_owned);
        ResponseContent {
            status_code: status_code.clone().or_else(default_status),
            response_parameters: response_parameters.clone(),
            response_templates: response_templates.clone().unwrap_or_else(|| {
                let (media_type, template) = DEFAULT_TEMPLATE;
                BTreeMap::from([(media_type.to_owned(), template.to_owned())])
            }),
        }
    }
}

/// First 16 hex digits of SHA-256 over the content as JSON, members and keys in order.
#[must_use]
pub fn hash(content: &ResponseContent) -> String {
    let json = serde_json::to_vec(content).unwrap_or_default();
    hex(&Sha256::digest(json)).chars().take(16).collect()
}

/// What is different.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Paths that differ, without values.
    pub(super) paths: Vec<String>,
    /// The patch that brings it about; `None` where something has to be dropped, which only the whole can do.
    pub(super) operations: Option<Vec<PatchOperation>>,
}

/// Compares what is held with what shall be held; `None`: they are the same.
pub(super) fn difference(
    declared: &Declared,
    response_type: ResponseType,
    held: &ResponseContent,
) -> Option<Difference> {
    let wanted = declared.content(response_type);
    let (mut paths, mut operations, mut drops) = (Vec::new(), Vec::new(), false);
    if wanted.status_code != held.status_code {
        paths.push("statusCode".to_owned());
        match &declared.status_code {
            Some(status) => operations.push(PatchOperation::replace("/statusCode", status)),
            None => drops = true,
        }
    }
    let members = [
        ("responseParameters", &wanted.response_parameters, &held.response_parameters, true),
        (
            "responseTemplates",
            &wanted.response_templates,
            &held.response_templates,
            declared.response_templates.is_some(),
        ),
    ];
    for (member, wanted, held, is_declared) in members {
        let keys: BTreeSet<_> = wanted.keys().chain(held.keys()).collect();
        for key in keys.into_iter().filter(|key| wanted.get(*key) != held.get(*key)) {
            paths.push(format!("{member}[{key}]"));
            let path = format!("/{member}/{}", segment(key));
            match (wanted.get(key).filter(|_| is_declared), held.contains_key(key)) {
                // A replace of a key that is not there is refused, with a 404.
                (Some(value), false) => operations.push(PatchOperation::add(path, value)),
                (Some(value), true) => operations.push(PatchOperation::replace(path, value)),
                (None, _) => drops = true,
            }
        }
    }
    (!paths.is_empty()).then(|| Difference { paths, operations: (!drops).then_some(operations) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// Golden: objects hold these hashes for years.
    #[test]
    fn the_hash_of_a_content_is_the_contract() {
        let default = Declared::default().content(ResponseType::Throttled);
        assert_eq!(
            serde_json::to_string(&default).unwrap(),
            r#"{"statusCode":"429","responseParameters":{},"responseTemplates":{"application/json":"{\"message\":$context.error.messageString}"}}"#
        );
        assert_eq!(hash(&default), "d674047290964ab8");
        let family =
            Declared { response_parameters: map(&[("gatewayresponse.header.a", "'1'")]), ..Declared::default() };
        assert_eq!(hash(&family.content(ResponseType::Default4xx)), "0b9a65364491a9dd");
    }

    #[test]
    fn a_text_that_moves_from_one_key_to_the_next_is_another_content() {
        let one = ResponseContent { response_templates: map(&[("a", "b\nc=d")]), ..ResponseContent::default() };
        let two = ResponseContent { response_templates: map(&[("a", "b"), ("c", "d")]), ..ResponseContent::default() };
        assert_ne!(hash(&one), hash(&two));
    }
}
