//! Gives a command to the operator and tells what became of it.
//!
//! A command is an annotation on the object; the operator answers in `status.lastCommand`. What is told is what status shows,
//! never what was wished.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use stagecraft::run::BoxError;
use stagecraft_core::api::command::{Command, Verb};
use stagecraft_core::api::duration::Duration as Span;
use stagecraft_core::api::names::ReleaseId;
use stagecraft_core::api::status::{CommandState, LastCommand, Phase};

use crate::clock::now;
use crate::cluster::{Cluster, Place};
use crate::failure::Failure;
use crate::follow::{Ended, Follow, Seen, ended};
use crate::output::{Output, print, print_json};
use crate::screen::bar;
use crate::screen::next::Step;
use crate::screen::time::since;
use crate::screen::view::{View, name_of};

/// Time in which the operator must answer, and its effect should show.
const ANSWER: Duration = Duration::from_secs(30);

/// The stage that a command is about, and how it is told.
#[derive(Clone, Debug, Args)]
pub struct Of {
    /// Name of the ApiStage
    pub name: String,
    #[command(flatten)]
    output: Output,
    /// Give up after this time, such as 90s or 1h [default: 30s for the operator's answer; with --wait, then no limit]
    #[arg(long, value_parser = Span::parse)]
    timeout: Option<Span>,
}

/// Whether the end of the release is awaited.
#[derive(Clone, Copy, Debug, Args)]
pub struct Wait {
    /// Stay until the release is over and tell its steps; exit code 1 where its target does not come to serve
    #[arg(long)]
    wait: bool,
}

/// The stage whose release a command is about, and whether its end is awaited.
#[derive(Clone, Debug, Args)]
pub struct OfRelease {
    #[command(flatten)]
    pub(crate) of: Of,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

/// Tells the effect of a command from the state that it left behind and the operator's answer; `None` while it does not show.
pub type TellEffect = Box<dyn Fn(&View, &LastCommand) -> Option<Effect>>;

/// A command that fits what is so.
pub struct Order {
    /// What is asked of the operator.
    pub verb: Verb,
    /// `Aborting r42.7 of orders-prod`.
    pub beginning: String,
    /// What has become of it, once its effect shows.
    pub effect: TellEffect,
    /// The release whose end `--wait` awaits.
    pub release: Option<Awaited>,
}

/// A release whose end can be awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The one with this id.
    This(ReleaseId),
    /// The one that the command begins, after this one.
    After(Option<ReleaseId>),
}

impl Awaited {
    /// Its id, now that the command had its effect; `None` where it began none.
    fn id(&self, view: &View) -> Option<ReleaseId> {
        match self {
            Self::This(id) => Some(id.clone()),
            Self::After(former) => {
                view.release.as_ref().map(|release| release.id.clone()).filter(|id| Some(id) != former.as_ref())
            }
        }
    }
}

/// What has become of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// What is so now, as the end of a sentence.
    pub now: String,
    /// What else is to be known: a sentence without its full stop.
    pub more: Option<String>,
}

impl From<String> for Effect {
    fn from(now: String) -> Self {
        Self { now, more: None }
    }
}

