//! Times as people tell them: one unit, the largest that says enough.

use std::time::Duration;

use jiff::Timestamp;

/// A span in one unit: `45s`, `7m`, `3h`, `6d`. Each unit begins at two of it, so that little is lost.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How long ago it was, by the same measure. A clock that is behind makes it now.
#[must_use]
pub fn since(then: Timestamp, now: Timestamp) -> String {
    span(Duration::try_from(now.duration_since(then)).unwrap_or_default())
}

/// How long it is still, `None` where it is over.
#[must_use]
pub fn until(then: Timestamp, now: Timestamp) -> Option<String> {
    Duration::try_from(then.duration_since(now)).ok().filter(|left| left.as_millis() > 0).map(|left| {
        // Rounded up: "0s to go" is not to be read while it waits.
        span(left + Duration::from_millis(999))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_one_unit() {
        let cases =
            [(0, "0s"), (119, "119s"), (120, "2m"), (7_199, "119m"), (7_200, "2h"), (172_799, "47h"), (172_800, "2d")];
        for (seconds, text) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn what_is_over_has_no_time_left() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(until(at(100), at(40)).as_deref(), Some("60s"));
        assert_eq!(until(at(100), at(100)), None);
        assert_eq!(until(at(100), at(101)), None);
        assert_eq!(since(at(100), at(40)), "0s");
    }
}
