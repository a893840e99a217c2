//! What the times of calls tell about the rate that their sender keeps to.

/// The most that arrived in any stretch of time beyond `rate` a second: at most the burst of a sender who keeps to both.
/// `arrivals` are seconds, in order.
pub fn most_at_once(arrivals: impl IntoIterator<Item = f64>, rate: f64) -> f64 {
    let mut arrivals = arrivals.into_iter().peekable();
    let Some(first) = arrivals.peek().copied() else { return 0.0 };
    let mut most: f64 = 0.0;
    // Calls before a stretch begins less what the rate allows until then, at its least so far.
    let mut least = f64::INFINITY;
    let mut before = 0.0;
    for at in arrivals {
        let allowed = (at - first) * rate;
        least = least.min(before - allowed);
        before += 1.0;
        most = most.max(before - allowed - least);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 5.0;

    /// As many calls as a full share gives in so many seconds.
    fn even(seconds: u32, burst: u32, rate: f64) -> Vec<f64> {
        let later = (1..=seconds * 10).map(|call| f64::from(call) / rate);
        (0..burst).map(|_| 0.0).chain(later).collect()
    }

    #[test]
    fn a_rate_that_is_kept_shows_its_burst_and_no_more() {
        assert!((most_at_once(even(60, 20, RATE), RATE) - 20.0).abs() < 1e-6);
        assert!((most_at_once([0.0, 100.0], RATE) - 1.0).abs() < 1e-6, "what is not used is not saved without end");
        assert!(most_at_once([], RATE).abs() < 1e-6);
    }

    #[test]
    fn a_rate_that_is_a_tenth_too_high_shows() {
        assert!(most_at_once(even(60, 20, 5.5), RATE) > 22.0);
    }

    #[test]
    fn a_second_burst_shows_wherever_it_is() {
        let mut calls = even(10, 20, RATE);
        let last = *calls.last().unwrap();
        calls.extend([last; 5]);
        assert!((most_at_once(calls, RATE) - 25.0).abs() < 1e-6);
    }
}
