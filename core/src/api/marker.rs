//! The marker at the end of a deployment's description: how a snapshot is recognised that no status remembers.
//!
//! `<user text>[ result=Promoted|Rejected] [stagecraft revision=<r> attempt=<n> by=<owner>]`; without user text it begins with
//! `[`. API Gateway has no name, tag or client token for deployments, so the description is the only place.

use std::fmt;

use super::names::Revision;

/// Which snapshot of which revision, and who took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The user's name for it.
    pub revision: Revision,
    /// 1 for the first snapshot of the revision, one more for each `resnapshot`.
    pub attempt: u32,
    /// The owner's text, as in the owner tag.
    pub by: String,
}

impl Marker {
    /// The description of a deployment with this marker, after the user's own text.
    #[must_use]
    pub fn description(&self, user_text: Option<&str>) -> String {
        match user_text.map(str::trim_end).filter(|text| !text.is_empty()) {
            Some(text) => format!("{text} {self}"),
            None => self.to_string(),
        }
    }

    /// Reads the marker from the end of a description. `None` where it does not end in one, whatever else it holds: a user's
    /// text may quote a marker, but only the last words count.
    #[must_use]
    pub fn parse(description: &str) -> Option<Self> {
        let inner = description.strip_suffix(']')?;
        let (before, inner) = inner.rsplit_once("[stagecraft ")?;
        if !(before.is_empty() || before.ends_with(' ')) {
            return None;
        }
        let mut words = inner.split(' ');
        let revision = words.next()?.strip_prefix("revision=")?;
        let attempt = words.next()?.strip_prefix("attempt=")?;
        let by = words.next()?.strip_prefix("by=")?;
        if words.next().is_some() || revision.is_empty() || by.is_empty() || attempt.starts_with(['+', '0']) {
            return None;
        }
        Some(Self { revision: Revision::from(revision), attempt: attempt.parse().ok()?, by: by.to_owned() })
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[stagecraft revision={} attempt={} by={}]", self.revision, self.attempt, self.by)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marker() -> Marker {
        Marker { revision: "r42".into(), attempt: 2, by: "prod-eu/shop/orders".to_owned() }
    }

    /// Golden: deployments in AWS hold these texts for years.
    #[test]
    fn the_marker_is_the_contract() {
        assert_eq!(marker().description(None), "[stagecraft revision=r42 attempt=2 by=prod-eu/shop/orders]");
        assert_eq!(
            marker().description(Some("Orders, build 42")),
            "Orders, build 42 [stagecraft revision=r42 attempt=2 by=prod-eu/shop/orders]"
        );
        assert_eq!(
            Marker::parse("Orders result=Promoted [stagecraft revision=r42 attempt=2 by=prod-eu/shop/orders]"),
            Some(marker())
        );
    }

    #[test]
    fn what_is_not_our_marker_at_the_end_is_none() {
        for text in [
            "",
            "]",
            "[stagecraft ]",
            "a deployment made by hand",
            "[stagecraft revision=r1 attempt=1 by=a/b/c] and more",
            "[stagecraft revision=r1 attempt=x by=a/b/c]",
            "[stagecraft revision=r1 attempt=0 by=a/b/c]",
            "[stagecraft revision=r1 attempt=+1 by=a/b/c]",
            "[stagecraft revision= attempt=1 by=a/b/c]",
            "[stagecraft revision=r1 attempt=1 by=]",
            "[stagecraft revision=r1 attempt=1 by=a b]",
            "[stagecraft attempt=1 revision=r1 by=a]",
            "x[stagecraft revision=r1 attempt=1 by=a]",
        ] {
            assert_eq!(Marker::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            text in "[ -~]{0,60}",
            revision in "[A-Za-z0-9][A-Za-z0-9._+/:@-]{0,127}",
            attempt in 1..=u32::MAX,
            by in "[A-Za-z0-9._/:-]{1,200}",
        ) {
            let marker = Marker { revision: revision.as_str().into(), attempt, by };
            prop_assert_eq!(Marker::parse(&marker.description(Some(&text))), Some(marker));
        }

        #[test]
        fn no_description_panics(text in ".*") {
            if let Some(marker) = Marker::parse(&text) {
                prop_assert!(text.ends_with(&marker.to_string()));
            }
        }
    }
}
