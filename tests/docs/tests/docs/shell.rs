//! Shell as the documentation writes it, taken apart into commands.

/// One command: the words of a program and its arguments. Variables, substitutions and redirections are words like others.
pub(crate) type Words = Vec<String>;

/// The commands of a script. A line that the shell joins is one line, and what is between quotes is one word.
pub(crate) fn commands(script: &str) -> Result<Vec<Words>, String> {
    let mut commands = Vec::new();
    for line in script.replace("\\\n", " ").lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        for part in parts(line) {
            let words = shlex::split(&part).ok_or_else(|| format!("quotes that do not end: {line}"))?;
            commands.extend(command(words));
        }
    }
    Ok(commands)
}

/// The parts of a line between `|`, `&&`, `||`, `;` and `&`, quotes respected, comments and substitutions cut out; the commands in
/// substitutions are parts of their own.
fn parts(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut inner = Vec::new();
    let mut quote = None;
    let mut rest = line.chars().peekable();
    while let Some(character) = rest.next() {
        match (quote, character) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None | Some('"'), '$') if rest.peek() == Some(&'(') => {
                rest.next();
                let mut depth = 1;
                let mut substituted = String::new();
                for character in rest.by_ref() {
                    match character {
                        '(' => depth += 1,
                        ')' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                    substituted.push(character);
                }
                inner.push(substituted);
                last(&mut parts).push_str("SUBSTITUTED");
                continue;
            }
            (None, '#') if last(&mut parts).ends_with(' ') || last(&mut parts).is_empty() => break,
            (None, '|' | ';' | '&') => {
                parts.push(String::new());
                continue;
            }
            (_, _) => {}
        }
        last(&mut parts).push(character);
    }
    parts.extend(inner.iter().flat_map(|inner| self::parts(inner)));
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

fn last(parts: &mut Vec<String>) -> &mut String {
    if parts.is_empty() {
        parts.push(String::new());
    }
    let index = parts.len() - 1;
    &mut parts[index]
}

/// The words without assignments in front and redirections behind; nothing for a line that only steers the shell.
fn command(words: Words) -> Option<Words> {
    const STEERS: [&str; 9] = ["do", "then", "else", "{", "!", "time", "}", "done", "fi"];
    let mut words = words.into_iter().skip_while(|word| {
        let is_assignment = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
        });
        is_assignment || STEERS.contains(&word.as_str())
    });
    let first = words.next()?;
    if ["for", "while", "if", "case", "function"].contains(&first.as_str()) || first.ends_with("()") {
        return None;
    }
    let rest = words.take_while(|word| !matches!(word.as_str(), ">" | ">>" | "<" | "2>&1") && !word.starts_with('>'));
    Some(std::iter::once(first).chain(rest).collect())
}

#[test]
fn a_script_is_taken_apart_as_a_shell_would() {
    let script = "# first\nKUBECONFIG=a kubectl get 'a | b' -o json | jq .x > out # last\nstagecraft run --x=1 &\nkubectl annotate \\\n  x y=$(date +%s)\nfor a in b; do\n  aws s3\ndone\n";
    let commands = commands(script).unwrap();
    let joined: Vec<_> = commands.iter().map(|words| words.join("·")).collect();
    assert_eq!(
        joined,
        [
            "kubectl·get·a | b·-o·json",
            "jq·.x",
            "stagecraft·run·--x=1",
            "kubectl·annotate·x·y=SUBSTITUTED",
            "date·+%s",
            "aws·s3",
        ]
    );
}
