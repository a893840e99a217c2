//! Objects of stories as files, with what differs from run to run made the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::World;

/// Where they are.
pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("argocd/tests/objects")
}

/// Holds the `ApiStage` equal to its file.
pub(super) async fn keep(world: &World, name: &str, object: &str) {
    let object = serde_json::to_value(world.get(object).await.unwrap()).unwrap();
    hold(world, &format!("apistage-{name}"), object);
}

/// Holds the `ApiCanary` equal to its file.
pub(super) async fn keep_canary(world: &World, name: &str, object: &str) {
    let object = serde_json::to_value(world.canaries().get(object).await.unwrap()).unwrap();
    hold(world, &format!("apicanary-{name}"), object);
}

/// Holds the `ApiGatewayResponse` equal to its file.
pub(super) async fn keep_response(world: &World, name: &str, object: &str) {
    let object = serde_json::to_value(world.get_response(object).await.unwrap()).unwrap();
    hold(world, &format!("apigatewayresponse-{name}"), object);
}

fn hold(world: &World, name: &str, mut object: Value) {
    let path = folder().join(format!("{name}.json"));
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("managedFields");
    metadata.insert("resourceVersion".to_owned(), json!("4711"));
    let mut constant = Constant { world, uids: BTreeMap::new() };
    constant.walk(&mut object);
    let text = format!("{}\n", serde_json::to_string_pretty(&object).unwrap());
    if std::env::var_os("STAGECRAFT_WRITE_OBJECTS").is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let is = serde_json::from_str::<Value>(&kept).unwrap_or_default();
    assert!(
        is == object,
        "{name} is another object by now: run 'make argocd-objects', look at the difference and commit it\n{text}"
    );
}

/// Puts constants where times, uids and the namespace are.
struct Constant<'a> {
    world: &'a World,
    uids: BTreeMap<String, usize>,
}

impl Constant<'_> {
    fn walk(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.walk(value)),
            Value::Object(members) => members.values_mut().for_each(|value| self.walk(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str) -> String {
        if text.parse::<jiff::Timestamp>().is_ok() {
            return "2026-01-01T00:00:00Z".to_owned();
        }
        if uuid::Uuid::try_parse(text).is_ok() {
            let next = self.uids.len();
            return format!("00000000-0000-0000-0000-{:012}", self.uids.entry(text.to_owned()).or_insert(next));
        }
        // The nonce of an action is the version of the object, of which the API server counts all.
        if let Some((command, nonce)) = text.rsplit_once("/argocd-")
            && nonce.bytes().all(|digit| digit.is_ascii_digit())
        {
            return format!("{command}/argocd-1");
        }
        text.replace(self.world.namespace(), "shop")
    }
}
