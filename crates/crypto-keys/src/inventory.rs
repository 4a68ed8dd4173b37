//! An inventory of keys and algorithms: a cryptography bill of materials in `CycloneDX` 1.6 (ECMA-424), so that scanners and
//! auditors read it without knowing this service.

mod algorithms;
mod bom;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vutf_kernel::{KeyId, OrganizationId, Timestamp};

use self::{
    algorithms::{HKDF_SHA512, component as algorithm_component, reference as algorithm_reference},
    bom::{Application, Component, CryptoProperties, Dependency, Material, Metadata, Property, SecuredBy},
};
use crate::{
    Algorithm, Keks, KeyRecord, KeyWrapper, Keyset, Purpose, WrappedBy,
    due::{by_purpose, end_of_period},
    transition::hex,
};

pub use bom::Bom;

/// The media type of a [`Bom`] in JSON.
pub const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json; version=1.6";

/// A key-encryption key, which never leaves its provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KekAsset {
    /// Its id.
    pub id: String,
    /// The technology of its provider.
    pub technology: &'static str,
}

impl KekAsset {
    /// Every key-encryption key behind `wrapper`.
    pub fn of(wrapper: &dyn KeyWrapper) -> Vec<Self> {
        let keks = Keks::of(wrapper);
        let members = keks.members().map(|member| Self {
            id: member.kek_id().to_owned(),
            technology: member.technology(),
        });
        members.collect()
    }
}

/// What there is of cryptography in one organization, at one moment.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// Identifies this inventory.
    pub serial: uuid::Uuid,
    /// The tenant.
    pub organization_id: OrganizationId,
    /// When it was taken.
    pub at: Timestamp,
    /// Its keys, destroyed ones included. Those of single persons are not listed: each would name a person.
    pub keys: Vec<KeyRecord>,
    /// What was decided about their purposes.
    pub keysets: Vec<Keyset>,
    /// The key-encryption keys that are configured.
    pub keks: Vec<KekAsset>,
}

impl Inventory {
    /// As a bill of materials of the application `name` in `version`, ready to be written as JSON.
    pub fn to_cyclonedx(&self, name: &str, version: &str) -> Bom {
        let mut keys: Vec<&KeyRecord> = self.keys.iter().collect();
        keys.sort_by(|a, b| (&a.purpose, a.version).cmp(&(&b.purpose, b.version)));
        let by_id: HashMap<KeyId, &KeyRecord> = keys.iter().map(|key| (key.id, *key)).collect();
        let algorithms: BTreeSet<&'static str> = keys.iter().map(|key| key.algorithm.as_str()).collect();
        let mut components: Vec<Component> = Algorithm::ALL
            .into_iter()
            .filter(|algorithm| algorithms.contains(algorithm.as_str()))
            .map(algorithm_component)
            .collect();
        components.push(algorithms::hkdf());
        components.extend(
            self.all_keks(&keys)
                .into_iter()
                .map(|(id, technology)| kek(&id, technology)),
        );
        components.extend(keys.iter().map(|key| self.key(key, &by_id)));
        Bom::new(
            self.serial,
            Metadata {
                timestamp: self.at.rfc3339(),
                component: Application::new(name, version),
                properties: vec![Property::new(
                    "vutf:organization",
                    self.organization_id.to_string(),
                )],
            },
            components,
            dependencies(&keys),
        )
    }

    /// The configured key-encryption keys, and those that rows name besides.
    fn all_keks(&self, keys: &[&KeyRecord]) -> BTreeMap<String, Option<&'static str>> {
        let mut all: BTreeMap<String, Option<&'static str>> = BTreeMap::new();
        for key in keys {
            if let WrappedBy::Kek(id) = &key.wrapped_by {
                all.insert(id.clone(), None);
            }
        }
        all.extend(self.keks.iter().map(|kek| (kek.id.clone(), Some(kek.technology))));
        all
    }

    fn key(&self, key: &KeyRecord, by_id: &HashMap<KeyId, &KeyRecord>) -> Component {
        let keyset = by_purpose(&self.keysets)
            .get(&(key.organization_id, &key.purpose))
            .copied();
        let minimum = keyset.map_or(1, |keyset| keyset.policy.minimum_version);
        let material = Material {
            kind: match key.algorithm {
                Algorithm::Ed25519 => "private-key",
                _ => "secret-key",
            },
            id: Some(key.id.to_string()),
            state: Some(key.state.as_str()),
            algorithm_ref: Some(algorithm_reference(key.algorithm)),
            creation_date: Some(key.created_at.rfc3339()),
            activation_date: key.activated_at.map(Timestamp::rfc3339),
            update_date: Some(key.state_changed_at.rfc3339()),
            expiration_date: end_of_period(key, keyset).map(Timestamp::rfc3339),
            size: Some(256),
            secured_by: secured_by(key, by_id),
        };
        let name = format!("{} v{}", key.purpose, key.version);
        Component::new(key_reference(key.id), name, CryptoProperties::material(material)).with(vec![
            Property::new("vutf:purpose", key.purpose.to_string()),
            Property::new("vutf:version", key.version.to_string()),
            Property::new("vutf:minimum_version", minimum.to_string()),
            Property::new("vutf:revision", key.revision.to_string()),
            Property::new("vutf:fingerprint", hex(&key.fingerprint)),
        ])
    }
}

fn dependencies(keys: &[&KeyRecord]) -> Vec<Dependency> {
    let mut all: Vec<Dependency> = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| keys.iter().any(|key| key.algorithm == *algorithm))
        .filter(|algorithm| algorithm.suite().is_some())
        .map(|algorithm| Dependency::new(algorithm_reference(algorithm), vec![HKDF_SHA512.to_owned()]))
        .collect();
    all.extend(keys.iter().map(|key| {
        let parent = match &key.wrapped_by {
            WrappedBy::Kek(id) => kek_reference(id),
            WrappedBy::Tenant(id) => key_reference(*id),
        };
        Dependency::new(
            key_reference(key.id),
            vec![algorithm_reference(key.algorithm), parent],
        )
    }));
    all
}

fn kek(id: &str, technology: Option<&'static str>) -> Component {
    let material = Material {
        kind: "secret-key",
        id: Some(id.to_owned()),
        secured_by: technology.map(|technology| SecuredBy {
            mechanism: technology.to_owned(),
            algorithm_ref: None,
        }),
        ..Material::default()
    };
    Component::new(
        kek_reference(id),
        format!("key-encryption key {id}"),
        CryptoProperties::material(material),
    )
}

fn secured_by(key: &KeyRecord, by_id: &HashMap<KeyId, &KeyRecord>) -> Option<SecuredBy> {
    if key.wrapped.is_empty() {
        return None;
    }
    Some(match &key.wrapped_by {
        WrappedBy::Kek(id) => SecuredBy {
            mechanism: format!("wrapped by the key-encryption key {id}"),
            algorithm_ref: None,
        },
        WrappedBy::Tenant(id) => SecuredBy {
            mechanism: format!("wrapped by the {} key {id}", Purpose::Tenant),
            algorithm_ref: by_id.get(id).map(|tenant| algorithm_reference(tenant.algorithm)),
        },
    })
}

fn key_reference(id: KeyId) -> String {
    format!("key:{id}")
}

fn kek_reference(id: &str) -> String {
    format!("kek:{id}")
}
