//! A share of a stage's requests.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Share of a stage's requests that the canary answers: 0.00 to 100.00 percent, not a fraction.
///
/// Kept in hundredths, so that two of them compare exactly. In JSON it is a number, such as `25` or `12.5`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

impl Percent {
    /// No request.
    pub const ZERO: Self = Self(0);

    /// Every request.
    pub const ALL: Self = Self(10_000);

    /// This many hundredths of a percent; `None` above 10,000.
    #[must_use]
    pub fn from_hundredths(hundredths: u16) -> Option<Self> {
        (hundredths <= Self::ALL.0).then_some(Self(hundredths))
    }

    /// The percentage, where it is one of 0.00 to 100.00 with at most two decimals.
    #[must_use]
    pub fn exactly(percent: f64) -> Option<Self> {
        let nearest = Self::nearest(percent)?;
        // What a decimal loses as a binary fraction is far smaller than this, a third decimal far larger.
        ((nearest.as_f64() - percent).abs() < 1e-6).then_some(nearest)
    }

    /// The percentage, rounded to two decimals; `None` outside 0 to 100 and for what is no number.
    #[must_use]
    pub fn nearest(percent: f64) -> Option<Self> {
        if !(0.0..=100.0).contains(&percent) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10,000, as just checked")]
        let hundredths = (percent * 100.0).round() as u16;
        Some(Self(hundredths))
    }

    /// Hundredths of a percent, 0 to 10,000.
    #[must_use]
    pub fn hundredths(self) -> u16 {
        self.0
    }

    /// The percentage, 0.0 to 100.0.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

/// Without decimals that say nothing: `5`, `12.5`, `0.25`.
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl Serialize for Percent {
    /// Whole percentages as integers, as the apiserver sends them back.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(100) {
            serializer.serialize_u16(self.0 / 100)
        } else {
            serializer.serialize_f64(self.as_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let percent = f64::deserialize(deserializer)?;
        Self::nearest(percent)
            .ok_or_else(|| de::Error::custom(format_args!("{percent} is not within 0 to 100 percent")))
    }
}

impl JsonSchema for Percent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0.0, "maximum": 100.0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_decimals_are_exact_and_three_are_refused() {
        for (percent, hundredths) in [(0.0, 0), (0.07, 7), (0.29, 29), (12.5, 1250), (57.3, 5730), (100.0, 10_000)] {
            assert_eq!(Percent::exactly(percent).map(Percent::hundredths), Some(hundredths), "{percent}");
        }
        for percent in [0.001, 12.345, 99.999, -0.01, 100.01, f64::NAN, f64::INFINITY] {
            assert_eq!(Percent::exactly(percent), None, "{percent}");
        }
    }

    #[test]
    fn it_reads_and_writes_as_people_write_it() {
        let json = |hundredths| serde_json::to_string(&Percent::from_hundredths(hundredths).unwrap()).unwrap();
        assert_eq!((json(2500), json(1250), json(7)), ("25".to_owned(), "12.5".to_owned(), "0.07".to_owned()));
        assert_eq!(Percent::from_hundredths(1250).unwrap().to_string(), "12.5");
        assert_eq!(Percent::ALL.to_string(), "100");
        assert_eq!(Percent::from_hundredths(10_001), None);
        assert!(serde_json::from_str::<Percent>("101").is_err());
    }

    proptest! {
        #[test]
        fn every_share_survives_json(hundredths in 0_u16..=10_000) {
            let percent = Percent::from_hundredths(hundredths).unwrap();
            prop_assert_eq!(Percent::exactly(percent.as_f64()), Some(percent));
            let json = serde_json::to_string(&percent).unwrap();
            prop_assert_eq!(serde_json::from_str::<Percent>(&json).unwrap(), percent);
        }
    }
}
