//! `charts/stagecraft/README.md`: its table of values is made from the comments of `values.yaml`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::world::CHART;

/// The table is between these lines; the rest is written by hand.
const BEGIN: &str = "<!-- values: make chart-readme -->\n";
const END: &str = "<!-- end of values -->\n";

/// A value that users may set.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    /// With dots: `image.tag`.
    path: String,
    default: String,
    comment: String,
}

#[test]
fn the_readme_has_every_value_with_its_comment_and_default() {
    let readme = read("README.md");
    assert!(readme == made(&readme), "run `make chart-readme`, look at the difference and commit it");
}

/// Not a test: `make chart-readme` runs it.
#[test]
#[ignore = "writes charts/stagecraft/README.md"]
fn write_the_readme() {
    std::fs::write(Path::new(CHART).join("README.md"), made(&read("README.md"))).unwrap();
}

#[test]
fn the_schema_knows_the_same_values_and_no_others() {
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let mut known = Vec::new();
    leaves(&schema, "", &mut known);
    known.sort();
    // What Helm hands down from a chart around this one.
    known.retain(|path| path != "global");
    let mut documented: Vec<_> = rows().into_iter().map(|row| row.path).collect();
    documented.sort();
    assert_eq!(documented, known);
}

/// Values without properties of their own in the schema. An object with some must refuse all others.
fn leaves(schema: &Value, path: &str, found: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else {
        found.push(path.to_owned());
        return;
    };
    assert_eq!(schema["additionalProperties"], false, "{path} takes any key");
    for (name, property) in properties {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        leaves(property, &path, found);
    }
}

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(CHART).join(file)).unwrap()
}

fn made(readme: &str) -> String {
    let (before, rest) = readme.split_once(BEGIN).expect("the table has a beginning");
    let (_, after) = rest.split_once(END).expect("the table has an end");
    let mut table = String::from("\n| value | default | meaning |\n| --- | --- | --- |\n");
    for Row { path, default, comment } in rows() {
        let comment = comment.replace('|', "\\|");
        writeln!(table, "| `{path}` | `{default}` | {comment} |").unwrap();
    }
    format!("{before}{BEGIN}{table}\n{END}{after}")
}

/// The commented keys of `values.yaml`, in its order. A key without a comment must hold commented ones.
fn rows() -> Vec<Row> {
    let text = read("values.yaml");
    let values: Value = serde_saphyr::from_str(&text).unwrap();
    let mut rows: Vec<Row> = Vec::new();
    // Keys that the present line is below of, with how far each is indented.
    let mut parents: Vec<(usize, &str)> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in text.lines() {
        let content = line.trim_start();
        let indentation = line.len() - content.len();
        if let Some(said) = content.strip_prefix("# ") {
            comment.push(said);
            continue;
        }
        let said = std::mem::take(&mut comment).join(" ");
        let Some((key, _)) = content.split_once(':') else { continue };
        parents.retain(|(parent, _)| *parent < indentation);
        parents.push((indentation, key));
        let path = parents.iter().map(|(_, key)| *key).collect::<Vec<_>>().join(".");
        // What is below a value that has its comment belongs to its default.
        if rows.iter().any(|row| path.starts_with(&format!("{}.", row.path))) {
            continue;
        }
        let default = values.pointer(&format!("/{}", path.replace('.', "/"))).unwrap();
        if said.is_empty() {
            assert!(default.is_object(), "{path} has no comment");
            continue;
        }
        rows.push(Row { path, default: default.to_string(), comment: said });
    }
    rows
}