impl Of {
    /// Reads the stage, makes the command that fits it, gives it and stays until it has an effect.
    ///
    /// # Errors
    ///
    /// The command does not fit what is so, is refused, or nobody answers.
    pub async fn obey(
        &self,
        place: &Place,
        wait: Option<Wait>,
        make: impl FnOnce(&View, &str) -> Result<Order, Failure>,
    ) -> Result<ExitCode, BoxError> {
        let cluster = Cluster::connect(place).await?;
        let before = View::of(&cluster.stage(&self.name).await?);
        if before.hides_its_release() {
            return Err(Failure::Said(format!(
                "the release of ApiStage {} is told in a shape that this version of the plugin ({}) does not know: update the plugin, or \
                 give the command by annotation",
                before.full_name(),
                env!("CARGO_PKG_VERSION")
            ))
            .into());
        }
        let order = make(&before, &cluster.flags)?;
        let command = Command { verb: order.verb.clone(), nonce: now().to_string() };
        let value = command.value();
        let asked = format!("{} {}", command.verb.name().replace('-', " "), before.full_name());
        let people = !self.output.is_json();
        if people {
            print(&format!("{} …", order.beginning))?;
        }
        let begun = Instant::now();
        let given = async {
            cluster.annotate(&before.name, &value, &asked).await?;
            let mut follow = Follow::new(&cluster, &before.name);
            follow.give(Some(self.timeout.map_or(ANSWER, Span::get)));
            let (view, told) = self.answer(&mut follow, &order, &value, &asked).await?;
            Ok::<_, Failure>((follow, view, told))
        };
        let (mut follow, mut view, told) = match given.await {
            Ok(given) => given,
            Err(failure) => {
                // The line that tells what was begun ends before the error.
                if people {
                    print("\n")?;
                }
                return Err(failure.into());
            }
        };
        if people {
            let Effect { now, more } = told;
            let more = more.map(|more| format!(" {more}")).unwrap_or_default();
            print(&format!(" {now} ({:.1} s).{more}\n", begun.elapsed().as_secs_f64()))?;
        }
        let mut code = ExitCode::SUCCESS;
        let awaited = wait.filter(|wait| wait.wait).and(order.release.as_ref());
        if let Some(release) = awaited.and_then(|awaited| awaited.id(&view)) {
            let is_served = match ended(&view, &release) {
                // Told already.
                Some(Ended::Served(_)) => true,
                Some(Ended::NotServed(_)) => false,
                None => {
                    follow.give(self.timeout.map(|timeout| timeout.get().saturating_sub(begun.elapsed())));
                    let is_served;
                    (view, is_served) = release_over(&mut follow, view, &release, people).await?;
                    is_served
                }
            };
            if !is_served {
                code = ExitCode::FAILURE;
            }
        }
        if !people {
            print_json(&view)?;
        }
        Ok(code)
    }

    /// Waits until the operator has answered, and until the effect shows where that is soon.
    async fn answer(
        &self,
        follow: &mut Follow<'_>,
        order: &Order,
        value: &str,
        asked: &str,
    ) -> Result<(View, Effect), Failure> {
        let mut latest: Option<(Box<View>, LastCommand)> = None;
        loop {
            let view = match follow.next().await? {
                Seen::Now(view) => view,
                Seen::Gone => {
                    return Err(Failure::Said(format!("could not {asked}: the object was deleted meanwhile")));
                }
                Seen::TimedOut => {
                    return match latest {
                        Some((view, last)) => Ok((*view, format!("taken up, and under way: {}", last.message).into())),
                        None => Err(self.no_answer(asked)),
                    };
                }
            };
            let Some(last) = view.last_command.clone().filter(|last| last.value == value) else { continue };
            if last.state == CommandState::Refused {
                return Err(Failure::Said(format!("could not {asked}: the operator refuses it: {}", last.message)));
            }
            if let Some(told) = (order.effect)(&view, &last) {
                return Ok((*view, told));
            }
            latest = Some((view, last));
        }
    }

    fn no_answer(&self, asked: &str) -> Failure {
        let time = self.timeout.unwrap_or_else(|| Span::from(ANSWER));
        Failure::Said(format!(
            "could not {asked}: the operator did not answer within {time}; see whether it runs, leads and watches this namespace. The \
             command stays on the object and is obeyed when it comes back"
        ))
    }
}

