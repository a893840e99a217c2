//! What happens in a rehearsal: who calls the API, how it answers, and what CloudWatch tells of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use apigateway_simulator::{Behaviour, GapKind, Latency, MetricDelay, MetricGap, Phase, Switches, Traffic};
use jiff::Timestamp;
use stagecraft_core::api::duration::Duration as Span;

/// When the numbers go missing, and when a burst comes: seconds after the release began.
const GAP_AFTER_SECONDS: i64 = 240;
const BURST_AFTER_SECONDS: f64 = 600.0;

/// How long a burst lasts, and a gap unless it is said.
const BURST_SECONDS: f64 = 120.0;
const GAP: Duration = Duration::from_mins(10);

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    event: Event,
    /// The new revision is good until it has this share of the traffic, in percent; 100 is after its promotion.
    from_percent: Option<f64>,
}

/// What is special.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    /// Nothing: the new revision is as good as the old one.
    Good,
    /// A share of the new revision's answers is 5xx.
    Errors(f64),
    /// A share of them is 4xx.
    ClientErrors(f64),
    /// The new revision takes so many times as long.
    Slow(f64),
    /// Nobody calls any more.
    Silent,
    /// CloudWatch has no numbers for so long.
    Gap(Duration),
    /// CloudWatch takes so long for each minute.
    Late(Duration),
    /// For two minutes a share of both revisions' answers is 5xx.
    Burst(f64),
}

/// What the traffic of a rehearsal is like before anything happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Requests a minute to the stage.
    pub requests_a_minute: f64,
    /// Share of 5xx among the old revision's answers, 0.0 to 1.0; the new one has it, too.
    pub stable_errors: f64,
}

/// Why a scenario cannot be played: one sentence that says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No such word.
    #[error(
        "{0:?} is no scenario: write good, errors=3%, errors=3%@50, 4xx=5%, slow=2x, silent, gap, gap=15m, late=5m or burst=20%"
    )]
    Unknown(String),
    /// Not a share.
    #[error("{0:?} is no share of responses: write a number above 0 and up to 100 with %, such as 3%")]
    Share(String),
    /// Not a factor.
    #[error("{0:?} is no factor: write a number above 1 with x, such as 2x")]
    Factor(String),
    /// Not a time.
    #[error("{0:?} is no time: write a duration, such as 10m")]
    Time(String),
    /// Not a percentage of traffic.
    #[error("{0:?} is no share of the traffic: write a number above 0 and up to 100 after @, such as @50")]
    From(String),
    /// It concerns both revisions, or none.
    #[error("{0} does not depend on the new revision's share of the traffic: leave @{1} out")]
    NoFrom(String, String),
}

impl FromStr for Scenario {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (what, from) = match text.split_once('@') {
            Some((what, from)) => (what, Some(from)),
            None => (text, None),
        };
        let (name, value) = match what.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (what, None),
        };
        let event = match (name, value) {
            ("good", None) => Event::Good,
            ("errors", Some(value)) => Event::Errors(share(value)?),
            ("4xx", Some(value)) => Event::ClientErrors(share(value)?),
            ("slow", Some(value)) => Event::Slow(factor(value)?),
            ("silent", None) => Event::Silent,
            ("gap", value) => Event::Gap(value.map_or(Ok(GAP), time)?),
            ("late", Some(value)) => Event::Late(time(value)?),
            ("burst", Some(value)) => Event::Burst(share(value)?),
            _ => return Err(Malformed::Unknown(text.to_owned())),
        };
        let of_new = matches!(event, Event::Errors(_) | Event::ClientErrors(_) | Event::Slow(_));
        let from_percent = match from {
            Some(from) if !of_new => return Err(Malformed::NoFrom(what.to_owned(), from.to_owned())),
            Some(from) => Some(from_percent(from)?),
            None => None,
        };
        Ok(Self { event, from_percent })
    }
}

fn share(text: &str) -> Result<f64, Malformed> {
    let number = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    let share = number.filter(|number| *number > 0.0 && *number <= 100.0);
    share.map(|percent| percent / 100.0).ok_or_else(|| Malformed::Share(text.to_owned()))
}

fn factor(text: &str) -> Result<f64, Malformed> {
    let number = text.strip_suffix('x').and_then(|number| number.parse::<f64>().ok());
    number.filter(|number| *number > 1.0 && *number <= 1e6).ok_or_else(|| Malformed::Factor(text.to_owned()))
}

