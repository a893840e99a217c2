//! The Lua texts of `argocd/`, run as Argo CD runs them, on objects that the stories came by (`argocd/tests/objects`, held equal to
//! the real ones by `tests/stories/argocd.rs`), on every reason of the contract, and on what no operator would ever write.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something unexpected happens")]
#![expect(clippy::indexing_slicing, reason = "a member that is not there is null, and the comparison shows it")]

mod actions;
mod health;
mod malformed;
mod reasons;

use std::fs;

use serde_json::Value;

/// An object of a story.
fn object(name: &str) -> Value {
    let path = stagecraft_argocd::folder().join("tests/objects").join(format!("{name}.json"));
    serde_json::from_str(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .unwrap()
}

/// Names of all objects of the stories.
fn objects() -> Vec<String> {
    let folder = stagecraft_argocd::folder().join("tests/objects");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = files.map(|file| file.trim_end_matches(".json").to_owned()).collect();
    names.sort();
    assert!(names.len() > 25, "{names:?}");
    names
}
