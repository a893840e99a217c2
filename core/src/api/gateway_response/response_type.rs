//! The types of gateway responses, with what API Gateway answers by default.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! response_types {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $status:expr;)+) => {
        /// A type of gateway response. Source: API Gateway developer guide, "Gateway response types".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub enum ResponseType {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl ResponseType {
            /// All of them, in alphabetical order.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// AWS's name of it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The HTTP status while nobody customised the type; `None` for the two families, which have none of their own.
            #[must_use]
            pub fn default_status(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => $status,)+
                }
            }
        }
    };
}

response_types! {
    /// An authorizer denied the call.
    AccessDenied = "ACCESS_DENIED", Some("403");
    /// The API's configuration is invalid.
    ApiConfigurationError = "API_CONFIGURATION_ERROR", Some("500");
    /// The authorizer's configuration is invalid.
    AuthorizerConfigurationError = "AUTHORIZER_CONFIGURATION_ERROR", Some("500");
    /// The authorizer failed.
    AuthorizerFailure = "AUTHORIZER_FAILURE", Some("500");
    /// The body does not match the request validator's model.
    BadRequestBody = "BAD_REQUEST_BODY", Some("400");
    /// A parameter does not pass the request validator.
    BadRequestParameters = "BAD_REQUEST_PARAMETERS", Some("400");
    /// What every 4XX type shows that nobody customised.
    Default4xx = "DEFAULT_4XX", None;
    /// What every 5XX type shows that nobody customised.
    Default5xx = "DEFAULT_5XX", None;
    /// The caller's token has expired.
    ExpiredToken = "EXPIRED_TOKEN", Some("403");
    /// The backend failed.
    IntegrationFailure = "INTEGRATION_FAILURE", Some("504");
    /// The backend did not answer in time.
    IntegrationTimeout = "INTEGRATION_TIMEOUT", Some("504");
    /// The API key is not valid for the method.
    InvalidApiKey = "INVALID_API_KEY", Some("403");
    /// The signature is invalid.
    InvalidSignature = "INVALID_SIGNATURE", Some("403");
    /// There is no token; also what an unknown path gets.
    MissingAuthenticationToken = "MISSING_AUTHENTICATION_TOKEN", Some("403");
    /// A usage plan's quota is used up.
    QuotaExceeded = "QUOTA_EXCEEDED", Some("429");
    /// The request is too large. API Gateway does not honour every customisation of it.
    RequestTooLarge = "REQUEST_TOO_LARGE", Some("413");
    /// The resource is not there, although the request was authorized.
    ResourceNotFound = "RESOURCE_NOT_FOUND", Some("404");
    /// The call was throttled.
    Throttled = "THROTTLED", Some("429");
    /// A custom or Cognito authorizer found the caller unknown.
    Unauthorized = "UNAUTHORIZED", Some("401");
    /// The payload is of a media type that the API does not take.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", Some("415");
    /// WAF stopped the call.
    WafFiltered = "WAF_FILTERED", Some("403");
}

impl ResponseType {
    /// The type that AWS calls so; `None` for one that is newer than this code.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == text)
    }
}

impl fmt::Display for ResponseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: users' objects hold these names.
    #[test]
    fn every_type_is_spelled_as_aws_spells_it() {
        assert_eq!(ResponseType::ALL.len(), 21);
        for kind in ResponseType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(ResponseType::parse(kind.as_str()), Some(*kind));
        }
        let families: Vec<_> = ResponseType::ALL.iter().filter(|kind| kind.default_status().is_none()).collect();
        assert_eq!(families, [&ResponseType::Default4xx, &ResponseType::Default5xx]);
        assert_eq!(ResponseType::parse("TEAPOT"), None);
    }
}