fn time(text: &str) -> Result<Duration, Malformed> {
    let span = Span::parse(text).map_err(|_malformed| Malformed::Time(text.to_owned()))?;
    Some(span.get()).filter(|span| !span.is_zero()).ok_or_else(|| Malformed::Time(text.to_owned()))
}

fn from_percent(text: &str) -> Result<f64, Malformed> {
    let number = text.trim_end_matches('%').parse::<f64>().ok();
    number.filter(|number| *number > 0.0 && *number <= 100.0).ok_or_else(|| Malformed::From(text.to_owned()))
}

impl Scenario {
    /// Nothing happens.
    pub const GOOD: Self = Self { event: Event::Good, from_percent: None };

    /// The share of the traffic, in percent, from which on the new revision shows what it is; `None`: from its first request.
    #[must_use]
    pub fn from_percent(&self) -> Option<f64> {
        self.from_percent
    }

    /// The traffic from now on: `stable` is the deployment that served before, and all others are the new revision.
    pub(super) fn traffic(&self, (api, stage): (&str, &str), stable: &str, setting: Setting, shows: bool) -> Traffic {
        let Setting { requests_a_minute, stable_errors } = setting;
        let usual = Behaviour { error_rate_5xx: stable_errors, ..Behaviour::default() };
        let new = if shows { self.new_revision(usual) } else { usual };
        let silent = self.event == Event::Silent;
        let mut plan = Traffic::to(api, stage)
            .per_second(if silent { 0.0 } else { requests_a_minute / 60.0 })
            .deployment(stable, usual);
        plan.other_deployments.push(Phase { from_seconds: 0.0, behaviour: new });
        if let Event::Burst(share) = self.event {
            let burst = Behaviour { error_rate_5xx: share.max(stable_errors), ..usual };
            let phases = [(BURST_AFTER_SECONDS, burst), (BURST_AFTER_SECONDS + BURST_SECONDS, usual)];
            for (from_seconds, behaviour) in phases {
                plan = plan.deployment_from(stable, from_seconds, behaviour);
                plan.other_deployments.push(Phase { from_seconds, behaviour });
            }
        }
        plan
    }

    /// How the new revision answers where the old one is like this.
    fn new_revision(&self, usual: Behaviour) -> Behaviour {
        match self.event {
            Event::Errors(share) => Behaviour { error_rate_5xx: share, ..usual },
            Event::ClientErrors(share) => Behaviour { error_rate_4xx: share.min(1.0 - usual.error_rate_5xx), ..usual },
            Event::Slow(factor) => {
                let Latency { p50, p99 } = usual.latency;
                Behaviour { latency: Latency { p50: p50 * factor, p99: p99 * factor }, ..usual }
            }
            Event::Good | Event::Silent | Event::Gap(_) | Event::Late(_) | Event::Burst(_) => usual,
        }
    }

    /// What CloudWatch does in a release that began then.
    pub(super) fn move_switches(&self, switches: &mut Switches, began: Timestamp) {
        match self.event {
            Event::Gap(length) => {
                let from_epoch_seconds = began.as_second().saturating_add(GAP_AFTER_SECONDS);
                let length = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
                let until_epoch_seconds = from_epoch_seconds.saturating_add(length);
                switches.metric_gaps.push(MetricGap {
                    from_epoch_seconds,
                    until_epoch_seconds,
                    kind: GapKind::Missing,
                });
            }
            Event::Late(delay) => {
                let seconds = u32::try_from(delay.as_secs()).unwrap_or(u32::MAX);
                switches.metric_delay = MetricDelay { min_seconds: seconds, max_seconds: seconds };
            }
            Event::Good
            | Event::Errors(_)
            | Event::ClientErrors(_)
            | Event::Slow(_)
            | Event::Silent
            | Event::Burst(_) => {}
        }
    }

