//! `docs/rehearse.md` shows what the program prints.

use std::fs;
use std::path::PathBuf;

use crate::program::{printed, root};

const MANIFESTS: [&str; 4] = ["-f", "examples/rehearse/stage.yaml", "-f", "examples/rehearse/canary.yaml"];

/// The command of the document, and what it prints.
fn shown() -> (String, String) {
    let arguments = [&MANIFESTS[..], &["--scenario", "errors=3%", "--rpm", "1200", "--seed", "7"]].concat();
    (format!("$ kubectl stagecraft rehearse {}", arguments.join(" ")), printed(&arguments))
}

fn picture() -> (PathBuf, String) {
    let more = ["--scenario", "errors=3%@50", "--rpm", "1200", "--seed", "7", "-o", "svg"];
    (root().join("docs/rehearse.svg"), printed(&[&MANIFESTS[..], &more].concat()))
}

/// The document with the time line as it is now.
fn document() -> (PathBuf, String, String) {
    let path = root().join("docs/rehearse.md");
    let written = fs::read_to_string(&path).unwrap();
    let (command, output) = shown();
    let (before, rest) = written.split_once("```console\n").unwrap();
    let (_, after) = rest.split_once("```\n").unwrap();
    let anew = format!("{before}```console\n{command}\n{output}```\n{after}");
    (path, written, anew)
}

#[test]
fn the_document_shows_what_the_program_prints() {
    let (_, written, anew) = document();
    assert!(written == anew, "docs/rehearse.md is not what the program prints: run `make rehearse-docs`\n{anew}");
    let (path, picture) = picture();
    assert!(fs::read_to_string(path).unwrap() == picture, "docs/rehearse.svg is old: run `make rehearse-docs`");
}

#[test]
#[ignore = "it writes the document: `make rehearse-docs`"]
fn write_the_document() {
    let (path, _, anew) = document();
    fs::write(path, anew).unwrap();
    let (path, picture) = picture();
    fs::write(path, picture).unwrap();
}
