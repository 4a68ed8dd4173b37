//! The transit engine behind TLS, under an authority that only this test knows.

use std::{path::Path, time::Duration};

use serde_json::json;
use vutf_crypto_keys::KeyWrapper as _;
use vutf_kernel::Secret;
use vutf_kms::{VaultAuth, VaultCredential, VaultError, VaultOptions, VaultWrapper};
use vutf_testkit::{
    certificates::Certificates,
    servers::{OpenBao, require_openbao},
};

fn options(host: &str, port: u16, token: &str, ca_file: Option<&Path>) -> VaultOptions {
    VaultOptions {
        address: format!("https://{host}:{port}"),
        namespace: None,
        mount: "transit".into(),
        key: "kek".into(),
        auth: VaultAuth::Token(VaultCredential::Text(Secret::new(token.into()))),
        ca_file: ca_file.map(Path::to_owned),
        timeout: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named_and_for_the_names_in_the_certificate() {
    if require_openbao().is_none() {
        return;
    }
    let certificates = Certificates::make().unwrap();
    let mut server = OpenBao::start().unwrap();
    let port = server
        .listen_with_tls(&certificates.path("server.pem"), &certificates.path("server.key"))
        .unwrap();
    let bao = server.access();
    bao.write("transit/keys/kek", &json!({"type": "aes256-gcm96"}))
        .unwrap();
    let token = &bao.root_token;
    let (authority, another) = (
        certificates.path("authority.pem"),
        certificates.path("another.pem"),
    );

    let provider = VaultWrapper::new(&options("localhost", port, token, Some(&authority))).unwrap();
    provider.check().await.unwrap();
    let wrapped = provider.wrap(&Secret::new([5; 32]), b"c").await.unwrap();
    assert!(provider.unwrap(&wrapped, b"c").await.unwrap() == Secret::new([5; 32]));

    for (case, wrong) in [
        ("no authority is named", options("localhost", port, token, None)),
        (
            "another one is",
            options("localhost", port, token, Some(&another)),
        ),
        (
            "another host",
            options("127.0.0.1", port, token, Some(&authority)),
        ),
    ] {
        let error = VaultWrapper::new(&wrong).unwrap().check().await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, VaultError::Untrusted(_)), "{case}: {text}");
        assert!(!error.is_transient(), "{case}: waiting does not mend it");
        assert!(
            text.contains("CA file") && !text.contains(token.as_str()),
            "{case}: {text}"
        );
    }
}
