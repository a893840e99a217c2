//! Plays many releases whose truth is known, and fails where the sequential test breaks its promise: `make bench`.
//!
//! Each row is a rate of traffic and the two sides' true error rates. Its releases are drawn minute by minute and judged by
//! four rules on the same draws. The sequential one is the operator's own code, and a sample of each row goes through whole
//! checks besides. Seeds are fixed: the same program prints the same table.

mod checks;
mod guidance;
mod picture;
mod play;
mod rows;
mod rules;
mod tally;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rows::Row;
use tally::Measured;

fn main() -> ExitCode {
    match bench() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Where even this cannot be written, the exit code still tells.
            writeln!(io::stderr(), "error: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

/// Whether all promises are kept. With `--svg PATH` the picture of `docs/analysis.md` is written, too; with `--guidance PATH`
/// its tables are, and nothing else is done.
fn bench() -> io::Result<bool> {
    let mut arguments = std::env::args().skip(1);
    let picture = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => None,
        (Some("--svg"), Some(path)) => Some(path),
        (Some("--guidance"), Some(path)) => return guidance::write(Path::new(&path)).map(|()| true),
        _ => return Err(io::Error::other("the options are --svg PATH and --guidance PATH")),
    };
    let rows = rows::all();
    let measured = measure(&rows);
    let mut out = io::stdout().lock();
    let mut broken = Vec::new();
    let mut scene = None;
    for (row, measured) in rows.iter().zip(&measured) {
        if scene != Some(row.scene) {
            scene = Some(row.scene);
            write!(out, "\n{}\n{}", row.scene.title(), tally::heading())?;
        }
        let promises = row.broken_promises(measured);
        writeln!(out, "{}{}", tally::line(row, measured), if promises.is_empty() { "" } else { "  BROKEN" })?;
        broken.extend(promises.into_iter().map(|promise| format!("{}: {promise}", row.name())));
    }
    let releases: u64 = measured.iter().map(|measured| measured.releases).sum();
    writeln!(out, "\n{} rows, {releases} releases, {} promises broken", rows.len(), broken.len())?;
    for promise in &broken {
        writeln!(out, "  {promise}")?;
    }
    out.flush()?;
    if let Some(path) = picture {
        std::fs::write(path, picture::draw(&rows, &measured))?;
    }
    Ok(broken.is_empty())
}

/// Plays all rows, on all CPUs.
fn measure(rows: &[Row]) -> Vec<Measured> {
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut measured: Vec<(usize, Measured)> = thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            while let Some((index, row)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|index| Some((index, rows.get(index)?)))
            {
                done.push((index, play::row(row)));
            }
            done
        };
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    measured.sort_by_key(|(index, _)| *index);
    measured.into_iter().map(|(_, measured)| measured).collect()
}
