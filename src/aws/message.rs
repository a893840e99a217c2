//! AWS's texts, made fit for conditions, events and logs: one line, bounded, without values and request ids.

/// Longest text that is kept, in characters. AWS's list of patch paths alone has 1,300 and helps nobody.
const LONGEST: usize = 400;

/// One clean line. `variables` are those that the call sent.
pub(super) fn clean(text: &str, variables: &[(&str, &str)]) -> String {
    let text = without_variable_value(text, variables);
    let text = without_mapping_values(&text, variables);
    let text = without_quoted_values(&text);
    // Front ends in Java append "(Service: …; Request ID: …)": it makes every message another one.
    let text = text.split_once("(Service:").map_or(text.as_str(), |(before, _)| before);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Whether AWS speaks of the name or the value of a stage variable. Such a text echoes what the user wrote, so no other
/// pattern is looked for in it.
pub(super) fn speaks_of_a_variable(text: &str) -> bool {
    text.starts_with("Invalid stage variable ")
}

/// Whether AWS speaks of a mapping of a gateway response; such a text echoes what the user wrote, too.
pub(super) fn speaks_of_a_mapping(text: &str) -> bool {
    text.contains("mapping expression")
}

/// Takes values out of "Invalid mapping expression specified: …", which echoes them, and names their keys instead.
fn without_mapping_values(text: &str, sent: &[(&str, &str)]) -> String {
    if !speaks_of_a_mapping(text) {
        return text.to_owned();
    }
    let mut sent: Vec<_> = sent.iter().filter(|(_, value)| !value.is_empty()).collect();
    // A value may hold another one.
    sent.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    sent.into_iter().fold(text.to_owned(), |text, (key, value)| text.replace(value, &format!("(the value of {key})")))
}

/// Takes the echoed value out of "Invalid stage variable value: {value}.  Please use values with …" and names the
/// variable instead. Values stay in spec (design: rule 4 for every field).
fn without_variable_value(text: &str, variables: &[(&str, &str)]) -> String {
    const BEFORE: &str = "Invalid stage variable value";
    const AFTER: &str = "Please use values";
    let Some(rest) = text.strip_prefix(BEFORE) else { return text.to_owned() };
    // The last occurrence: a value may hold the words too.
    let (echo, advice) = match rest.rfind(AFTER) {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at..).unwrap_or_default()),
        None => (rest, ""),
    };
    let echo = echo.trim_start_matches(':').trim().trim_end_matches('.');
    let keys: Vec<_> = variables.iter().filter(|(_, value)| *value == echo).map(|(key, _)| *key).collect();
    if keys.is_empty() { format!("{BEFORE}. {advice}") } else { format!("{BEFORE} of {}. {advice}", keys.join(", ")) }
}

/// Takes every value out of "Value '{value}' at '{path}' failed to satisfy constraint: …".
fn without_quoted_values(text: &str) -> String {
    const BEFORE: &str = "Value '";
    const AFTER: &str = "' at '";
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((before, from_value)) = rest.split_once(BEFORE) {
        let Some((_, after)) = from_value.split_once(AFTER) else { break };
        kept.push_str(before);
        kept.push_str("Value at '");
        rest = after;
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_variable_is_named_and_its_value_is_not_shown() {
        let sent = [("PASSWORD", "hunter 2"), ("HOST", "db.internal")];
        let cases = [
            (
                "the value becomes the key",
                "Invalid stage variable value: hunter 2.  Please use values with alphanumeric characters and the symbols ' ', -'.",
                "Invalid stage variable value of PASSWORD. Please use values with alphanumeric characters and the symbols ' ', -'.",
            ),
            (
                "a value that was not sent disappears too",
                "Invalid stage variable value: something else.  Please use values with care.",
                "Invalid stage variable value. Please use values with care.",
            ),
            (
                "a value that holds AWS's words is cut at the last of them",
                "Invalid stage variable value: a.  Please use values b.  Please use values with care.",
                "Invalid stage variable value. Please use values with care.",
            ),
            (
                "a text that AWS has changed shows nothing",
                "Invalid stage variable value: hunter 2",
                "Invalid stage variable value of PASSWORD. ",
            ),
            (
                "names are no secret",
                "Invalid stage variable name: a-b.  Please use names with only word characters.",
                "Invalid stage variable name: a-b. Please use names with only word characters.",
            ),
        ];
        for (reason, text, expected) in cases {
            assert_eq!(clean(text, &sent), expected.trim_end(), "{reason}");
        }
    }

    #[test]
    fn a_refused_mapping_is_named_and_its_value_is_not_shown() {
        let sent = [("gatewayresponse.header.a", "'se cret'"), ("gatewayresponse.header.b", "'se cret' and more")];
        assert_eq!(
            clean("Invalid mapping expression specified: 'se cret' and more", &sent),
            "Invalid mapping expression specified: (the value of gatewayresponse.header.b)"
        );
    }

    #[test]
    fn validation_texts_keep_the_path_and_lose_the_value() {
        assert_eq!(
            clean(
                "2 validation errors detected: Value 'se cret' at 'createStageInput.variables' failed to satisfy constraint: \
                 x; Value 'wrong' at 'updateStageInput.patchOperations.1.member.op' failed to satisfy constraint: y",
                &[],
            ),
            "2 validation errors detected: Value at 'createStageInput.variables' failed to satisfy constraint: x; \
             Value at 'updateStageInput.patchOperations.1.member.op' failed to satisfy constraint: y"
        );
    }

    #[test]
    fn a_text_is_one_bounded_line_without_a_request_id() {
        assert_eq!(clean("two\n lines  and a blank ", &[]), "two lines and a blank");
        assert_eq!(clean("No (Service: ApiGateway, Status Code: 400, Request ID: 5a1f)", &[]), "No");
        let long = clean(&"ü".repeat(5_000), &[]);
        assert_eq!((long.chars().count(), long.chars().last()), (LONGEST + 1, Some('…')));
    }
}
