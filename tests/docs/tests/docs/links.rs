//! Links lead somewhere, and every page can be found from the table of contents.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use stagecraft_docs::{pages, root};

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => plain.push(component),
        }
    }
    plain
}

#[test]
fn every_link_resolves() {
    let pages = pages().unwrap();
    let mut followed = 0;
    let mut broken = Vec::new();
    for page in &pages {
        for (link, line) in &page.links {
            if link.starts_with("https://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let target =
                if file.is_empty() { page.path.clone() } else { plain(&page.path.parent().unwrap().join(file)) };
            let there = root().join(&target).exists();
            let of_target = pages.iter().find(|page| page.path == target);
            let anchored = match (anchor, of_target) {
                (Some(anchor), Some(target)) => target.anchors.iter().any(|known| known == anchor),
                (Some(_), None) | (None, _) => true,
            };
            if !there || !anchored {
                broken.push(format!("{}:{line}: {link}", page.path.display()));
            }
            followed += 1;
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    assert!(followed > 60, "{followed}");
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let pages = pages().unwrap();
    let summary = pages.iter().find(|page| page.path == Path::new("docs/SUMMARY.md")).unwrap();
    let listed: BTreeSet<PathBuf> =
        summary.links.iter().map(|(link, _)| plain(&Path::new("docs").join(link))).collect();
    assert_eq!(listed.len(), summary.links.len(), "a page is listed twice");
    for page in pages.iter().filter(|page| page.path.starts_with("docs") && page.path != Path::new("docs/SUMMARY.md")) {
        assert!(listed.contains(&page.path), "{} is not in docs/SUMMARY.md", page.path.display());
    }
}
