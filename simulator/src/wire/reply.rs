//! What a caller gets: an answer, a part of one, or nothing at all.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};

/// The end of a call as its caller sees it.
#[derive(Debug)]
pub enum Reply {
    /// A whole HTTP response.
    Answer(Response<Bytes>),
    /// The response's headers promise the whole body, but only this many bytes of it arrive.
    Truncated {
        /// The response as it was meant.
        response: Response<Bytes>,
        /// Bytes of its body that arrive.
        kept: usize,
    },
    /// The connection ends without an answer. Whether the call had its effect is not to be seen from here.
    Dropped,
}

impl Reply {
    /// The whole response, if there is one.
    #[must_use]
    pub fn answer(self) -> Option<Response<Bytes>> {
        match self {
            Self::Answer(response) => Some(response),
            Self::Truncated { .. } | Self::Dropped => None,
        }
    }
}

/// A response with these parts. Invalid header values are left out rather than failing the call.
pub(crate) fn response(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let map: &mut HeaderMap = response.headers_mut();
    for (name, value) in headers {
        if let Ok(value) = http::HeaderValue::from_str(value) {
            map.insert(*name, value);
        }
    }
    response
}
