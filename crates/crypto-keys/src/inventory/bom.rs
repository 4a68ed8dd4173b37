//! The parts of a `CycloneDX` 1.6 document that an inventory of keys has.

use serde::Serialize;

/// A bill of materials. Serialize it: that is all that can be done with it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom {
    #[serde(rename = "bomFormat")]
    format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
}

impl Bom {
    pub(super) fn new(
        serial: uuid::Uuid,
        metadata: Metadata,
        components: Vec<Component>,
        dependencies: Vec<Dependency>,
    ) -> Self {
        Self {
            format: "CycloneDX",
            spec_version: "1.6",
            serial_number: format!("urn:uuid:{serial}"),
            version: 1,
            metadata,
            components,
            dependencies,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Metadata {
    pub(super) timestamp: String,
    pub(super) component: Application,
    pub(super) properties: Vec<Property>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Application {
    #[serde(rename = "type")]
    kind: &'static str,
    bom_ref: String,
    name: String,
    version: String,
}

impl Application {
    pub(super) fn new(name: &str, version: &str) -> Self {
        Self {
            kind: "application",
            bom_ref: format!("application:{name}"),
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Property {
    name: &'static str,
    value: String,
}

impl Property {
    pub(super) const fn new(name: &'static str, value: String) -> Self {
        Self { name, value }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    name: String,
    #[serde(rename = "cryptoProperties")]
    crypto_properties: CryptoProperties,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

impl Component {
    pub(super) const fn new(bom_ref: String, name: String, crypto_properties: CryptoProperties) -> Self {
        Self {
            kind: "cryptographic-asset",
            bom_ref,
            name,
            crypto_properties,
            properties: Vec::new(),
        }
    }

    pub(super) fn with(mut self, properties: Vec<Property>) -> Self {
        self.properties = properties;
        self
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CryptoProperties {
    asset_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm_properties: Option<AlgorithmFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    related_crypto_material_properties: Option<Material>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oid: Option<&'static str>,
}

impl CryptoProperties {
    pub(super) const fn algorithm(facts: AlgorithmFacts, oid: Option<&'static str>) -> Self {
        Self {
            asset_type: "algorithm",
            algorithm_properties: Some(facts),
            related_crypto_material_properties: None,
            oid,
        }
    }

    pub(super) const fn material(material: Material) -> Self {
        Self {
            asset_type: "related-crypto-material",
            algorithm_properties: None,
            related_crypto_material_properties: Some(material),
            oid: None,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlgorithmFacts {
    pub(super) primitive: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameter_set_identifier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) curve: Option<&'static str>,
    pub(super) execution_environment: &'static str,
    pub(super) implementation_platform: &'static str,
    pub(super) certification_level: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<&'static str>,
    pub(super) crypto_functions: &'static [&'static str],
    pub(super) classical_security_level: u32,
    pub(super) nist_quantum_security_level: u8,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Material {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) algorithm_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) creation_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) activation_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) update_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expiration_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secured_by: Option<SecuredBy>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecuredBy {
    pub(super) mechanism: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) algorithm_ref: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    depends_on: Vec<String>,
}

impl Dependency {
    pub(super) const fn new(reference: String, depends_on: Vec<String>) -> Self {
        Self {
            reference,
            depends_on,
        }
    }
}
