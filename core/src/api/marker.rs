//! The marker at the end of a deployment's description: how a snapshot is recognised that no status remembers.
//!
//! `<user text>[ result=Promoted|Rejected] [stagecraft revision=<r> attempt=<n> by=<owner>]`; without user text it begins with
//! `[`, or with the result. API Gateway has no name, tag or client token for deployments, so the description is the only
//! place. Everything is read from the end, so that no text of a user can pass for a marker or a result.

use std::fmt;

use super::names::Revision;

/// Longest text of a user that goes into a description; with the longest result and marker it stays below 1,024 characters.
/// AWS documents no limit for the description of a deployment; 1,024 is what it allows elsewhere.
const LONGEST_TEXT: usize = 600;

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

/// What became of a deployment with its owner's last release of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It came to serve all requests.
    Promoted,
    /// Its release failed, was aborted, or was rolled back by command.
    Rejected,
}

/// The whole description of a deployment with our marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The user's text; may be empty. Never ends in a blank or in words that read as a result.
    text: String,
    /// What became of it, where that was written down.
    pub outcome: Option<Outcome>,
    /// Whose it is. Never changed.
    pub marker: Marker,
}

impl Marker {
    /// The description of a deployment with this marker, after the user's own text.
    #[must_use]
    pub fn description(&self, user_text: Option<&str>) -> String {
        Description { text: tidy(user_text.unwrap_or_default()), outcome: None, marker: self.clone() }.to_string()
    }

    /// Reads the marker from the end of a description. `None` where it does not end in one, whatever else it holds: a user's
    /// text may quote a marker, but only the last words count.
    #[must_use]
    pub fn parse(description: &str) -> Option<Self> {
        Some(Self::split(description)?.1)
    }

    /// What stands before the marker, and the marker.
    fn split(description: &str) -> Option<(&str, Self)> {
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
        let marker = Self { revision: Revision::from(revision), attempt: attempt.parse().ok()?, by: by.to_owned() };
        Some((before, marker))
    }
}

impl Outcome {
    const ALL: [Self; 2] = [Self::Promoted, Self::Rejected];

    /// The words in a description.
    fn words(self) -> &'static str {
        match self {
            Self::Promoted => "result=Promoted",
            Self::Rejected => "result=Rejected",
        }
    }
}

impl Description {
    /// Reads a description from its end. `None` where it does not end in a marker.
    #[must_use]
    pub fn parse(description: &str) -> Option<Self> {
        let (before, marker) = Marker::split(description)?;
        let (text, outcome) = split_outcome(before.trim_end());
        Some(Self { text: tidy(text), outcome, marker })
    }

    /// The same with another result.
    #[must_use]
    pub fn with_outcome(self, outcome: Option<Outcome>) -> Self {
        Self { outcome, ..self }
    }

    /// The same deployment with another text of the user.
    #[must_use]
    pub fn with_text(self, user_text: &str) -> Self {
        Self { text: tidy(user_text), ..self }
    }
}

/// The last words of a text as a result, and what stands before them.
fn split_outcome(text: &str) -> (&str, Option<Outcome>) {
    for outcome in Outcome::ALL {
        if let Some(before) = text.strip_suffix(outcome.words())
            && (before.is_empty() || before.ends_with(char::is_whitespace))
        {
            return (before, Some(outcome));
        }
    }
    (text, None)
}

/// A text as it can stand before a result and a marker: what is written is what is read back.
fn tidy(text: &str) -> String {
    let cut: String = text.chars().take(LONGEST_TEXT).collect();
    let mut text = cut.trim_end();
    while let (before, Some(_)) = split_outcome(text) {
        text = before.trim_end();
    }
    text.to_owned()
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.text.is_empty() {
            write!(f, "{} ", self.text)?;
        }
        if let Some(outcome) = self.outcome {
            write!(f, "{} ", outcome.words())?;
        }
        write!(f, "{}", self.marker)
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

    /// Golden, too.
    #[test]
    fn a_result_stands_between_the_text_and_the_marker() {
        let described = |text: &str, outcome| Description { text: text.to_owned(), outcome, marker: marker() };
        let end = "[stagecraft revision=r42 attempt=2 by=prod-eu/shop/orders]";
        for (text, outcome, written) in [
            ("", None, String::from(end)),
            ("", Some(Outcome::Rejected), format!("result=Rejected {end}")),
            ("Orders", None, format!("Orders {end}")),
            ("Orders", Some(Outcome::Promoted), format!("Orders result=Promoted {end}")),
            ("my result=Promotedly", Some(Outcome::Rejected), format!("my result=Promotedly result=Rejected {end}")),
        ] {
            assert_eq!(described(text, outcome).to_string(), written);
            assert_eq!(Description::parse(&written), Some(described(text, outcome)), "{written}");
        }
    }

    #[test]
    fn no_text_of_a_user_passes_for_a_result_or_a_marker() {
        for text in ["fine result=Rejected", "fine  result=Promoted result=Rejected ", "fine"] {
            let read = Description::parse(&marker().description(Some(text))).unwrap();
            assert_eq!((read.text.as_str(), read.outcome), ("fine", None), "{text:?}");
        }
        let quoting = marker().description(Some("result=Rejected [stagecraft revision=r1 attempt=1 by=a/b/c]"));
        let read = Description::parse(&quoting).unwrap();
        assert_eq!((read.marker, read.outcome), (marker(), None), "{quoting}");
    }

    #[test]
    fn the_longest_description_stays_below_the_limit() {
        let marker = Marker { revision: "r".repeat(128).as_str().into(), attempt: u32::MAX, by: "o".repeat(200) };
        let longest = Description { text: tidy(&"é".repeat(5_000)), outcome: Some(Outcome::Rejected), marker };
        assert!(longest.to_string().chars().count() < 1024);
        assert_eq!(Description::parse(&longest.to_string()), Some(longest));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            text in "([ -~]{0,60}|[a-z ]{0,9}( ?result=(Promoted|Rejected) ?){0,3})",
            revision in "[A-Za-z0-9][A-Za-z0-9._+/:@-]{0,127}",
            attempt in 1..=u32::MAX,
            by in "[A-Za-z0-9._/:-]{1,200}",
        ) {
            let marker = Marker { revision: revision.as_str().into(), attempt, by };
            let written = marker.description(Some(&text));
            prop_assert_eq!(Marker::parse(&written), Some(marker.clone()));
            let read = Description::parse(&written).unwrap();
            prop_assert_eq!(read.to_string(), written);
            for outcome in [Some(Outcome::Promoted), Some(Outcome::Rejected), None] {
                let judged = Description { outcome, ..read.clone() };
                prop_assert_eq!(Description::parse(&judged.to_string()), Some(judged));
            }
        }

        #[test]
        fn no_description_panics(text in ".*") {
            if let Some(marker) = Marker::parse(&text) {
                prop_assert!(text.ends_with(&marker.to_string()));
            }
        }
    }
}
