//! What AWS answers when it refuses: a status, a code and a text.

use std::borrow::Cow;

/// A refusal as AWS words it.
///
/// How it is written on the wire (JSON with `x-amzn-ErrorType`, or STS's XML) is the service's business.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub struct ApiError {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// Name of the exception, e.g. `NotFoundException`.
    pub code: Cow<'static, str>,
    /// The text for people, verbatim as recorded from AWS where a recording exists.
    pub message: String,
    /// Whole seconds after which a throttled call may succeed; becomes the header `Retry-After`.
    pub retry_after_seconds: Option<u64>,
}

impl ApiError {
    /// A refusal with any status and code.
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), retry_after_seconds: None }
    }

    /// The same refusal with a `Retry-After` of so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFoundException", message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ConflictException", message)
    }

    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new(400, "SerializationException", message)
    }

    /// All violations that the front end found, as one refusal.
    ///
    /// Source: recorded on several Update operations (aws-facts 2.3).
    pub(crate) fn validation(violations: &[String]) -> Self {
        let plural = if violations.len() == 1 { "error" } else { "errors" };
        let text = format!("{} validation {plural} detected: {}", violations.len(), violations.join("; "));
        Self::new(400, "ValidationException", text)
    }

    /// Two writers met.
    pub(crate) fn concurrent_modification() -> Self {
        Self::conflict("Unable to complete operation due to concurrent modification. Please try again later.")
    }

    pub(crate) fn too_many_requests() -> Self {
        Self::new(429, "TooManyRequestsException", "Too Many Requests")
    }
}
