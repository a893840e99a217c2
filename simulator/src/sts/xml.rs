//! The XML of awsQuery: nested elements with text, two outer elements named after the operation.

use std::fmt::Write as _;

use serde_json::Value;

use crate::error::ApiError;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A success.
pub(super) fn answer(operation: &str, body: &Value, request_id: &str) -> String {
    let mut result = String::new();
    write_members(&mut result, body);
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )
}

/// A refusal.
pub(super) fn refusal(error: &ApiError, request_id: &str) -> String {
    let side = if error.status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{side}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        escape(&error.code),
        escape(&error.message)
    )
}

fn write_members(xml: &mut String, value: &Value) {
    let Some(members) = value.as_object() else {
        xml.push_str(&escape(value.as_str().unwrap_or_default()));
        return;
    };
    for (name, value) in members {
        // Writing to a String does not fail.
        write!(xml, "<{name}>").ok();
        write_members(xml, value);
        write!(xml, "</{name}>").ok();
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_members_become_nested_elements_and_texts_are_escaped() {
        assert_eq!(
            answer("GetX", &json!({"A": {"B": "1 < 2 & 3"}}), "id"),
            "<GetXResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetXResult><A><B>1 &lt; 2 &amp; 3</B>\
             </A></GetXResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetXResponse>"
        );
    }
}
