//! A request as it came in, taken apart once.

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

/// The largest request body that is read: 10 MiB.
///
/// AWS's own limit for the control plane is not documented; a larger body is refused with a sentence.
pub(crate) const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// A request, its path split and decoded.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// As sent, still percent-encoded, without the query.
    pub(crate) path: String,
    /// Path and query, as sent.
    target: String,
    /// Decoded one by one, so that an encoded `/` stays inside its segment. Empty ones are left out.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Incoming {
    pub(crate) fn new(request: http::Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let target = parts.uri.path_and_query().map_or_else(|| path.clone(), ToString::to_string);
        let query = parts.uri.query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { method: parts.method, path, target, segments, query, headers: parts.headers, body }
    }

    /// A request of the library itself, signed as nobody in particular.
    pub(crate) fn signed_by_hand(mut request: http::Request<Bytes>, region: &str) -> Self {
        let scope = format!("console/20260101/{region}/apigateway/aws4_request");
        let header = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={:064}", 0);
        if let Ok(header) = http::HeaderValue::from_str(&header) {
            request.headers_mut().insert(http::header::AUTHORIZATION, header);
        }
        Self::new(request)
    }

    /// Path and query, as sent.
    pub(crate) fn target(&self) -> String {
        self.target.clone()
    }

    /// Bytes of the target, the headers' values and the body together.
    pub(crate) fn size(&self) -> usize {
        let headers = self.headers.values().map(http::HeaderValue::len);
        headers.chain([self.target.len(), self.body.len()]).fold(0, usize::saturating_add)
    }

    /// The first value of this header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first value of this query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Matches decoded segments with a pattern such as `/restapis/{restapi_id}/stages/{stage_name}`; a last `{name+}`
/// takes all that is left. Gives the values in the order of the pattern.
pub(crate) fn match_path(pattern: &'static str, segments: &[String]) -> Option<Vec<(&'static str, String)>> {
    let mut values = Vec::new();
    let mut rest = segments.iter();
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix("+}")) {
            let tail: Vec<&str> = rest.by_ref().map(String::as_str).collect();
            if tail.is_empty() {
                return None;
            }
            values.push((name, tail.join("/")));
            return Some(values);
        }
        let segment = rest.next()?;
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => values.push((name, segment.clone())),
            None if part == segment => {}
            None => return None,
        }
    }
    rest.next().is_none().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_slash_stays_in_its_segment_and_a_greedy_parameter_takes_the_rest() {
        let request = http::Request::get("/tags/arn%3Aaws%3A%3A%2Frestapis%2Fa?tagKeys=x%20y&tagKeys=z")
            .body(Bytes::new())
            .unwrap();
        let incoming = Incoming::new(request);
        assert_eq!(incoming.segments, ["tags", "arn:aws::/restapis/a"]);
        assert_eq!(incoming.query, [("tagKeys".into(), "x y".into()), ("tagKeys".to_owned(), "z".to_owned())]);
        let plain = ["tags", "arn:aws::", "restapis", "a"].map(str::to_owned);
        assert_eq!(match_path("/tags/{arn+}", &plain), Some(vec![("arn", "arn:aws::/restapis/a".to_owned())]));
        assert_eq!(match_path("/tags/{arn+}", &plain[..1]), None);
    }

    #[test]
    fn a_pattern_matches_whole_paths_only() {
        let path = ["restapis", "a1"].map(str::to_owned);
        assert_eq!(match_path("/restapis/{id}", &path), Some(vec![("id", "a1".to_owned())]));
        assert_eq!(match_path("/restapis", &path), None);
        assert_eq!(match_path("/restapis/{id}/stages", &path), None);
    }
}
