//! `status`: all that there is to know about one stage, now, at each change, or when its release is over.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures::StreamExt as _;
use stagecraft::run::BoxError;
use stagecraft_core::api::duration::Duration as Span;

use crate::clock::now;
use crate::cluster::{Cluster, Place};
use crate::follow::{Follow, Seen};
use crate::order::tell_progress;
use crate::output::{Output, print, print_json};
use crate::screen::paint::Paint;
use crate::screen::status;
use crate::screen::view::View;

/// Which stage, and for how long.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// Name of the ApiStage
    name: String,
    #[command(flatten)]
    output: Output,
    /// Stay, and show every change: at a terminal in place, elsewhere one after another
    #[arg(short, long, conflicts_with = "wait")]
    watch: bool,
    /// Stay until what the object asks for serves, and tell the steps; exit code 1 where it does not come to serve
    #[arg(long)]
    wait: bool,
    /// Give up waiting after this time, such as 90s or 1h [default: as long as it takes]
    #[arg(long, requires = "wait", value_parser = Span::parse)]
    timeout: Option<Span>,
}

/// Prints it.
///
/// # Errors
///
/// There is no such object, or it cannot be read.
pub async fn run(place: &Place, arguments: &Arguments) -> Result<ExitCode, BoxError> {
    let cluster = Cluster::connect(place).await?;
    // First of all, since a wrong name has nothing to be watched.
    let view = View::of(&cluster.stage(&arguments.name).await?);
    if arguments.wait {
        return wait(&cluster, view, arguments).await;
    }
    if arguments.watch {
        return watch(&cluster, &view.name, arguments.output).await;
    }
    if arguments.output.is_json() {
        print_json(&view)?;
    } else {
        print(&status::print(&view, now(), &cluster.flags, Paint::of_standard_output()))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn watch(cluster: &Cluster, name: &str, output: Output) -> Result<ExitCode, BoxError> {
    let in_place = std::io::stdout().is_terminal() && !output.is_json();
    let paint = Paint::of_standard_output();
    let (mut stages, mut canaries) = (cluster.watch(name), cluster.watch_canaries());
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let (mut object, mut view): (Option<_>, Option<View>) = (None, None);
    if in_place {
        print("\x1b[2J")?;
    }
    loop {
        let is_news = tokio::select! {
            seen = stages.next() => {
                let Some(seen) = seen.flatten() else {
                    print(&format!("ApiStage {}/{name} is gone.\n", cluster.namespace))?;
                    return Ok(ExitCode::SUCCESS);
                };
                object = Some(seen);
                true
            }
            Some(()) = canaries.next() => true,
            // Times go on also where nothing else does.
            _ = ticks.tick(), if in_place => false,
        };
        let Some(object) = &object else { continue };
        if is_news {
            let now = View::of(&cluster.governed(object).await?);
            if view.as_ref() == Some(&now) {
                continue;
            }
            view = Some(now);
        }
        let Some(view) = &view else { continue };
        if output.is_json() {
            print(&format!("{}\n", serde_json::to_string(view)?))?;
            continue;
        }
        let now = now();
        let frame = status::print(view, now, &cluster.flags, paint);
        if in_place {
            // From the top left corner, each line to its end, and nothing of a longer frame before: no flicker.
            let frame = frame.replace('\n', "\x1b[K\n");
            print(&format!("\x1b[H{frame}\x1b[J"))?;
        } else {
            print(&format!("── {}\n{frame}\n", now.strftime("%Y-%m-%dT%H:%M:%SZ")))?;
        }
    }
}

/// Stays until the target of the object's present generation serves, or cannot without somebody's doing.
async fn wait(cluster: &Cluster, mut view: View, arguments: &Arguments) -> Result<ExitCode, BoxError> {
    let mut follow = Follow::new(cluster, &view.name);
    follow.give(arguments.timeout.map(Span::get));
    let people = !arguments.output.is_json();
    let mut shown = None;
    let code = loop {
        if let Some(is_released) = verdict(&view) {
            break if is_released { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        if people {
            tell_progress(&view, &mut shown)?;
        }
        view = match follow.next().await? {
            Seen::Now(view) => *view,
            Seen::Gone => return Err(format!("the object {} was deleted meanwhile", view.full_name()).into()),
            Seen::TimedOut => {
                let so = view.condition("Released").map(|released| released.message.clone()).unwrap_or_default();
                return Err(format!(
                    "{} is not released yet, and the time of --timeout is over: {so}",
                    view.full_name()
                )
                .into());
            }
        };
    };
    if people {
        print(&status::print(&view, now(), &cluster.flags, Paint::of_standard_output()))?;
    } else {
        print_json(&view)?;
    }
    Ok(code)
}

/// Whether what the object asks for serves; `None` while it may still come to.
fn verdict(view: &View) -> Option<bool> {
    if !view.up_to_date {
        return None;
    }
    let is = |kind: &str, status: &str| view.condition(kind).is_some_and(|condition| condition.status == status);
    if is("Released", "True") {
        return Some(true);
    }
    // Stalled: nothing goes on before somebody changes something.
    (is("Stalled", "True") && view.running().is_none()).then_some(false)
}
