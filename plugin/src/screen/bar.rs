//! The steps of a release as a bar: what is done, where it is, what is to come, and the promotion at its end.

use jiff::Timestamp;
use stagecraft_core::api::status::Phase;

use super::paint::{Paint, Tone};
use super::table::length;
use super::time::{span, until};
use super::view::{ReleaseView, StepView, name_of};

/// Characters that the bar itself has at most.
const WIDEST: usize = 61;

/// The bar, what is told beside it, and what stands below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// `●━━━━━◐─────○`, painted; empty where there are no steps.
    pub bar: String,
    /// Characters of the bar.
    pub width: usize,
    /// Where the release is, in words.
    pub words: String,
    /// The percentages below; empty where they do not fit.
    pub labels: String,
}

/// Draws where a release is.
#[must_use]
pub fn draw(release: &ReleaseView, now: Timestamp, paint: Paint) -> Bar {
    let words = words(release, now);
    if release.steps.is_empty() {
        return Bar { bar: String::new(), width: 0, words, labels: String::new() };
    }
    let nodes = release.steps.len() + 1;
    let at = reached(release);
    let begun = release.phase != Phase::Preparing;
    let labels: Vec<String> = release.steps.iter().map(|step| percent(step.percent)).collect();
    let widest = labels.iter().map(|label| length(label)).max().unwrap_or_default();
    let fits = (widest + 1) * (nodes - 1) < WIDEST;
    let pitch = if fits { widest + 1 } else { ((WIDEST - 1) / (nodes - 1)).max(1) };
    let mut bar = String::new();
    for node in 0..nodes {
        let (mark, line, tone) = match node.cmp(&at) {
            std::cmp::Ordering::Less => ('●', '━', Tone::Good),
            std::cmp::Ordering::Equal if begun => ('◐', '─', Tone::Busy),
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => ('○', '─', Tone::Quiet),
        };
        let piece: String = if node + 1 < nodes {
            [mark].into_iter().chain(std::iter::repeat_n(line, pitch - 1)).collect()
        } else {
            mark.to_string()
        };
        bar.push_str(&paint.put(tone, &piece));
    }
    let promote = if release.manual_promotion { "promote (Manual)" } else { "promote" };
    let below: String = labels.iter().map(|label| format!("{label:<pitch$}")).chain([promote.to_owned()]).collect();
    Bar { bar, width: (nodes - 1) * pitch + 1, words, labels: if fits { below } else { String::new() } }
}

/// The node that is being worked on, from 0; beyond the last one all is done.
fn reached(release: &ReleaseView) -> usize {
    let promotion = release.steps.len();
    let step = usize::try_from(release.step.unwrap_or(0)).unwrap_or(promotion);
    match release.phase {
        Phase::Promoting => promotion,
        Phase::Baking | Phase::Succeeded => promotion + 1,
        Phase::AwaitingApproval if release.awaiting.as_deref() == Some("promotion") => promotion,
        Phase::Idle
        | Phase::Preparing
        | Phase::Progressing
        | Phase::AwaitingApproval
        | Phase::Paused
        | Phase::RollingBack
        | Phase::Failed => step.saturating_sub(1).min(promotion),
    }
}

/// Where the release is, in words.
#[must_use]
pub fn words(release: &ReleaseView, now: Timestamp) -> String {
    let number = release.step.unwrap_or(0);
    let count = release.steps.len();
    let step =
        usize::try_from(number).ok().and_then(|number| number.checked_sub(1)).and_then(|at| release.steps.get(at));
    let place = match step {
        Some(_) => format!("step {number} of {count}"),
        None if number > 0 => format!("step {number}"),
        None => "before its first step".to_owned(),
    };
    let to_go = release.next_action_at.as_ref().and_then(|at| until(at.0, now));
    let why = release.reason.as_deref().map(sentence).unwrap_or_default();
    match release.phase {
        Phase::Idle => format!("over{why}"),
        Phase::Preparing => format!("being prepared, nothing of it serves yet{why}"),
        Phase::Progressing => match step {
            Some(step) => format!("{place}: {}", progress(release, step, to_go.as_deref())),
            None => place,
        },
        Phase::AwaitingApproval => match release.awaiting.as_deref() {
            Some("promotion") => "all steps are taken: a person must approve the promotion".to_owned(),
            Some(awaited) => format!("step {awaited} of {count}{}: a person must approve it", share(step)),
            None => format!("{place}: a person must approve"),
        },
        Phase::Paused => format!("paused at {place}{}{why}", share(step)),
        Phase::Promoting => format!("{} is given all traffic", name_of(&release.target)),
        Phase::Baking => {
            let bake = release.bake.map(|bake| format!(" for {bake}")).unwrap_or_default();
            let left = to_go.map(|left| format!(", {left} to go")).unwrap_or_default();
            format!("{} serves all and is still judged{bake}{left}", name_of(&release.target))
        }
        Phase::RollingBack => format!("being undone{why}"),
        Phase::Succeeded => "done".to_owned(),
        Phase::Failed => format!("failed{why}"),
    }
}

