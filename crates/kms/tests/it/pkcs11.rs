//! PKCS#11, on SoftHSM2. What SoftHSM2 cannot show: it neither locks a PIN nor counts tries down, so the rules about those
//! are tested beside the code, on return values and flags.

use std::{
    fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command, sync::Arc, time::Duration,
};

use async_trait::async_trait;
use vutf_crypto_keys::KeyWrapper;
use vutf_kernel::{Fault, Secret};
use vutf_kms::{Pkcs11Error, Pkcs11Options, Pkcs11Pin, Pkcs11Wrapper};
use vutf_testkit::servers::{SoftHsm, require_softhsm};

use crate::conformance::{Candidates, Outage, an_outage_is_told_and_survived, away, conforms, unique};

const PIN: &str = "planted-pin-1234";

conforms!(softhsm, candidates());

async fn candidates() -> Option<Candidates> {
    let (hsm, options) = token()?;
    hsm.make_key(&options.token_label, PIN, "other", &["--sensitive"])
        .unwrap();
    let open = |key: &str| {
        Arc::new(
            Pkcs11Wrapper::new(Pkcs11Options {
                key_label: key.into(),
                ..options.clone()
            })
            .unwrap(),
        )
    };
    let provider = open("kek");
    provider.check().await.unwrap();
    Some(Candidates {
        provider,
        again: open("kek"),
        other: open("other"),
        keep: Box::new(hsm),
    })
}

/// A token of its own with the key `kek`.
fn token() -> Option<(SoftHsm, Pkcs11Options)> {
    let hsm = require_softhsm()?;
    let label = unique("t");
    hsm.make_token(&label, PIN).unwrap();
    hsm.make_key(&label, PIN, "kek", &["--sensitive"]).unwrap();
    let options = Pkcs11Options {
        module: hsm.module().to_owned(),
        token_label: label,
        token_serial: None,
        key_label: "kek".into(),
        pin: Pkcs11Pin::Text(Secret::new(PIN.into())),
        sessions: 4,
        timeout: Duration::from_secs(30),
    };
    Some((hsm, options))
}

/// The error, whose text has no PIN in it and says what to do.
async fn refusal(options: &Pkcs11Options) -> Pkcs11Error {
    let error = Pkcs11Wrapper::new(options.clone())
        .unwrap()
        .check()
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("planted-pin"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    error
}

/// The token's files are out of reach, as a token that is unplugged.
struct Unplugged {
    here: PathBuf,
    away: PathBuf,
}

#[async_trait]
impl Outage for Unplugged {
    async fn stop(&mut self) {
        fs::rename(&self.here, &self.away).unwrap();
    }
    async fn start(&mut self) {
        fs::rename(&self.away, &self.here).unwrap();
    }
}

#[tokio::test]
async fn a_token_that_is_gone_and_comes_back() {
    let Some((hsm, options)) = token() else { return };
    let here = hsm.token_directory(&options.token_label).unwrap();
    let mut outage = Unplugged {
        away: hsm.conf().with_file_name(unique("away")),
        here,
    };
    let provider = Pkcs11Wrapper::new(options).unwrap();
    an_outage_is_told_and_survived(&provider, &mut outage).await;
}

#[tokio::test]
async fn a_wrong_pin_is_offered_once_whatever_happens_then() {
    let Some((hsm, options)) = token() else { return };
    let wrong = Pkcs11Options {
        pin: Pkcs11Pin::Text(Secret::new("planted-pin-9999".into())),
        ..options.clone()
    };
    let provider = Arc::new(Pkcs11Wrapper::new(wrong.clone()).unwrap());
    let calls = (0..8).map(|_| {
        let provider = Arc::clone(&provider);
        tokio::spawn(async move { provider.wrap(&Secret::new([1; 32]), b"c").await })
    });
    for call in calls.collect::<Vec<_>>() {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.fault, Fault::Other);
        assert!(error.chain().contains("refused the PIN"), "{}", error.chain());
        assert!(!error.chain().contains("planted-pin"));
    }
    // Now it is the right one. Whoever offered it again would get in.
    hsm.reset_pin(&options.token_label, "planted-pin-9999").unwrap();
    assert_eq!(provider.ping().await.unwrap_err().fault, Fault::Other);
    Pkcs11Wrapper::new(wrong).unwrap().check().await.unwrap();
}

