//! Which hosts webhooks may call.

use std::str::FromStr;

use http::uri::Authority;

/// A host, with a port where it is not the scheme's own; `*.` in front allows every name below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    /// Lower case, without a dot at the end.
    name: String,
    /// Whether the names below `name` are meant.
    below: bool,
    /// `None`: 443 of https, 80 of http.
    port: Option<u16>,
}

impl AllowedHost {
    /// Whether a call to `port` of `host` is allowed; `default_port` is the scheme's.
    #[must_use]
    pub fn allows(&self, host: &str, port: u16, default_port: u16) -> bool {
        let host = canonical(host);
        let is_name = if self.below {
            host.strip_suffix(&self.name).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
        } else {
            host == self.name
        };
        is_name && port == self.port.unwrap_or(default_port)
    }
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no host: write gate.example.com, gate.example.com:8443 or *.example.com");
        let (below, rest) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        let authority: Authority = rest.parse().ok().ok_or_else(wrong)?;
        let name = canonical(authority.host());
        let is_address = name.starts_with('[');
        let is_name = is_address || name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        // What the parser took for something else than host and port: a user, or a port that is no number.
        let written = authority
            .port_u16()
            .map_or_else(|| authority.host().len(), |port| authority.host().len() + 1 + port.to_string().len());
        if name.is_empty() || !is_name || written != rest.len() || (below && is_address) {
            return Err(wrong());
        }
        Ok(Self { name, below, port: authority.port_u16() })
    }
}

/// Names are compared without regard to case and to the dot of the root.
fn canonical(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, host: &str, port: u16) -> bool {
        entry.parse::<AllowedHost>().unwrap().allows(host, port, 443)
    }

    #[test]
    fn a_host_is_allowed_by_its_whole_name_and_port() {
        let cases = [
            ("gate.example.com", "gate.example.com", 443, true),
            ("gate.example.com", "Gate.Example.COM.", 443, true),
            ("gate.example.com", "gate.example.com", 8443, false),
            ("gate.example.com:8443", "gate.example.com", 8443, true),
            ("gate.example.com:8443", "gate.example.com", 443, false),
            ("gate.example.com", "gate.example.com.evil.net", 443, false),
            ("gate.example.com", "evil-gate.example.com", 443, false),
            ("*.example.com", "gate.example.com", 443, true),
            ("*.example.com", "a.b.example.com", 443, true),
            ("*.example.com", "example.com", 443, false),
            ("*.example.com", "evilexample.com", 443, false),
            ("*.example.com", ".example.com", 443, false),
            ("[::1]:8080", "[::1]", 8080, true),
            ("127.0.0.1", "127.0.0.1", 443, true),
        ];
        for (entry, host, port, expected) in cases {
            assert_eq!(allows(entry, host, port), expected, "{entry} for {host}:{port}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "https://gate.example.com",
            "gate.example.com/x",
            "me@gate",
            "gate:port",
            "gate:0x1",
            "*.[::1]",
            "a b",
        ] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text:?}");
        }
        assert_eq!(
            "https://gate".parse::<AllowedHost>(),
            Err("\"https://gate\" is no host: write gate.example.com, gate.example.com:8443 or *.example.com"
                .to_owned())
        );
    }
}
