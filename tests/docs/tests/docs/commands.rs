//! Commands: ours against the parsers of the programs themselves, kubectl's and helm's against their own help, others against a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use clap::Parser as _;
use clap::error::ErrorKind;
use stagecraft_docs::{pages, root};
use testbed::Cluster;

use crate::blocks::{Check, check};
use crate::found;
use crate::shell::{Words, commands};

/// Programs that are not here to be asked, with what of them is used and why it cannot be tried.
const OTHERS: &[(&str, &str)] = &[
    ("aws eks", "needs an AWS account"),
    ("aws iam", "needs an AWS account"),
    ("aws apigateway", "needs an AWS account; the simulator answers the same calls to the operator"),
    ("aws logs", "needs an AWS account"),
    ("argocd app", "needs an Argo CD; what its actions and health do is tested in argocd/tests"),
    ("terraform state", "needs a Terraform state"),
    ("docker build", "needs a container runtime"),
    ("apigateway-simulator", "its flags are held by its own tests; started by the test of docs/getting-started.md"),
    ("curl", "asks the simulator or a deployed API"),
];

/// What every shell has.
const SHELL: [&str; 12] =
    // The last two are functions of the pages themselves.
    ["cat", "cp", "git", "date", "diff", "echo", "export", "grep", "sed", "tail", "call", "put"];

/// The commands of every block that has some, with the place of the block.
fn all() -> Vec<(String, Words)> {
    let mut all = Vec::new();
    for found in found() {
        let script = match check(&found) {
            Ok(Check::Shell) => found.block.text.clone(),
            Ok(Check::Console) => prompts(&found.block.text),
            _ => continue,
        };
        let read = commands(&script).unwrap_or_else(|why| panic!("{}: {why}", found.place()));
        assert!(!read.is_empty() || check(&found) == Ok(Check::Console), "{} has no command", found.place());
        all.extend(read.into_iter().map(|words| (found.place(), words)));
    }
    all.extend(named());
    assert!(all.len() > 60, "{}", all.len());
    all
}

/// Commands within sentences: those that begin with a program of ours or of Kubernetes.
fn named() -> Vec<(String, Words)> {
    let mut named = Vec::new();
    for page in pages().unwrap() {
        for (code, line) in &page.codes {
            let programs = ["kubectl ", "helm ", "stagecraft ", "make ", "aws ", "argocd "];
            if programs.iter().any(|program| code.starts_with(program)) {
                let place = format!("{}:{line}", page.path.display());
                named.extend(commands(code).unwrap_or_default().into_iter().map(|words| (place.clone(), words)));
            }
        }
    }
    assert!(named.len() > 20, "{}", named.len());
    named
}

/// Whether it is an answer that people did not ask for. A sentence may name a command without all that it needs.
fn is_wrong(refused: &clap::Error) -> bool {
    let incomplete = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ];
    refused.use_stderr() && !incomplete.contains(&refused.kind())
}

/// What stands behind `$`, and the lines that go on from there.
fn prompts(text: &str) -> String {
    let mut script = String::new();
    let mut goes_on = false;
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("$ ").or_else(|| Some(line).filter(|_| goes_on)) {
            script.push_str(line);
            script.push('\n');
            goes_on = line.ends_with('\\');
        }
    }
    script
}

/// The command without a program of another kind.
fn program(words: &Words) -> &str {
    words.first().map_or("", |first| first.rsplit('/').next().unwrap_or(first))
}

#[test]
fn every_program_is_known() {
    let mut unknown = Vec::new();
    let mut used = BTreeSet::new();
    for (place, words) in all() {
        let program = program(&words);
        let two = format!("{program} {}", words.get(1).map_or("", String::as_str));
        let known = ["kubectl", "helm", "stagecraft", "make", "cargo"].contains(&program)
            || SHELL.contains(&program)
            || OTHERS.iter().any(|(other, _)| *other == two || *other == program);
        used.extend([two, program.to_owned()]);
        if !known {
            unknown.push(format!("{place}: {}", words.join(" ")));
        }
    }
    assert!(unknown.is_empty(), "commands that nothing checks:\n{}", unknown.join("\n"));
    for (other, _) in OTHERS {
        assert!(used.contains(*other), "no page uses {other} any more: take it out of the table");
    }
}

#[test]
fn our_programs_understand_what_the_pages_type() {
    let mut tried = 0;
    for (place, words) in all() {
        let typed = words.join(" ");
        match program(&words) {
            "stagecraft" => {
                let asked = stagecraft::cli::parse(&words);
                // --help and --version are answers, and so errors.
                let refused = asked.err().filter(is_wrong);
                assert!(refused.is_none(), "{place}: {typed}\n{}", refused.unwrap());
                tried += 1;
            }
            "kubectl" if words.get(1).is_some_and(|word| word == "stagecraft") => {
                let refused = kubectl_stagecraft::cli::Cli::try_parse_from(&words[1..]).err().filter(is_wrong);
                assert!(refused.is_none(), "{place}: {typed}\n{}", refused.unwrap());
                tried += 1;
            }
            _ => {}
        }
    }
    assert!(tried > 6, "{tried}");
}

