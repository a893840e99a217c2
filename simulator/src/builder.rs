//! How a simulator is made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::call_log::CallLog;
use crate::clock::Clock;
use crate::faults::FaultPlan;
use crate::ids::Ids;
use crate::overlaps::Overlaps;
use crate::quota::Quota;
use crate::simulator::{Inner, Simulator, State};
use crate::switches::Switches;
use crate::world::{IssuedKeys, Place};

/// Settings of a new simulator.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    account: String,
    region: String,
    seed: u64,
    clock: Clock,
    switches: Switches,
    quota: bool,
    cache_delay: Duration,
}

impl Builder {
    /// The account of callers whose key was not issued by this simulator; 12 digits. By default 123456789012.
    pub fn account(mut self, account: &str) -> Self {
        account.clone_into(&mut self.account);
        self
    }

    /// The Region of the library's own calls and of unsigned ones. By default eu-west-1.
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// Seed of everything random. By default 1.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The clock. By default a manual one.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Positions of the switches.
    pub fn switches(mut self, switches: Switches) -> Self {
        self.switches = switches;
        self
    }

    /// Whether AWS's request quotas hold. By default they do not.
    pub fn quota(mut self, on: bool) -> Self {
        self.quota = on;
        self
    }

    /// How long a cache cluster takes to be created, deleted or flushed. By default 240 seconds.
    pub fn cache_delay(mut self, delay: Duration) -> Self {
        self.cache_delay = delay;
        self
    }

    /// Makes the simulator.
    #[must_use]
    pub fn build(self) -> Simulator {
        let state = State {
            regions: BTreeMap::new(),
            before_last_write: BTreeMap::new(),
            issued_keys: IssuedKeys::new(),
            switches: self.switches,
            quota: Quota::new(self.quota),
            overlaps: Overlaps::default(),
            calls: CallLog::default(),
            ids: Ids::seeded(self.seed),
            request_ids: Ids::seeded(self.seed.wrapping_add(1)),
        };
        let default_place = Place { account: self.account, region: self.region };
        let inner = Inner {
            clock: self.clock,
            default_place,
            cache_delay: self.cache_delay,
            seed: self.seed,
            faults: Mutex::new(FaultPlan::seeded(self.seed)),
            hook: Mutex::new(None),
            state: Mutex::new(state),
        };
        Simulator { inner: Arc::new(inner) }
    }
}

impl Simulator {
    /// Settings for a new simulator.
    pub fn builder() -> Builder {
        Builder {
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            seed: 1,
            clock: Clock::manual(),
            switches: Switches::default(),
            quota: false,
            cache_delay: Duration::from_mins(4),
        }
    }
}
