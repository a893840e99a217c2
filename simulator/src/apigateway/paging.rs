//! Pages of a list: `limit` and an opaque `position`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::service::Call;

/// Items a page where the request does not say, and the most.
const DEFAULT_LIMIT: usize = 25;
const MOST: usize = 500;

/// The page that `call` asks for of a list of keys, in their order; `show` writes one item.
///
/// The token holds the key of the last item shown and its index: the next page goes on behind that item, or at its
/// former place if it was deleted meanwhile.
pub(super) fn page(call: &Call, keys: &[&str], show: impl Fn(&str) -> Option<Value>) -> Result<Value, ApiError> {
    let limit = match call.query("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => {
            let refuse = || ApiError::bad_request(format!("Invalid limit '{text}'. Must be a whole number from 1"));
            text.parse().ok().filter(|limit| *limit > 0).ok_or_else(refuse)?
        }
    };
    let first = match call.query("position").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => {
            let (index, key) = decode(token).ok_or_else(|| ApiError::bad_request("Invalid position parameter"))?;
            keys.iter().position(|other| *other == key).map_or(index, |shown| shown.saturating_add(1))
        }
    };
    let end = first.saturating_add(limit.min(MOST)).min(keys.len());
    let shown = keys.get(first..end).unwrap_or_default();
    let item: Vec<Value> = shown.iter().filter_map(|key| show(key)).collect();
    let mut body = json!({"item": item});
    if let (true, Some(last)) = (end < keys.len(), shown.last()) {
        set(&mut body, "position", json!(encode(end, last)));
    }
    Ok(body)
}

/// Adds a member to an object.
fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(members) = body.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

fn encode(index: usize, key: &str) -> String {
    let mut token = String::new();
    for byte in format!("{index}/{key}").bytes() {
        // Writing to a String does not fail.
        write!(token, "{byte:02x}").ok();
    }
    token
}

fn decode(token: &str) -> Option<(usize, String)> {
    let digits = token.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> =
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    let text = String::from_utf8(bytes?).ok()?;
    let (index, key) = text.split_once('/')?;
    Some((index.parse().ok()?, key.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn call(query: &[(&str, &str)]) -> Call {
        let query = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Call { operation: "GetDeployments", parameters: Vec::new(), query, body: Arc::new(json!({})) }
    }

    #[test]
    fn pages_join_to_the_whole_list_even_if_the_last_item_shown_is_deleted() {
        let show = |key: &str| Some(json!(key));
        let first = page(&call(&[("limit", "2")]), &["a", "b", "c", "d"], show).unwrap();
        assert_eq!(first["item"], json!(["a", "b"]));
        let position = first["position"].as_str().unwrap().to_owned();
        let next = [("limit", "2"), ("position", position.as_str())];
        assert_eq!(page(&call(&next), &["a", "b", "c", "d"], show).unwrap(), json!({"item": ["c", "d"]}));
        assert_eq!(page(&call(&next), &["a", "c", "d"], show).unwrap()["item"], json!(["d"]));
    }

    #[test]
    fn nonsense_is_refused() {
        let show = |key: &str| Some(json!(key));
        for query in [("limit", "0"), ("limit", "x"), ("position", "zz"), ("position", "é")] {
            assert_eq!(page(&call(&[query]), &["a"], show).unwrap_err().status, 400, "{query:?}");
        }
    }
}
