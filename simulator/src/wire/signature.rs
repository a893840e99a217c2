//! Reads who signed a request and for which Region.
//!
//! The signature itself cannot be checked: the secret is not known here. What is checked is its form.

use crate::error::ApiError;
use crate::wire::request::Incoming;

const SCHEME: &str = "AWS4-HMAC-SHA256";

/// The credential scope of a well-formed `SigV4` `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
}

/// The scope of this request; `None` without an `Authorization` header.
pub(crate) fn scope(incoming: &Incoming) -> Result<Option<Scope>, ApiError> {
    let Some(header) = incoming.headers.get(http::header::AUTHORIZATION) else { return Ok(None) };
    match header.to_str().ok().and_then(parse) {
        Some(scope) => Ok(Some(scope)),
        None => Err(malformed()),
    }
}

/// What a request without signature is told.
pub(crate) fn missing() -> ApiError {
    ApiError::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
}

fn malformed() -> ApiError {
    ApiError::new(
        403,
        "InvalidSignatureException",
        "Authorization header is not of the form 'AWS4-HMAC-SHA256 \
         Credential={key}/{date}/{region}/{service}/aws4_request, SignedHeaders={names}, Signature={64 hex digits}'.",
    )
}

fn parse(header: &str) -> Option<Scope> {
    let parameters = header.strip_prefix(SCHEME)?;
    let value = |name: &str| {
        parameters.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=')).map(str::trim)
    };
    let signature = value("Signature")?;
    let hex = signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex || value("SignedHeaders")?.is_empty() {
        return None;
    }
    let mut credential = value("Credential")?.split('/');
    let (access_key_id, date, region) = (credential.next()?, credential.next()?, credential.next()?);
    let (service, terminator) = (credential.next()?, credential.next()?);
    let dated = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    let named = [access_key_id, region, service].iter().all(|part| !part.is_empty());
    (dated && named && terminator == "aws4_request" && credential.next().is_none())
        .then(|| Scope { access_key_id: access_key_id.to_owned(), region: region.to_owned() })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const SIGNATURE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_well_formed_header_tells_key_and_region() {
        let header = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDX/20260101/eu-west-1/apigateway/aws4_request, SignedHeaders=host;x-amz-date, Signature={SIGNATURE}"
        );
        assert_eq!(parse(&header), Some(Scope { access_key_id: "AKIDX".into(), region: "eu-west-1".into() }));
    }

    #[rstest]
    #[case::no_scheme("Bearer abc")]
    #[case::no_signature("AWS4-HMAC-SHA256 Credential=A/20260101/r/s/aws4_request, SignedHeaders=host")]
    #[case::short_signature(
        "AWS4-HMAC-SHA256 Credential=A/20260101/r/s/aws4_request, SignedHeaders=host, Signature=ab"
    )]
    #[case::no_region("AWS4-HMAC-SHA256 Credential=A/20260101, SignedHeaders=host, Signature=SIG")]
    #[case::bad_date("AWS4-HMAC-SHA256 Credential=A/today/r/s/aws4_request, SignedHeaders=host, Signature=SIG")]
    #[case::no_terminator("AWS4-HMAC-SHA256 Credential=A/20260101/r/s, SignedHeaders=host, Signature=SIG")]
    fn a_malformed_header_is_refused(#[case] header: &str) {
        assert_eq!(parse(&header.replace("SIG", SIGNATURE)), None);
    }
}
