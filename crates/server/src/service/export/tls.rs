//! TLS towards a receiver. Files are read at each connection: a certificate that was renewed counts without a restart.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::sink::SendError;

/// Which files there are.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsFiles {
    pub(super) authorities: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

impl TlsFiles {
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, SendError> {
        let refused = |problem: rustls::Error| SendError::Connection {
            to: "TLS".into(),
            problem: problem.to_string(),
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(refused)?;
        let builder = match &self.authorities {
            Some(path) => builder.with_root_certificates(roots(path)?),
            None => builder.with_platform_verifier().map_err(refused)?,
        };
        let config = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
                builder.with_client_auth_cert(chain, key).map_err(refused)?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }
}

fn roots(path: &Path) -> Result<RootCertStore, SendError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate).map_err(|error| SendError::Pem {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SendError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| wrong(path, &error))?;
    if found.is_empty() {
        return Err(wrong(path, &pem::Error::NoItemsFound));
    }
    Ok(found)
}

fn wrong(path: &Path, problem: &pem::Error) -> SendError {
    SendError::Pem {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}
