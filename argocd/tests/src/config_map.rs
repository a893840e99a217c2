//! `argocd/argocd-cm.yaml`: one text out of the Lua files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

const GROUP: &str = "stagecraft.dev";

const HEAD: &str = "\
# Health and actions for Argo CD: a patch of its ConfigMap argocd-cm. docs/how-to/argocd.md tells how to install it.
# Written by `make argocd` from the files in stagecraft.dev/: change those.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
data:
";

/// The folder `argocd` of the repository.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// The text of `argocd-cm.yaml`, from the Lua files as they are now.
///
/// # Errors
///
/// [`Error::Missing`], where a folder or file cannot be read.
pub fn config_map() -> Result<String, Error> {
    let mut text = HEAD.to_owned();
    for kind in names(&folder().join(GROUP))? {
        let folder = folder().join(GROUP).join(&kind);
        put(
            &mut text,
            2,
            &format!("resource.customizations.health.{GROUP}_{kind}"),
            &read(&folder.join("health.lua"))?,
        );
        let actions = folder.join("actions");
        if actions.is_dir() {
            put(&mut text, 2, &format!("resource.customizations.actions.{GROUP}_{kind}"), &of_actions(&actions)?);
        }
    }
    Ok(text)
}

fn of_actions(folder: &Path) -> Result<String, Error> {
    let mut text = String::new();
    put(&mut text, 0, "discovery.lua", &read(&folder.join("discovery.lua"))?);
    text.push_str("definitions:\n");
    for name in names(folder)?.into_iter().filter(|name| folder.join(name).is_dir()) {
        let mut action = String::new();
        put(&mut action, 2, "action.lua", &read(&folder.join(&name).join("action.lua"))?);
        text.push_str("- name: ");
        text.push_str(&name);
        text.push('\n');
        text.push_str(&action);
    }
    Ok(text)
}

/// One member of a mapping, as a literal block. No line of ours ends in a space or begins with one that must count.
fn put(text: &mut String, indent: usize, key: &str, value: &str) {
    let pad = " ".repeat(indent);
    text.extend([pad.as_str(), key, ": |\n"]);
    for line in value.lines() {
        if !line.is_empty() {
            text.extend([pad.as_str(), "  ", line]);
        }
        text.push('\n');
    }
}

fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let missing = |error: std::io::Error| Error::Missing(format!("{}: {error}", folder.display()));
    let entries = fs::read_dir(folder).map_err(missing)?;
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|error| Error::Missing(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `make argocd` runs it.
    #[test]
    #[ignore = "it writes argocd/argocd-cm.yaml"]
    fn write_the_file() {
        fs::write(folder().join("argocd-cm.yaml"), config_map().unwrap()).unwrap();
    }

    #[test]
    fn the_file_is_what_the_scripts_are() {
        let committed = fs::read_to_string(folder().join("argocd-cm.yaml")).unwrap();
        assert_eq!(committed, config_map().unwrap(), "run 'make argocd', look at the difference and commit it");
    }
}
