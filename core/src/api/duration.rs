//! Spans of time as users write them: `30s`, `5m`, `1h30m`.
//!
//! Hours, minutes and seconds in this order, whole numbers, no sign and no blank: what CEL's `duration()` and every Kubernetes
//! user reads the same way, so that rules may compare them (`duration(self) <= duration('24h')`).

use std::fmt;

use jiff::SignedDuration;
use jiff::fmt::friendly::{Designator, SpanPrinter};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The form of the text. At most four digits a unit: no sum of them can overflow anywhere.
const PATTERN: &str = r"^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,4}s)?$";

/// A span of time of 0 seconds or more, in whole seconds.
///
/// Read with jiff's friendly format, narrowed to its units `h`, `m` and `s`; written back in the same form, zero as `0s`.
/// Compares by length: `90s` is `1m30s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// Why a text is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no span of time: write hours, minutes and seconds in this order, such as 30s, 5m or 1h30m")]
pub struct Malformed(String);

impl Duration {
    /// The span of so many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// The span as the standard library has it.
    #[must_use]
    pub const fn get(self) -> std::time::Duration {
        self.0
    }

    /// Reads a text.
    ///
    /// # Errors
    ///
    /// [`Malformed`], whose text tells what to write.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed(text.chars().take(40).collect());
        if !has_form(text) {
            return Err(malformed());
        }
        let span: Option<SignedDuration> = text.parse().ok();
        span.and_then(|span| span.try_into().ok()).map(Self).ok_or_else(malformed)
    }
}

/// Whether the text matches [`PATTERN`] and has a unit.
fn has_form(text: &str) -> bool {
    let mut rest = text;
    for unit in ['h', 'm', 's'] {
        if let Some((number, after)) = rest.split_once(unit)
            && (1..=4).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit())
        {
            rest = after;
        }
    }
    rest.is_empty() && !text.is_empty()
}

impl From<std::time::Duration> for Duration {
    fn from(span: std::time::Duration) -> Self {
        Self::from_secs(span.as_secs())
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printer = SpanPrinter::new().designator(Designator::Compact).spacing(jiff::fmt::friendly::Spacing::None);
        f.write_str(&printer.unsigned_duration_to_string(&self.0))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 2,
            "maxLength": 15,
            "x-kubernetes-validations": [{
                "rule": format!("self.matches('{PATTERN}')"),
                "message": "this is no span of time: write hours, minutes and seconds in this order, such as 30s, 5m or 1h30m."
            }]
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Golden: specs in Git hold these texts for years.
    #[test]
    fn the_form_is_the_contract() {
        let cases = [
            ("0s", Some((0, "0s"))),
            ("30s", Some((30, "30s"))),
            ("5m", Some((300, "5m"))),
            ("1h30m", Some((5400, "1h30m"))),
            ("90s", Some((90, "1m30s"))),
            ("9999h9999m9999s", Some((9999 * 3661, "10168h25m39s"))),
            ("", None),
            ("5", None),
            ("5 m", None),
            ("m", None),
            ("1m1h", None),
            ("1d", None),
            ("-5m", None),
            ("1.5h", None),
            ("500ms", None),
            ("10000s", None),
            ("PT5M", None),
        ];
        for (text, expected) in cases {
            let read = Duration::parse(text).ok();
            assert_eq!(read.map(|span| span.get().as_secs()), expected.map(|(seconds, _)| seconds), "{text:?}");
            let written = read.map(|span| span.to_string());
            assert_eq!(written.as_deref(), expected.map(|(_, written)| written), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_span_says_what_to_write() {
        assert_eq!(
            Duration::parse("5 minutes").map_err(|error| error.to_string()),
            Err("\"5 minutes\" is no span of time: write hours, minutes and seconds in this order, such as 30s, 5m or 1h30m".to_owned())
        );
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_of_the_form(text in ".{0,20}") {
            if Duration::parse(&text).is_ok() {
                prop_assert!(text.chars().all(|c| c.is_ascii_digit() || "hms".contains(c)));
            }
        }

        #[test]
        fn every_span_that_can_be_read_comes_back(h in 0..9000_u64, m in 0..60_u64, s in 0..60_u64) {
            let span = Duration::from_secs(h * 3600 + m * 60 + s);
            prop_assert_eq!(Duration::parse(&span.to_string()), Ok(span));
        }
    }
}
