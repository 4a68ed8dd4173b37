//! The transit engine behind TLS, under an authority that only this test knows.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use vutf_crypto_keys::KeyWrapper as _;
use vutf_kernel::Secret;
use vutf_kms::{VaultAuth, VaultCredential, VaultError, VaultOptions, VaultWrapper};
use vutf_testkit::servers::{OpenBao, require_openbao};

const PROFILE: &str = "
[req]
distinguished_name = name
prompt = no
[name]
CN = test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost
";

/// An authority, another one, and a server's certificate for `localhost` that the first has signed.
struct Certificates(TempDir);

impl Certificates {
    fn make() -> Self {
        let home = tempfile::tempdir().unwrap();
        // The server may run as another user.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(home.path().join("profile"), PROFILE).unwrap();
        let this = Self(home);
        this.issue("authority", "authority", &[]);
        this.issue("another", "authority", &[]);
        this.issue(
            "server",
            "server",
            &["-CA", "authority.pem", "-CAkey", "authority.key"],
        );
        this
    }

    fn issue(&self, name: &str, extensions: &str, by: &[&str]) {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        let done = Command::new("openssl")
            .current_dir(self.0.path())
            .args([
                "req",
                "-x509",
                "-config",
                "profile",
                "-days",
                "2",
                "-extensions",
                extensions,
            ])
            .args([
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-noenc",
            ])
            .args(["-keyout", &key, "-out", &certificate])
            .args(by)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        fs::set_permissions(self.path(&key), fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

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
    let certificates = Certificates::make();
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