/// Follows the release to its end; whether its target came to serve.
///
/// # Errors
///
/// The time is over, or the object is gone.
pub async fn release_over(
    follow: &mut Follow<'_>,
    mut view: View,
    release: &ReleaseId,
    people: bool,
) -> Result<(View, bool), BoxError> {
    let mut shown = None;
    loop {
        if let Some(ended) = ended(&view, release) {
            let (sentence, is_served) = match ended {
                Ended::Served(sentence) => (sentence, true),
                Ended::NotServed(sentence) => (sentence, false),
            };
            if people {
                print(&format!("{sentence}.\n"))?;
            }
            return Ok((view, is_served));
        }
        if people {
            tell_progress(&view, &mut shown)?;
        }
        view = match follow.next().await? {
            Seen::Now(view) => *view,
            Seen::Gone => return Err(format!("the object {} was deleted while {release} ran", view.full_name()).into()),
            Seen::TimedOut => {
                return Err(format!(
                    "{release} of {} is not over yet, and the time of --timeout is; it goes on, see: kubectl stagecraft status {} -w",
                    view.full_name(),
                    view.name
                )
                .into());
            }
        };
    }
}

/// What a line of progress depends on.
pub type Progress = (Phase, Option<u32>, Option<String>, Option<String>);

/// One line whenever the release stands elsewhere than it did.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn tell_progress(view: &View, shown: &mut Option<Progress>) -> Result<(), BoxError> {
    let Some(release) = view.running() else { return Ok(()) };
    let stands = (release.phase, release.step, release.awaiting.clone(), release.reason.clone());
    if shown.as_ref() != Some(&stands) {
        let time = now();
        print(&format!("  {}  {}: {}\n", time.strftime("%H:%M:%SZ"), release.id, bar::words(release, time)))?;
        *shown = Some(stands);
    }
    Ok(())
}

/// The command of a step of `next`, as a person types it.
fn typed(step: &Step, view: &View, flags: &str) -> Option<String> {
    let (verb, rest) = step.command.as_deref().map(|command| command.split_once(' ').unwrap_or((command, "")))?;
    let rest = if rest.is_empty() { String::new() } else { format!(" {rest}") };
    Some(format!("kubectl stagecraft {verb} {}{rest}{flags}", view.name))
}

/// What is so where a command needs a release and none runs, and what people mostly mean then.
#[must_use]
pub fn no_release(view: &View, to_do: &str, flags: &str) -> Failure {
    let so = match &view.serves {
        Some(serves) => {
            let name = serves
                .revision
                .as_ref()
                .map_or_else(|| format!("deployment {}", serves.deployment_id), ToString::to_string);
            let time = serves.since.as_ref().map(|at| format!(" for {}", since(at.0, now()))).unwrap_or_default();
            format!("{name} is stable{time}")
        }
        None => "it serves nothing yet".to_owned(),
    };
    let wanted = view.next.iter().find(|step| step.command.as_deref().is_some_and(|command| command != "abort"));
    let advice = wanted.and_then(|step| {
        let (what, typed) = (step.what.split(';').next()?, typed(step, view, flags)?);
        Some(format!(". To {what}: {typed}"))
    });
    Failure::Said(format!(
        "ApiStage {} has no release to {to_do}: {so}{}",
        view.full_name(),
        advice.unwrap_or_default()
    ))
}

/// `All traffic is on r41`.
#[must_use]
pub fn traffic(view: &View) -> String {
    match (&view.serves, &view.canary) {
        (Some(serves), None) => {
            let name = serves
                .revision
                .as_ref()
                .map_or_else(|| format!("deployment {}", serves.deployment_id), ToString::to_string);
            format!("all traffic is on {name}")
        }
        (Some(_), Some(canary)) => format!("the canary has {}", bar::percent(canary.percent)),
        (None, _) => "the stage serves nothing".to_owned(),
    }
}

/// What is held since the release ended, and how it is released again.
#[must_use]
pub fn held_by(view: &View, release: &ReleaseId, flags: &str) -> Option<String> {
    let held = view.held.iter().find(|held| held.release.as_ref() == Some(release))?;
    Some(format!(
        "{} is held; release it again with: kubectl stagecraft retry {}{flags}",
        name_of(&held.target),
        view.name
    ))
}
