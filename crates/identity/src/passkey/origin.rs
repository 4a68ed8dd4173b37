//! For which site passkeys are, and from which pages.

/// The site. Defaults and sources: docs/configuration.md, section `identity.passkeys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyPolicy {
    /// The domain that passkeys belong to, and with which they are lost if it is changed; default `localhost`.
    pub rp_id: String,
    /// What a browser shows of it.
    pub rp_name: String,
    /// Pages on which they may be used, such as `https://app.example.org`. Empty: any port of `http://localhost`, for development.
    pub origins: Vec<String>,
    /// Passkeys of one account; default 10.
    pub per_user: u32,
}

impl Default for PasskeyPolicy {
    fn default() -> Self {
        Self {
            rp_id: LOCALHOST.to_owned(),
            rp_name: LOCALHOST.to_owned(),
            origins: Vec::new(),
            per_user: 10,
        }
    }
}

const LOCALHOST: &str = "localhost";

impl PasskeyPolicy {
    /// Whether a page of this origin (RFC 6454) may use passkeys here.
    pub fn allows(&self, origin: &str) -> bool {
        if self.origins.is_empty() {
            return self.rp_id == LOCALHOST && is_local(origin);
        }
        self.origins.iter().any(|known| known == origin)
    }
}

fn is_local(origin: &str) -> bool {
    let Some(rest) = origin.strip_prefix("http://localhost") else {
        return false;
    };
    let port = rest.strip_prefix(':').map(str::parse::<u16>);
    rest.is_empty() || matches!(port, Some(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_origins_only_this_machine_is_one() {
        let policy = PasskeyPolicy::default();
        for origin in ["http://localhost", "http://localhost:8080"] {
            assert!(policy.allows(origin), "{origin}");
        }
        for origin in [
            "",
            "https://example.org",
            "http://localhost.example.org",
            "http://localhost:80x",
            "http://localhost:",
            "http://localhost:80/",
            "http://localhost@evil.example",
            "https://localhost:8080",
            "null",
        ] {
            assert!(!policy.allows(origin), "{origin}");
        }
        let elsewhere = PasskeyPolicy {
            rp_id: "example.org".to_owned(),
            ..policy
        };
        assert!(!elsewhere.allows("http://localhost:8080"));
    }

    #[test]
    fn an_origin_is_named_exactly() {
        let policy = PasskeyPolicy {
            rp_id: "example.org".to_owned(),
            origins: vec!["https://app.example.org".to_owned()],
            ..PasskeyPolicy::default()
        };
        assert!(policy.allows("https://app.example.org"));
        for origin in [
            "https://example.org",
            "http://app.example.org",
            "https://app.example.org:8443",
            "https://app.example.org.evil.example",
            "http://localhost",
        ] {
            assert!(!policy.allows(origin), "{origin}");
        }
    }
}
