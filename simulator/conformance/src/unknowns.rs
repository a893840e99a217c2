//! What AWS answered to the unknowns, as a table for people.

use std::fmt::Write as _;

use crate::facts::Facts;
use crate::player::Observation;

/// A Markdown table *unknown -> observed*, in the order of the unknowns' numbers.
#[must_use]
pub fn table(facts: &Facts, observations: &[Observation], place: &str) -> String {
    let mut ordered: Vec<&Observation> = observations.iter().collect();
    ordered.sort_by_key(|observation| observation.unknown);
    let mut text = format!(
        "# What {place} answered\n\nEach row asks one question that AWS's documentation leaves open. *Observed* is the \
         simulator's answer that fits every reply; please report what fits none.\n\n\
         | # | Question | Observed | Replies | The simulator's default |\n| --- | --- | --- | --- | --- |\n"
    );
    for Observation { unknown, question, row, answers, seen } in ordered {
        let observed = if answers.is_empty() { "**something new**".to_owned() } else { answers.join(" *or* ") };
        let default = facts.rows.iter().find(|known| known.id == *row);
        let default = default.and_then(|known| known.answer.as_deref()).unwrap_or_default();
        let seen: Vec<String> = seen.iter().map(|reply| format!("`{}`", cell(reply))).collect();
        let (question, observed, seen) = (cell(question), cell(&observed), seen.join(", "));
        // Writing to a String does not fail.
        writeln!(text, "| {unknown} | {question} | {observed} | {seen} | {} |", cell(default)).ok();
    }
    text
}

/// A text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_their_numbers() {
        let observed = |unknown, answers: &[&str]| Observation {
            unknown,
            question: format!("q{unknown}?"),
            row: format!("10-{unknown}"),
            answers: answers.iter().map(|answer| (*answer).to_owned()).collect(),
            seen: vec!["400 BadRequestException: a|b".to_owned()],
        };
        let text = table(&Facts::default(), &[observed(8, &["404"]), observed(1, &[])], "this account");
        let rows: Vec<&str> = text.lines().rev().take(2).collect();
        assert_eq!(
            rows,
            [
                "| 8 | q8? | 404 | `400 BadRequestException: a\\|b` |  |",
                "| 1 | q1? | **something new** | `400 BadRequestException: a\\|b` |  |"
            ]
        );
    }
}
