//! The checklist: every fact by section, with the rows that show it or the reason why there is none.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::facts::{Facts, FactsError};

const FILE: &str = include_str!("../../facts/coverage.toml");

/// Facts by section.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Coverage {
    /// By number of the section.
    pub sections: BTreeMap<String, Vec<Covered>>,
}

/// One fact on the list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Covered {
    /// The fact in a few words.
    pub fact: String,
    /// Ids of the rows that show it.
    #[serde(default)]
    pub rows: Vec<String>,
    /// Why no row does.
    pub not_a_row: Option<String>,
}

impl Coverage {
    /// Reads the list.
    ///
    /// # Errors
    ///
    /// [`FactsError::Unreadable`] where it is not of the form above.
    pub fn load() -> Result<Self, FactsError> {
        toml::from_str(FILE)
            .map_err(|cause| FactsError::Unreadable { file: "coverage.toml".to_owned(), cause: Box::new(cause) })
    }

    /// What is wrong between the list and the rows: an id that one of them does not know, a fact with neither rows
    /// nor a reason, or with both.
    #[must_use]
    pub fn gaps(&self, facts: &Facts) -> Vec<String> {
        let known: BTreeSet<&str> = facts.rows.iter().map(|row| row.id.as_str()).collect();
        let mut used = BTreeSet::new();
        let mut gaps = Vec::new();
        for (section, covered) in &self.sections {
            for Covered { fact, rows, not_a_row } in covered {
                if rows.is_empty() == not_a_row.is_none() {
                    gaps.push(format!("{section}, {fact}: either rows or a reason why there is none"));
                }
                for id in rows {
                    used.insert(id.as_str());
                    if !known.contains(id.as_str()) {
                        gaps.push(format!("{section}, {fact}: there is no row {id}"));
                    }
                }
            }
        }
        gaps.extend(known.difference(&used).map(|id| format!("row {id} is no fact of the list")));
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_told_both_ways() {
        let text = r#"
            "3.2" = [
                { fact = "shown", rows = ["3.2-a"] },
                { fact = "gone", rows = ["3.2-b"] },
                { fact = "neither" },
                { fact = "both", rows = ["3.2-a"], not-a-row = "advice" },
            ]
        "#;
        let coverage: Coverage = toml::from_str(text).unwrap();
        let row = |id: &str| {
            format!("id = '{id}'\nsection = '3.2'\nevidence = 'S'\nclaim = 'x'\nsteps = [{{ advance = 1.0 }}]")
        };
        let facts =
            Facts { rows: ["3.2-a", "3.2-c"].map(|id| toml::from_str(&row(id)).unwrap()).into(), ..Facts::default() };
        assert_eq!(
            coverage.gaps(&facts),
            [
                "3.2, gone: there is no row 3.2-b",
                "3.2, neither: either rows or a reason why there is none",
                "3.2, both: either rows or a reason why there is none",
                "row 3.2-c is no fact of the list"
            ]
        );
    }
}
