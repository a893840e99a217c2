//! The project's documentation as its tests read it: pages, their blocks of code, their links and headings.

use std::path::{Path, PathBuf};
use std::{fs, io};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A page of the documentation.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its path from the root of the repository.
    pub path: PathBuf,
    /// Its blocks of code, in order.
    pub blocks: Vec<Block>,
    /// Code within its sentences, each with its line.
    pub codes: Vec<(String, usize)>,
    /// Where its links and pictures lead, as they are written, each with its line.
    pub links: Vec<(String, usize)>,
    /// Anchors of its headings.
    pub anchors: Vec<String>,
}

/// A block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind the fence, such as `yaml` or `yaml values`; `None`: it has no fence, only an indent.
    pub info: Option<String>,
    /// Its first line in the page, from 1.
    pub line: usize,
    /// What is in it.
    pub text: String,
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

/// All pages: those at the root that users read, the chart's, and everything under `docs`.
///
/// # Errors
///
/// What the file system says.
pub fn pages() -> io::Result<Vec<Page>> {
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "charts/stagecraft/README.md"]
        .iter()
        .map(PathBuf::from)
        .filter(|path| root().join(path).exists())
        .collect();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.into_iter().map(|path| Ok(read(path.clone(), &fs::read_to_string(root().join(path))?))).collect()
}

/// Reads one page.
#[must_use]
pub fn read(path: PathBuf, text: &str) -> Page {
    let mut page = Page { path, blocks: Vec::new(), codes: Vec::new(), links: Vec::new(), anchors: Vec::new() };
    let line_of = |offset: usize| text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
    let mut block: Option<Block> = None;
    let mut heading: Option<String> = None;
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_GFM;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let info = match kind {
                    CodeBlockKind::Fenced(info) => Some(info.trim().to_owned()),
                    CodeBlockKind::Indented => None,
                };
                block = Some(Block { info, line: line_of(range.start), text: String::new() });
            }
            Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push((dest_url.to_string(), line_of(range.start)));
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => page.anchors.extend(heading.take().map(|heading| anchor(&heading))),
            Event::Code(code) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&code);
                }
                page.codes.push((code.to_string(), line_of(range.start)));
            }
            Event::Text(text) => {
                if let Some(block) = &mut block {
                    block.text.push_str(&text);
                }
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::Start(_)
            | Event::End(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::SoftBreak
            | Event::HardBreak
            | Event::Rule
            | Event::TaskListMarker(_) => {}
        }
    }
    page
}

/// What a link writes behind `#` for a heading, as GitHub and mdBook make it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'));
    kept.map(|character| if character == ' ' { '-' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_people_see_it() {
        let page = read(
            PathBuf::from("page.md"),
            "# The first: one\n\n[a](b.md#c) ![p](p.svg)\n\n```yaml values\na: 1\n```\n\n    indented\n\n* item\n\n  ```sh\n  ls\n  ```\n",
        );
        assert_eq!(page.anchors, ["the-first-one"]);
        assert_eq!(page.links, [("b.md#c".to_owned(), 3), ("p.svg".to_owned(), 3)]);
        let block =
            |info: Option<&str>, line, text: &str| Block { info: info.map(str::to_owned), line, text: text.to_owned() };
        assert_eq!(
            page.blocks,
            [block(Some("yaml values"), 5, "a: 1\n"), block(None, 9, "indented\n"), block(Some("sh"), 13, "ls\n")]
        );
    }
}