#[tokio::test]
async fn a_pin_file_that_was_put_right_is_read_again() {
    let Some((_hsm, options)) = token() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pin");
    let write = |pin: &str| {
        fs::write(&file, pin).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let provider = Pkcs11Wrapper::new(Pkcs11Options {
        pin: Pkcs11Pin::File(file.clone()),
        ..options
    })
    .unwrap();
    assert!(matches!(provider.check().await, Err(Pkcs11Error::PinFile { .. })));
    write("planted-pin-9999\n");
    assert!(matches!(provider.check().await, Err(Pkcs11Error::PinWrong)));
    assert!(matches!(provider.check().await, Err(Pkcs11Error::PinWrong)));
    write(&format!("{PIN}\n"));
    provider.check().await.unwrap();
}

#[tokio::test]
async fn a_module_that_is_none_is_told() {
    let Some((_hsm, options)) = token() else { return };
    let directory = tempfile::tempdir().unwrap();
    let module = directory.path().join("module.so");
    let with = |module: &PathBuf| Pkcs11Options {
        module: module.clone(),
        ..options.clone()
    };
    assert!(matches!(
        refusal(&with(&module)).await,
        Pkcs11Error::ModuleMissing { .. }
    ));
    fs::write(&module, "not a library").unwrap();
    assert!(matches!(
        refusal(&with(&module)).await,
        Pkcs11Error::ModuleUnusable { .. }
    ));
    fs::set_permissions(&module, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(matches!(
        refusal(&with(&module)).await,
        Pkcs11Error::ModuleExposed { .. }
    ));
}

#[tokio::test]
async fn tokens_and_keys_that_are_missing_or_ambiguous_are_told() {
    let Some((hsm, options)) = token() else { return };
    let mut other = options.clone();
    other.token_label = "no-such-token".into();
    let error = refusal(&other).await;
    assert!(matches!(error, Pkcs11Error::TokenMissing { .. }) && error.is_transient());
    assert!(error.to_string().contains(&options.token_label), "{error}");

    other = options.clone();
    other.token_serial = Some("0000".into());
    assert!(matches!(refusal(&other).await, Pkcs11Error::TokenMissing { .. }));

    other = options.clone();
    other.key_label = "no-such-key".into();
    let error = refusal(&other).await;
    assert!(matches!(error, Pkcs11Error::KeyMissing { .. }) && !error.is_transient());
    assert!(error.to_string().contains("--keygen"), "{error}");

    hsm.make_key(&options.token_label, PIN, "kek", &["--sensitive"])
        .unwrap();
    assert!(matches!(
        refusal(&options).await,
        Pkcs11Error::KeyAmbiguous { count: 2, .. }
    ));

    hsm.make_token(&options.token_label, PIN).unwrap();
    let Pkcs11Error::TokenAmbiguous { present, .. } = refusal(&options).await else {
        panic!("two tokens with one label");
    };
    assert_eq!(present.matches(&options.token_label).count(), 2);
}

#[tokio::test]
async fn a_key_that_may_not_wrap_or_can_be_read_is_refused() {
    let Some((hsm, mut options)) = token() else { return };
    for (key, arguments, says) in [
        ("readable", &["--usage-decrypt"][..], "CKA_SENSITIVE"),
        ("wraps-only", &["--sensitive", "--usage-wrap"], "CKA_ENCRYPT"),
    ] {
        hsm.make_key(&options.token_label, PIN, key, arguments).unwrap();
        options.key_label = key.into();
        let error = refusal(&options).await;
        assert!(matches!(error, Pkcs11Error::KeyUnfit { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// A pipe among the token's files, which the module waits for when it looks at them.
#[tokio::test]
async fn a_module_that_hangs_is_given_up_and_its_thread_counted() {
    let Some((hsm, options)) = token() else { return };
    let pipe = hsm
        .token_directory(&options.token_label)
        .unwrap()
        .join("00.object");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let provider = Pkcs11Wrapper::new(Pkcs11Options {
        sessions: 1,
        timeout: Duration::from_millis(200),
        ..options
    })
    .unwrap();
    for _ in 0..3 {
        away(provider.ping().await, "a module that hangs");
    }
    assert!(matches!(
        provider.check().await,
        Err(Pkcs11Error::TimedOut { .. })
    ));
    // Lets the module go on, and with it the one thread that waits.
    let path = pipe.clone();
    tokio::task::spawn_blocking(move || fs::write(path, b""))
        .await
        .unwrap()
        .unwrap();
    fs::remove_file(pipe).unwrap();
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let Some((_hsm, options)) = token() else { return };
    let text = format!("{options:?}{:?}", Pkcs11Wrapper::new(options.clone()).unwrap());
    assert!(!text.contains("planted-pin"), "{text}");
}
