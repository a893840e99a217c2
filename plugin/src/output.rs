//! Where things are printed, and in which form.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use serde::Serialize;
use stagecraft::run::BoxError;

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Output {
    /// For programs: json, with times in RFC 3339 [default: text, for people]
    #[arg(short = 'o', long = "output", value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
}

impl Output {
    /// Whether programs read it.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.format == Some(Format::Json)
    }
}

/// Prints a text as it is, at once.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints something for programs.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn print_json(value: &impl Serialize) -> Result<(), BoxError> {
    Ok(print(&format!("{}\n", serde_json::to_string_pretty(value)?))?)
}