    /// What a person should know who reads the time line.
    #[must_use]
    pub fn describe(&self, setting: Setting) -> String {
        let stable = setting.stable_errors * 100.0;
        let from = self.from_percent.map(|percent| format!(" from {percent} % of the traffic on")).unwrap_or_default();
        let beside = format!("{} of the old one's", percent(stable));
        match self.event {
            Event::Good => {
                format!("the new revision is as good as the old one: {} of the answers are 5xx", percent(stable))
            }
            Event::Errors(share) => {
                format!("{} of the new revision's answers are 5xx{from}, {beside}", percent(share * 100.0))
            }
            Event::ClientErrors(share) => {
                format!("{} of the new revision's answers are 4xx{from}, none of the old one's", percent(share * 100.0))
            }
            Event::Slow(factor) => format!("the new revision takes {factor} times as long{from}"),
            Event::Silent => "nobody calls the stage from the beginning of the release on".to_owned(),
            Event::Gap(length) => {
                format!(
                    "a good revision, and CloudWatch has no numbers for {} from the fourth minute on",
                    Span::from(length)
                )
            }
            Event::Late(delay) => {
                format!("a good revision, and CloudWatch counts each minute {} late", Span::from(delay))
            }
            Event::Burst(share) => format!(
                "a good revision, and {} of both revisions' answers are 5xx for two minutes after ten",
                percent(share * 100.0)
            ),
        }
    }
}

/// A percentage as people write it.
fn percent(percent: f64) -> String {
    // Shares are quotients, so that 3 % would else be 3.0000000000000004.
    format!("{} %", (percent * 1e6).round() / 1e6)
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |share: f64| percent(share * 100.0).replace(' ', "");
        match self.event {
            Event::Good => write!(f, "good")?,
            Event::Errors(of) => write!(f, "errors={}", share(of))?,
            Event::ClientErrors(of) => write!(f, "4xx={}", share(of))?,
            Event::Slow(factor) => write!(f, "slow={factor}x")?,
            Event::Silent => write!(f, "silent")?,
            Event::Gap(length) => write!(f, "gap={}", Span::from(length))?,
            Event::Late(delay) => write!(f, "late={}", Span::from(delay))?,
            Event::Burst(of) => write!(f, "burst={}", share(of))?,
        }
        self.from_percent.map_or(Ok(()), |percent| write!(f, "@{percent}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("good", "good")]
    #[case("errors=3%", "errors=3%")]
    #[case("errors=0.5%@50", "errors=0.5%@50")]
    #[case("4xx=5%@12.5%", "4xx=5%@12.5")]
    #[case("slow=2x", "slow=2x")]
    #[case("silent", "silent")]
    #[case("gap", "gap=10m")]
    #[case("gap=15m", "gap=15m")]
    #[case("late=5m", "late=5m")]
    #[case("burst=20%", "burst=20%")]
    fn a_scenario_is_read_and_told(#[case] text: &str, #[case] told: &str) {
        assert_eq!(text.parse::<Scenario>().unwrap().to_string(), told);
    }

    #[rstest]
    #[case(
        "bad",
        "\"bad\" is no scenario: write good, errors=3%, errors=3%@50, 4xx=5%, slow=2x, silent, gap, gap=15m, late=5m or burst=20%"
    )]
    #[case(
        "good=1",
        "\"good=1\" is no scenario: write good, errors=3%, errors=3%@50, 4xx=5%, slow=2x, silent, gap, gap=15m, late=5m or burst=20%"
    )]
    #[case("errors=130%", "\"130%\" is no share of responses: write a number above 0 and up to 100 with %, such as 3%")]
    #[case("errors=NaN%", "\"NaN%\" is no share of responses: write a number above 0 and up to 100 with %, such as 3%")]
    #[case("errors=3", "\"3\" is no share of responses: write a number above 0 and up to 100 with %, such as 3%")]
    #[case(
        "errors=3%@0",
        "\"0\" is no share of the traffic: write a number above 0 and up to 100 after @, such as @50"
    )]
    #[case("slow=0.5x", "\"0.5x\" is no factor: write a number above 1 with x, such as 2x")]
    #[case("gap=soon", "\"soon\" is no time: write a duration, such as 10m")]
    #[case("silent@50", "silent does not depend on the new revision's share of the traffic: leave @50 out")]
    fn what_cannot_be_played_is_told(#[case] text: &str, #[case] told: &str) {
        assert_eq!(text.parse::<Scenario>().unwrap_err().to_string(), told);
    }

    #[test]
    fn the_new_revision_shows_itself_when_it_is_to() {
        let setting = Setting { requests_a_minute: 600.0, stable_errors: 0.002 };
        let scenario: Scenario = "errors=3%@50".parse().unwrap();
        let new = |shows| scenario.traffic(("a", "prod"), "old", setting, shows).other_deployments[0].behaviour;
        assert_eq!((new(false).error_rate_5xx, new(true).error_rate_5xx), (0.002, 0.03));
        assert_eq!(scenario.traffic(("a", "prod"), "old", setting, true).deployments["old"][0].behaviour, new(false));
    }
}
