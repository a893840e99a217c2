//! Plays facts about Amazon API Gateway: each is a row of requests with the exact replies that AWS gives.
//!
//! The rows are data (`simulator/facts/*.toml`); [`facts`] reads them, [`player`] plays them with any of the
//! [`client`]s, and [`coverage`] holds the list of facts against the rows. The program `conformance` plays them against
//! any endpoint, or against a real account.

pub mod bindings;
pub mod client;
pub mod connect;
pub mod coverage;
pub mod exchange;
pub mod facts;
pub mod matching;
pub mod pace;
pub mod player;
pub mod unknowns;
