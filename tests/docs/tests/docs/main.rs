//! Everything in the documentation that a reader would copy or follow. A block that nothing here knows how to check fails.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something unexpected happens")]
#![expect(clippy::indexing_slicing, reason = "a member that is not there is null, and the comparison shows it")]

mod blocks;
mod commands;
mod links;
mod manifests;
mod shell;

use stagecraft_docs::{Block, Page, pages};

/// A block and where it is.
struct Found {
    page: Page,
    block: Block,
}

impl Found {
    fn place(&self) -> String {
        format!("{}:{}", self.page.path.display(), self.block.line)
    }

    /// The words behind its fence.
    fn words(&self) -> Vec<&str> {
        self.block.info.as_deref().unwrap_or_default().split_whitespace().collect()
    }
}

/// Every block of every page.
fn found() -> Vec<Found> {
    let pages = pages().unwrap();
    assert!(pages.len() > 20, "{} pages", pages.len());
    let blocks = pages.iter().flat_map(|page| page.blocks.iter().map(|block| (page.clone(), block.clone())));
    blocks.map(|(page, block)| Found { page, block }).collect()
}
