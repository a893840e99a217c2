//! The command annotation: `<verb>/<argument>[/<step>]/<nonce>`.
//!
//! The verb ends at the first `/` and the nonce starts after the last, so that an argument (a release id holds a revision,
//! and a revision may hold `/`) needs no escaping. `approve` alone has a step, just before the nonce.

use std::fmt;

use super::names::Revision;

/// A well-formed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What is asked for.
    pub verb: Verb,
    /// Makes each request a new value; never interpreted. `[A-Za-z0-9._:-]{1,64}`.
    pub nonce: String,
}

/// What is asked for, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Skip the steps that are left of this release.
    Promote(String),
    /// Let this release go on from the step it waits at: `1`..`n`, or `promotion`.
    Approve {
        /// The release's id.
        release: String,
        /// The step as the release counts it, or `promotion`.
        step: String,
    },
    /// Hold this release where it is.
    Pause(String),
    /// Go on with this paused release.
    Resume(String),
    /// Undo this release, or remove this foreign canary's deployment from the stage.
    Abort(String),
    /// Free the held target of this release.
    Retry(String),
    /// Go back to this revision or deployment; `None` is the one before.
    Rollback(Option<String>),
    /// Take another snapshot of this revision, which must be the one in spec.
    Resnapshot(Revision),
    /// Empty the stage's cache.
    FlushCache,
    /// Empty the stage's authorizer cache.
    FlushAuthorizers,
    /// Look at everything anew.
    Reconcile,
}

/// Why a text is no command: one sentence that says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer than three parts.
    #[error("a command is <verb>/<argument>/<nonce>, such as reconcile/-/1")]
    Parts,
    /// Not one of the verbs.
    #[error("there is no such verb: use one of {}", VERBS.join(", "))]
    Verb,
    /// The nonce is empty, too long or holds other characters.
    #[error("the nonce after the last / must be 1 to 64 letters, digits or . _ : -")]
    Nonce,
    /// The argument is empty, or is not `-` where the verb takes none.
    #[error("the argument of {0} is {1}")]
    Argument(&'static str, &'static str),
}

/// All verbs, as they are written.
pub const VERBS: &[&str] = &[
    "promote",
    "approve",
    "pause",
    "resume",
    "abort",
    "retry",
    "rollback",
    "resnapshot",
    "flush-cache",
    "flush-authorizers",
    "reconcile",
];

impl Command {
    /// Reads the value of the annotation.
    ///
    /// # Errors
    ///
    /// [`Malformed`], whose text tells the user what to write.
    pub fn parse(value: &str) -> Result<Self, Malformed> {
        let (verb, rest) = value.split_once('/').ok_or(Malformed::Parts)?;
        let (argument, nonce) = rest.rsplit_once('/').ok_or(Malformed::Parts)?;
        if nonce.is_empty() || nonce.len() > 64 || !nonce.chars().all(is_nonce) {
            return Err(Malformed::Nonce);
        }
        Ok(Self { verb: Verb::parse(verb, argument)?, nonce: nonce.to_owned() })
    }

    /// The value of the annotation: what [`Command::parse`] reads as this command, as long as the nonce has its form and no
    /// part is empty.
    #[must_use]
    pub fn value(&self) -> String {
        format!("{}/{}/{}", self.verb.name(), self.verb.argument(), self.nonce)
    }
}

impl Verb {
    fn parse(verb: &str, argument: &str) -> Result<Self, Malformed> {
        let release = |name| non_empty(name, argument, "the id of a release, such as r42.7");
        Ok(match verb {
            "promote" => Self::Promote(release("promote")?),
            "approve" => {
                let shape = Malformed::Argument("approve", "<release>/<step>, such as r42.7/2 or r42.7/promotion");
                let (release, step) = argument.rsplit_once('/').ok_or_else(|| shape.clone())?;
                if release.is_empty() || step.is_empty() {
                    return Err(shape);
                }
                Self::Approve { release: release.to_owned(), step: step.to_owned() }
            }
            "pause" => Self::Pause(release("pause")?),
            "resume" => Self::Resume(release("resume")?),
            "abort" => {
                Self::Abort(non_empty("abort", argument, "the id of a release, or the deployment of a foreign canary")?)
            }
            "retry" => Self::Retry(release("retry")?),
            "rollback" => {
                let to = non_empty("rollback", argument, "a revision or deployment, or - for the one before")?;
                Self::Rollback(Some(to).filter(|to| to != "-"))
            }
            "resnapshot" => Self::Resnapshot(Revision::new(non_empty("resnapshot", argument, "the revision in spec")?)),
            "flush-cache" => nothing("flush-cache", argument, Self::FlushCache)?,
            "flush-authorizers" => nothing("flush-authorizers", argument, Self::FlushAuthorizers)?,
            "reconcile" => nothing("reconcile", argument, Self::Reconcile)?,
            _ => return Err(Malformed::Verb),
        })
    }

    /// What stands between the verb and the nonce.
    fn argument(&self) -> String {
        match self {
            Self::Promote(release) | Self::Pause(release) | Self::Resume(release) | Self::Retry(release) => {
                release.clone()
            }
            Self::Approve { release, step } => format!("{release}/{step}"),
            Self::Abort(what) => what.clone(),
            Self::Rollback(to) => to.clone().unwrap_or_else(|| "-".to_owned()),
            Self::Resnapshot(revision) => revision.to_string(),
            Self::FlushCache | Self::FlushAuthorizers | Self::Reconcile => "-".to_owned(),
        }
    }

