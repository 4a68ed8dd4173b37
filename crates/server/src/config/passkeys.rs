//! For which site passkeys are, as it follows from several settings.

use url::Host;
use vutf_identity::role::{RoleName, built_in};

use super::{Config, ConfigError, HttpUrl};

/// Before the name of a role that an organization made: which there are is not known at the start, and a slip of the pen in the name
/// of a built-in one is not to be taken for one of them.
pub(crate) const OWN_ROLE: &str = "custom:";

/// What a machine calls itself.
const LOCALHOST: &str = "localhost";

impl Config {
    /// The domain that passkeys belong to, and the origins of the pages that may use them. No origins: any port of this machine.
    pub fn passkey_site(&self) -> (String, Vec<String>) {
        let (passkeys, public) = (&self.identity.passkeys, self.server.public_url.as_ref());
        let named = passkeys.rp_id.clone();
        let rp_id = named.or_else(|| public.and_then(HttpUrl::domain));
        let mut origins: Vec<String> = passkeys.origins.iter().map(HttpUrl::origin).collect();
        if origins.is_empty() {
            let own = public.filter(|url| url.domain().is_some());
            origins.extend(own.map(HttpUrl::origin));
        }
        (rp_id.unwrap_or_else(|| LOCALHOST.to_owned()), origins)
    }
}

pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>) {
    for role in &config.identity.second_factor.roles {
        let own = role.strip_prefix(OWN_ROLE);
        if built_in(role).is_none() && own.is_none_or(|name| RoleName::parse(name).is_err()) {
            let problem = format!("`{role}` is no role");
            let mend = "name roles of `GET /api/v1/roles`, such as admin, and those that an organization made as custom:NAME";
            errors.push(ConfigError::new("identity.second_factor.roles", problem, mend));
        }
    }
    let (rp_id, origins) = config.passkey_site();
    if !matches!(Host::parse(&rp_id), Ok(Host::Domain(domain)) if domain == rp_id) {
        let problem = format!("`{rp_id}` is no domain in lower case");
        let mend = "name a domain such as example.org, without scheme and port";
        errors.push(ConfigError::new("identity.passkeys.rp_id", problem, mend));
        return;
    }
    for url in &config.identity.passkeys.origins {
        let local = url.domain().is_some_and(|domain| domain == LOCALHOST);
        if !url.is_of_domain(&rp_id) || !(url.is_https() || local && !config.is_production()) {
            let problem = format!(
                "`{}` is no https:// page of `{rp_id}` or of a domain below it",
                url.as_str()
            );
            let mend =
                "browsers refuse passkeys there: name pages of the domain, or set identity.passkeys.rp_id";
            errors.push(ConfigError::new("identity.passkeys.origins", problem, mend));
        }
    }
    let public = config.server.public_url.as_ref();
    let outside = public.is_some_and(|url| url.domain().is_some() && !url.is_of_domain(&rp_id));
    let nowhere = origins.is_empty() && rp_id != LOCALHOST;
    if config.identity.passkeys.origins.is_empty() && (outside || nowhere) {
        let problem = format!("is empty, and `server.public_url` is no page of `{rp_id}`");
        let mend = "name the pages on which passkeys are used";
        errors.push(ConfigError::new("identity.passkeys.origins", problem, mend));
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Sources, load};

    fn site(pairs: &[(&str, &str)]) -> Result<(String, Vec<String>), String> {
        let flags = pairs
            .iter()
            .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()));
        let loaded = load(&Sources {
            flags: flags.collect(),
            ..Sources::default()
        });
        loaded
            .map(|loaded| loaded.config.passkey_site())
            .map_err(|errors| errors.to_string())
    }

    #[test]
    fn the_site_follows_from_the_public_url() {
        let local = ("localhost".to_owned(), Vec::new());
        assert_eq!(site(&[]).unwrap(), local);
        assert_eq!(
            site(&[("server.public_url", "http://127.0.0.1:8080")]).unwrap(),
            local
        );
        let public = ("server.public_url", "https://api.example.org/v1");
        let (rp_id, origins) = site(&[public]).unwrap();
        assert_eq!(
            (rp_id.as_str(), &*origins),
            ("api.example.org", &["https://api.example.org".to_owned()][..])
        );
        let (rp_id, origins) = site(&[
            public,
            ("identity.passkeys.rp_id", "example.org"),
            (
                "identity.passkeys.origins",
                "https://app.example.org, https://example.org:8443",
            ),
        ])
        .unwrap();
        assert_eq!(rp_id, "example.org");
        assert_eq!(origins, ["https://app.example.org", "https://example.org:8443"]);
    }

    #[test]
    fn pages_that_a_browser_would_refuse_are_refused_at_the_start() {
        let rp = ("identity.passkeys.rp_id", "example.org");
        for pairs in [
            &[("identity.passkeys.rp_id", "https://example.org")][..],
            &[("identity.passkeys.rp_id", "Example.org")],
            &[("identity.passkeys.rp_id", "192.0.2.1")],
            &[rp, ("identity.passkeys.origins", "https://example.com")],
            &[rp, ("identity.passkeys.origins", "https://badexample.org")],
            &[rp, ("identity.passkeys.origins", "http://example.org")],
            &[rp, ("server.public_url", "https://example.com")],
            &[rp, ("server.public_url", "http://192.0.2.1")],
            &[rp],
            &[("identity.second_factor.roles", "admni")],
        ] {
            let refused = site(pairs).unwrap_err();
            assert!(
                refused.contains("identity.passkeys.") || refused.contains("identity.second_factor.roles"),
                "{pairs:?}: {refused}"
            );
        }
    }
}