/// `25 % for 20m, 7m to go, then 50 %`.
fn progress(release: &ReleaseView, step: &StepView, to_go: Option<&str>) -> String {
    let number = release.step.and_then(|step| usize::try_from(step).ok()).unwrap_or_default();
    let then = match release.steps.get(number) {
        Some(next) => format!("then {}", percent(next.percent)),
        None if release.manual_promotion => "then a person must approve the promotion".to_owned(),
        None => "then the promotion".to_owned(),
    };
    let now = percent(step.percent);
    match (step.hold, to_go) {
        (Some(hold), Some(left)) => format!("{now} for {}, {left} to go, {then}", span(hold.get())),
        (Some(hold), None) => format!("{now}, its {} are over, {then}", span(hold.get())),
        (None, _) => format!("{now}, then a person must approve"),
    }
}

fn share(step: Option<&StepView>) -> String {
    step.map(|step| format!(" at {}", percent(step.percent))).unwrap_or_default()
}

/// What stands behind the word of a reason; the word alone where nothing does.
fn sentence(reason: &str) -> String {
    match reason.split_once(": ") {
        Some((_, sentence)) => format!(": {sentence}"),
        None => format!(" ({reason})"),
    }
}

/// `25 %`, `0.5 %`.
#[must_use]
pub fn percent(percent: f64) -> String {
    format!("{} %", (percent * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stagecraft_core::api::duration::Duration;

    use super::*;

    fn release(step: u32, percents: &[f64]) -> ReleaseView {
        let status: stagecraft_core::api::status::Release = serde_json::from_value(json!({
            "id": "r2.2", "how": "Canary", "phase": "Progressing", "step": step, "startedAt": "2026-08-01T12:00:00Z",
            "nextActionAt": "2026-08-01T12:10:00Z", "target": { "revision": "r2", "variablesHash": "0" },
        }))
        .unwrap();
        let mut view = crate::screen::view::release_of(&status, None);
        view.steps =
            percents.iter().map(|percent| StepView { percent: *percent, hold: Duration::parse("10m").ok() }).collect();
        view
    }

    fn at(minute: i64) -> Timestamp {
        "2026-08-01T12:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(minute)
    }

    #[test]
    fn a_bar_shows_what_is_done_where_it_is_and_what_is_to_come() {
        let Bar { bar, width, words, labels } = draw(&release(2, &[5.0, 10.0, 25.0]), at(3), Paint::PLAIN);
        assert_eq!(bar, "●━━━━◐────○────○");
        assert_eq!(labels, "5 %  10 % 25 % promote");
        assert_eq!(width, 16);
        assert_eq!(words, "step 2 of 3: 10 % for 10m, 7m to go, then 25 %");
        let over = draw(&release(3, &[5.0, 10.0, 25.0]), at(30), Paint::PLAIN);
        assert_eq!(over.words, "step 3 of 3: 25 %, its 10m are over, then the promotion");
    }

    #[test]
    fn fifty_steps_fit_the_screen_too() {
        let percents: Vec<f64> = (1..=50).map(|number| f64::from(number) * 1.37).collect();
        let Bar { bar, width, labels, .. } = draw(&release(17, &percents), at(3), Paint::PLAIN);
        assert_eq!((length(&bar), width, labels.as_str()), (51, 51, ""));
        assert_eq!(bar.matches('●').count(), 16);
    }
}