    /// The verb as it is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Promote(_) => "promote",
            Self::Approve { .. } => "approve",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Abort(_) => "abort",
            Self::Retry(_) => "retry",
            Self::Rollback(_) => "rollback",
            Self::Resnapshot(_) => "resnapshot",
            Self::FlushCache => "flush-cache",
            Self::FlushAuthorizers => "flush-authorizers",
            Self::Reconcile => "reconcile",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn is_nonce(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | ':' | '-')
}

fn non_empty(verb: &'static str, argument: &str, shape: &'static str) -> Result<String, Malformed> {
    if argument.is_empty() {
        return Err(Malformed::Argument(verb, shape));
    }
    Ok(argument.to_owned())
}

fn nothing(name: &'static str, argument: &str, verb: Verb) -> Result<Verb, Malformed> {
    if argument == "-" { Ok(verb) } else { Err(Malformed::Argument(name, "always -")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Golden: annotations in Git hold these texts for years.
    #[test]
    fn the_grammar_is_the_contract() {
        let cases = [
            ("promote/r42.7/1", Verb::Promote("r42.7".into())),
            ("promote/feature/login.7/1", Verb::Promote("feature/login.7".into())),
            ("approve/r42.7/2/1", Verb::Approve { release: "r42.7".into(), step: "2".into() }),
            ("approve/a/b.7/promotion/1", Verb::Approve { release: "a/b.7".into(), step: "promotion".into() }),
            ("pause/r42.7/1", Verb::Pause("r42.7".into())),
            ("resume/r42.7/1", Verb::Resume("r42.7".into())),
            ("abort/9xw1c7/1", Verb::Abort("9xw1c7".into())),
            ("retry/r42.7/1", Verb::Retry("r42.7".into())),
            ("rollback/-/1", Verb::Rollback(None)),
            ("rollback/r41/1", Verb::Rollback(Some("r41".into()))),
            ("resnapshot/feature/login/1", Verb::Resnapshot("feature/login".into())),
            ("flush-cache/-/1", Verb::FlushCache),
            ("flush-authorizers/-/1", Verb::FlushAuthorizers),
            ("reconcile/-/2026-11-22T10:00:00_a.b", Verb::Reconcile),
        ];
        assert_eq!(VERBS.len(), 11, "a new verb needs a row here");
        for (text, verb) in cases {
            let command = Command::parse(text).unwrap();
            assert_eq!((&command.verb, command.value().as_str()), (&verb, text));
        }
    }

    #[test]
    fn a_malformed_command_says_what_to_write() {
        let cases = [
            ("", "a command is <verb>/<argument>/<nonce>, such as reconcile/-/1"),
            ("reconcile", "a command is <verb>/<argument>/<nonce>, such as reconcile/-/1"),
            ("reconcile/1", "a command is <verb>/<argument>/<nonce>, such as reconcile/-/1"),
            ("reconcile/-/", "the nonce after the last / must be 1 to 64 letters, digits or . _ : -"),
            ("reconcile/-/a b", "the nonce after the last / must be 1 to 64 letters, digits or . _ : -"),
            ("reconcile/x/1", "the argument of reconcile is always -"),
            ("promote//1", "the argument of promote is the id of a release, such as r42.7"),
            ("approve/r42.7/1", "the argument of approve is <release>/<step>, such as r42.7/2 or r42.7/promotion"),
        ];
        for (text, sentence) in cases {
            assert_eq!(Command::parse(text).map_err(|error| error.to_string()), Err(sentence.to_owned()), "{text:?}");
        }
        assert_eq!(Command::parse("ship/-/1"), Err(Malformed::Verb));
    }

    /// Any verb, with what its argument can hold: a revision may have `/`, and so may the id of its release.
    fn verbs() -> impl Strategy<Value = Verb> {
        let id = "[A-Za-z0-9][A-Za-z0-9._+/:@-]{0,40}\\.[1-9][0-9]{0,5}";
        prop_oneof![
            id.prop_map(Verb::Promote),
            (id, "[1-9][0-9]?|promotion").prop_map(|(release, step)| Verb::Approve { release, step }),
            id.prop_map(Verb::Pause),
            id.prop_map(Verb::Resume),
            prop_oneof![id, "[a-z0-9]{6,10}"].prop_map(Verb::Abort),
            id.prop_map(Verb::Retry),
            proptest::option::of("[A-Za-z0-9][A-Za-z0-9._+/:@-]{0,40}").prop_map(Verb::Rollback),
            "[A-Za-z0-9][A-Za-z0-9._+/:@-]{0,40}".prop_map(|revision| Verb::Resnapshot(Revision::new(revision))),
            Just(Verb::FlushCache),
            Just(Verb::FlushAuthorizers),
            Just(Verb::Reconcile),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_command(verb in verbs(), nonce in "[A-Za-z0-9._:-]{1,64}") {
            let command = Command { verb, nonce };
            prop_assert_eq!(Command::parse(&command.value()), Ok(command));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            if let Ok(command) = Command::parse(&text) {
                prop_assert!(text.starts_with(command.verb.name()) && text.ends_with(&command.nonce));
            }
        }
    }
}