/// The words before the first flag that are a command of the program, and its flags.
fn split(words: &[String]) -> (Vec<&str>, Vec<&str>) {
    let verbs: Vec<&str> = words
        .iter()
        .skip(1)
        .map(String::as_str)
        .skip_while(|word| word.starts_with('-'))
        .take_while(|word| !word.starts_with('-'))
        .collect();
    let flags = words
        .iter()
        .map(String::as_str)
        .filter(|word| word.starts_with('-') && word.len() > 1 && !word.starts_with("-- "));
    (verbs, flags.take_while(|word| *word != "--").collect())
}

/// Asks kubectl or helm for the help on a command.
async fn help(cluster: &Cluster, program: &str, verb: &[&str]) -> Option<String> {
    let arguments = [verb, &["--help"]].concat();
    let output = if program == "kubectl" {
        cluster.kubectl(arguments).await.unwrap()
    } else {
        cluster.helm(arguments).await.unwrap()
    };
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn kubectl_and_helm_know_every_verb_and_flag() {
    let cluster = testbed::shared().await.unwrap();
    let everywhere = cluster.kubectl(["options"]).await.unwrap();
    let everywhere = String::from_utf8_lossy(&everywhere.stdout).into_owned();
    let mut asked = BTreeMap::<String, Option<String>>::new();
    let mut wrong = Vec::new();
    for (place, words) in all() {
        let program = program(&words);
        let ours = words.get(1).is_some_and(|word| word == "stagecraft");
        if !["kubectl", "helm"].contains(&program) || (ours && program == "kubectl") {
            continue;
        }
        let (verbs, flags) = split(&words);
        let several = ["rollout", "auth", "config", "create", "set", "show"];
        let depth = if verbs.first().is_some_and(|verb| several.contains(verb)) { 2 } else { 1 };
        // `kubectl -n NAME get`: the value of a flag in front is no verb.
        let verbs: Vec<&str> = if words.get(1).is_some_and(|word| word == "-n" || word == "--namespace") {
            verbs.into_iter().skip(1).take(depth).collect()
        } else {
            verbs.into_iter().take(depth).collect()
        };
        let key = format!("{program} {}", verbs.join(" "));
        if !asked.contains_key(&key) {
            asked.insert(key.clone(), help(cluster, program, &verbs).await);
        }
        let Some(help) = &asked[&key] else {
            wrong.push(format!("{place}: there is no command {key}"));
            continue;
        };
        for flag in flags {
            let name = flag.split('=').next().unwrap_or(flag);
            let text = if program == "kubectl" { format!("{help}{everywhere}") } else { help.clone() };
            let known = ["=", ",", " ", "\n"].iter().any(|end| text.contains(&format!("{name}{end}")));
            if !known {
                wrong.push(format!("{place}: {key} has no flag {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked.len() > 8, "{:?}", asked.keys());
}

#[test]
fn targets_packages_and_files_that_are_named_are_there() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let workspace = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut wrong = Vec::new();
    for (place, words) in all() {
        let arguments = words.iter().skip(1);
        match program(&words) {
            "make" => {
                for target in arguments.clone().filter(|word| !word.contains('=') && !word.starts_with('-')) {
                    if !makefile.contains(&format!("\n{target}: ## ")) {
                        wrong.push(format!("{place}: make has no target {target}"));
                    }
                }
            }
            "cargo" => {
                let package = words.iter().skip_while(|word| *word != "-p").nth(1);
                if package.is_some_and(|package| !workspace.contains(&format!("name = \"{package}\"\n"))) {
                    wrong.push(format!("{place}: {}", words.join(" ")));
                }
            }
            _ => {}
        }
        for word in arguments {
            let path = word.trim_start_matches("file://");
            let of_ours = ["docs/", "examples/", "charts/", "crds/", "argocd/", "scripts/"];
            if of_ours.iter().any(|folder| path.starts_with(folder)) && !root().join(path).exists() {
                wrong.push(format!("{place}: there is no {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The real shell reads what is written for it.
#[test]
fn bash_can_read_every_script() {
    for found in found().iter().filter(|found| check(found) == Ok(Check::Shell)) {
        let output = std::process::Command::new("bash").args(["-n", "-c", &found.block.text]).output().unwrap();
        assert!(output.status.success(), "{}: {}", found.place(), String::from_utf8_lossy(&output.stderr));
    }
}
