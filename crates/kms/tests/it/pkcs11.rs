//! PKCS#11, on SoftHSM2. What SoftHSM2 cannot show: it neither locks a PIN nor counts tries down, so the rules about those
//! are tested beside the code, on return values and flags.

use std::{
    fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command, sync::Arc, time::Duration,
};

use async_trait::async_trait;
use cryptoki::{
    context::Pkcs11,
    mechanism::Mechanism,
    object::Attribute,
    session::{Session, UserType},
    slot::Slot,
};
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
    let Some((_hsm, options)) = token() else { return };
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
    reset_pin(&options, "planted-pin-9999");
    assert_eq!(provider.ping().await.unwrap_err().fault, Fault::Other);
    Pkcs11Wrapper::new(wrong).unwrap().check().await.unwrap();
}

/// As the security officer, in this process: the module does not notice what another one does to a PIN.
fn reset_pin(options: &Pkcs11Options, pin: &str) {
    let session = session(options);
    session
        .login(UserType::So, Some(&SoftHsm::SO_PIN.into()))
        .unwrap();
    session.init_pin(&pin.into()).unwrap();
}

/// A session of this process apart from the provider's, in the module that the provider has started.
fn session(options: &Pkcs11Options) -> Session {
    let module = Pkcs11::new(&options.module).unwrap();
    let slots = module.get_slots_with_initialized_token().unwrap();
    let is_ours = |slot: &Slot| module.get_token_info(*slot).unwrap().label() == options.token_label;
    module
        .open_rw_session(slots.into_iter().find(is_ours).unwrap())
        .unwrap()
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
}

#[tokio::test]
async fn of_two_tokens_with_one_label_the_serial_number_tells() {
    let Some((hsm, mut options)) = token() else { return };
    hsm.make_token(&options.token_label, PIN).unwrap();
    let Pkcs11Error::TokenAmbiguous { present, .. } = refusal(&options).await else {
        panic!("two tokens with one label");
    };
    let mut serials = present
        .split("serial number ")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap());
    let serials: Vec<&str> = serials.by_ref().collect();
    assert_eq!(serials.len(), 2, "{present}");
    let mut works = 0;
    for serial in serials {
        options.token_serial = Some(serial.to_owned());
        match Pkcs11Wrapper::new(options.clone()).unwrap().check().await {
            Ok(()) => works += 1,
            Err(error) => assert!(matches!(error, Pkcs11Error::KeyMissing { .. }), "{error}"),
        }
    }
    assert_eq!(works, 1, "one of them has the key");
}

#[tokio::test]
async fn a_key_that_may_not_wrap_or_can_be_read_is_refused() {
    let Some((_hsm, mut options)) = token() else {
        return;
    };
    // The token is found, and the module started.
    Pkcs11Wrapper::new(options.clone())
        .unwrap()
        .check()
        .await
        .unwrap();
    for (key, attributes, says) in [
        ("readable", &[Attribute::Sensitive(false)][..], "CKA_SENSITIVE"),
        ("decrypts-only", &[Attribute::Encrypt(false)], "CKA_ENCRYPT"),
        ("encrypts-only", &[Attribute::Decrypt(false)], "CKA_DECRYPT"),
        ("short", &[Attribute::ValueLen(16.into())], "AES-256"),
    ] {
        options.key_label = key.into();
        make_key(&options, attributes);
        let error = refusal(&options).await;
        assert!(matches!(error, Pkcs11Error::KeyUnfit { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// A key like the right one but for `attributes`, which `pkcs11-tool` cannot make.
fn make_key(options: &Pkcs11Options, attributes: &[Attribute]) {
    let session = session(options);
    let _logged_in_by_the_provider = session.login(UserType::User, Some(&PIN.into()));
    let right = [
        Attribute::Token(true),
        Attribute::Label(options.key_label.clone().into_bytes()),
        Attribute::ValueLen(32.into()),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Sensitive(true),
    ];
    let same = |one: &Attribute, other: &Attribute| one.attribute_type() == other.attribute_type();
    let kept = right
        .into_iter()
        .filter(|attribute| !attributes.iter().any(|other| same(attribute, other)));
    let template: Vec<Attribute> = kept.chain(attributes.iter().cloned()).collect();
    session.generate_key(&Mechanism::AesKeyGen, &template).unwrap();
}

/// A pipe in the place of a file that the module reads when it starts.
#[tokio::test]
async fn a_module_that_hangs_is_given_up_and_its_thread_counted() {
    let Some((hsm, options)) = token() else { return };
    let token = hsm.token_directory(&options.token_label).unwrap();
    let (file, kept, pipe) = (token.join("token.object"), token.join("kept"), token.join("pipe"));
    fs::rename(&file, &kept).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let provider = Pkcs11Wrapper::new(Pkcs11Options {
        sessions: 1,
        timeout: Duration::from_millis(200),
        ..options.clone()
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
    fs::rename(&file, &pipe).unwrap();
    fs::rename(&kept, &file).unwrap();
    tokio::task::spawn_blocking(move || fs::write(pipe, b""))
        .await
        .unwrap()
        .unwrap();
    // The calls that were given up may still be under way in the module.
    let provider = Pkcs11Wrapper::new(options).unwrap();
    let mut tries = 0;
    while let Err(error) = provider.check().await {
        tries += 1;
        assert!(error.is_transient() && tries < 200, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let Some((_hsm, options)) = token() else { return };
    let text = format!("{options:?}{:?}", Pkcs11Wrapper::new(options.clone()).unwrap());
    assert!(!text.contains("planted-pin"), "{text}");
}
