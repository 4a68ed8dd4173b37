//! The items of one request, and what its event tells of them.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use vutf_crypto_keys::{Context, ServiceKey, Versioned};
use vutf_kernel::{Detail, Event, KeyId, Outcome, PortError};

use super::{CryptoUseError, Item, ItemError, error::Failure};

/// Bytes of a context's MAC in an event: enough to tell contexts apart.
const DIGEST: usize = 16;

/// What a request came to, for its event. No plaintext and no ciphertext is kept.
#[derive(Default)]
pub(super) struct Done {
    items: usize,
    versions: BTreeMap<u32, Option<KeyId>>,
    contexts: BTreeSet<Vec<u8>>,
    failures: BTreeMap<&'static str, usize>,
}

/// Runs `each` over the items. A failure that concerns more than its own item ends it.
pub(super) fn compute<I, T>(
    key: &ServiceKey<'_>,
    items: &[Item<I>],
    each: &mut impl FnMut(&ServiceKey<'_>, &I, &mut Done) -> Result<T, Failure>,
) -> Result<(Vec<Item<T>>, Done), CryptoUseError> {
    let mut done = Done {
        items: items.len(),
        ..Done::default()
    };
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let result = match item {
            Ok(item) => each(key, item, &mut done),
            Err(error) => Err(Failure::Item(*error)),
        };
        results.push(match result {
            Ok(result) => Ok(result),
            Err(Failure::Item(error)) => {
                *done.failures.entry(error.code()).or_default() += 1;
                Err(error)
            }
            Err(Failure::Whole(error)) => return Err(error),
        });
    }
    for (version, id) in &mut done.versions {
        *id = key.id_of(*version);
    }
    Ok((results, done))
}

impl Done {
    /// Notes the context of an item.
    pub(super) fn bound_to<'c>(&mut self, context: &'c [u8]) -> Result<Context<'c>, Failure> {
        let context = Context::new(context)?;
        if !self.contexts.contains(context.as_bytes()) {
            self.contexts.insert(context.as_bytes().to_vec());
        }
        Ok(context)
    }

    /// Notes the version that an item names.
    pub(super) fn named(&mut self, text: &str) -> Result<Versioned, Failure> {
        let value: Versioned = text.parse().map_err(Failure::from)?;
        self.versions.entry(value.version()).or_default();
        Ok(value)
    }

    /// Notes the version that made a value.
    pub(super) fn made(&mut self, value: Versioned) -> Versioned {
        self.versions.entry(value.version()).or_default();
        value
    }

    pub(super) fn met_unknown_version(&self) -> bool {
        self.failures.contains_key(ItemError::UnknownVersion.code())
    }

    /// The key, if one version alone was used.
    pub(super) fn only_key(&self) -> Option<KeyId> {
        let mut ids = self.versions.values();
        match (ids.next(), ids.next()) {
            (Some(id), None) => *id,
            _ => None,
        }
    }

    /// Refused when no item succeeded, with the first of their reasons.
    pub(super) fn outcome(&self) -> Outcome {
        match self.failures.keys().next() {
            Some(reason) if self.failed() == self.items => Outcome::refused(reason),
            _ => Outcome::Success,
        }
    }

    /// Adds it to the request's event.
    pub(super) fn tell(
        &self,
        event: Event,
        digest: impl Fn(&[u8]) -> Result<[u8; 32], PortError>,
    ) -> Result<Event, PortError> {
        let texts = |texts: Vec<String>| Detail::List(texts);
        let known = self.versions.iter().filter(|(_, id)| id.is_some());
        let mut event = event
            .detail("items", count(self.items))
            .detail("failed", count(self.failed()))
            .detail(
                "versions",
                texts(known.map(|(version, _)| version.to_string()).collect()),
            );
        if !self.contexts.is_empty() {
            let mut digests = Vec::with_capacity(self.contexts.len());
            for context in &self.contexts {
                let tag = digest(context)?;
                digests.push(URL_SAFE_NO_PAD.encode(tag.get(..DIGEST).unwrap_or_default()));
            }
            event = event.detail("contexts", texts(digests));
        }
        if !self.failures.is_empty() {
            let failures = self.failures.iter();
            event = event.detail(
                "failures",
                texts(failures.map(|(code, count)| format!("{code}={count}")).collect()),
            );
        }
        Ok(event)
    }

    fn failed(&self) -> usize {
        self.failures.values().sum()
    }
}

pub(super) fn count(number: usize) -> Detail {
    Detail::Number(i64::try_from(number).unwrap_or(i64::MAX))
}
