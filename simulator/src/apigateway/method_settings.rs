//! Method settings: entries by the path text that was sent, still escaped.

use serde::Serialize;

use crate::switches::Switches;

/// One entry of `methodSettings`. All members but `loggingLevel` are always there.
#[expect(clippy::struct_excessive_bools, reason = "AWS has these members")]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MethodSetting {
    pub(crate) metrics_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logging_level: Option<String>,
    pub(crate) data_trace_enabled: bool,
    /// -1 for "not limited here".
    pub(crate) throttling_burst_limit: i32,
    /// Requests a second; -1.0 for "not limited here".
    pub(crate) throttling_rate_limit: f64,
    pub(crate) caching_enabled: bool,
    pub(crate) cache_ttl_in_seconds: i32,
    pub(crate) cache_data_encrypted: bool,
    pub(crate) require_authorization_for_cache_control: bool,
    pub(crate) unauthorized_cache_control_header_strategy: String,
}

impl MethodSetting {
    /// A fresh entry where there is no `*/*` to take it from.
    pub(crate) fn fresh(switches: &Switches) -> Self {
        Self {
            metrics_enabled: false,
            logging_level: None,
            data_trace_enabled: false,
            throttling_burst_limit: switches.default_throttling_burst_limit,
            throttling_rate_limit: switches.default_throttling_rate_limit,
            caching_enabled: false,
            cache_ttl_in_seconds: 300,
            cache_data_encrypted: false,
            require_authorization_for_cache_control: true,
            unauthorized_cache_control_header_strategy: "SUCCEED_WITH_RESPONSE_HEADER".to_owned(),
        }
    }

    /// A fresh entry taken from the present `*/*`. Whether the log level comes along is switch 29.
    pub(crate) fn seeded(all_methods: &Self, switches: &Switches) -> Self {
        let logging_level = all_methods.logging_level.clone().filter(|_| switches.seed_logging_level);
        Self { logging_level, ..all_methods.clone() }
    }
}
