//! Identifiers as AWS makes them, drawn from a seed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// A reproducible stream of identifiers: the same seed and the same calls give the same ids.
#[derive(Debug)]
pub(crate) struct Ids {
    random: StdRng,
}

impl Ids {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed) }
    }

    /// Ten characters, as of a REST API.
    pub(crate) fn long(&mut self, taken: impl Fn(&str) -> bool) -> String {
        self.unused(10, taken)
    }

    /// Six characters, as of a resource, a deployment or a certificate.
    pub(crate) fn short(&mut self, taken: impl Fn(&str) -> bool) -> String {
        self.unused(6, taken)
    }

    /// `length` upper-case characters or digits, as the tail of an access key id.
    pub(crate) fn upper(&mut self, length: usize) -> String {
        self.draw(length).to_ascii_uppercase()
    }

    /// A random UUID, as of a request.
    pub(crate) fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.random.random()).into_uuid().to_string()
    }

    fn unused(&mut self, length: usize, taken: impl Fn(&str) -> bool) -> String {
        loop {
            let id = self.draw(length);
            if !taken(&id) {
                return id;
            }
        }
    }

    fn draw(&mut self, length: usize) -> String {
        (0..length)
            .filter_map(|_| ALPHABET.get(self.random.random_range(0..ALPHABET.len())))
            .map(|byte| char::from(*byte))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
        let draw = |seed| {
            let mut ids = Ids::seeded(seed);
            (ids.long(|_| false), ids.short(|_| false), ids.uuid())
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!((draw(1).0.len(), draw(1).1.len(), draw(1).2.len()), (10, 6, 36));
    }

    #[test]
    fn a_taken_id_is_not_given_again() {
        let first = Ids::seeded(7).short(|_| false);
        assert_ne!(Ids::seeded(7).short(|id| id == first), first);
    }
}
