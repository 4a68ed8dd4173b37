//! AWS KMS, on moto.
//!
//! What moto cannot show, and is therefore tested on the code or not at all: it encrypts under a disabled key, so that only
//! the look at the key's state is tested; it verifies no signature and no policy; it never throttles, for which a scripted
//! server stands in; its keys do not outlive a restart.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use vutf_crypto_keys::KeyWrapper;
use vutf_kernel::{Fault, Secret};
use vutf_kms::{AwsCredentials, AwsKmsError, AwsKmsOptions, AwsKmsWrapper};
use vutf_testkit::servers::{Moto, require_moto};

use crate::{
    conformance::{Candidates, Outage, an_outage_is_told_and_survived, away, conforms},
    script::Script,
};

const ARN: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

conforms!(moto, candidates());

async fn candidates() -> Option<Candidates> {
    let url = require_moto()?;
    let arn = Moto::make_key(url).unwrap();
    let provider = open(url, &arn).await;
    provider.check().await.unwrap();
    Some(Candidates {
        again: Arc::new(open(url, &arn).await),
        other: Arc::new(open(url, &Moto::make_key(url).unwrap()).await),
        provider: Arc::new(provider),
        keep: Box::new(()),
    })
}

fn options(url: &str, key: &str) -> AwsKmsOptions {
    AwsKmsOptions {
        key: key.into(),
        region: Some(Moto::REGION.into()),
        endpoint: Some(url.into()),
        timeout: Duration::from_secs(30),
        credentials: AwsCredentials::Static {
            access_key_id: "test".into(),
            secret_access_key: Secret::new("planted-secret".into()),
        },
    }
}

async fn open(url: &str, key: &str) -> AwsKmsWrapper {
    AwsKmsWrapper::open(&options(url, key)).await.unwrap()
}

/// moto's memory goes with it: after the restart the same ARN names a new key.
struct Restart(Moto);

#[async_trait]
impl Outage for Restart {
    async fn stop(&mut self) {
        self.0.stop();
    }
    async fn start(&mut self) {
        self.0.restart().unwrap();
        seeded_key(&self.0);
    }
    fn keeps_keys(&self) -> bool {
        false
    }
}

fn seeded_key(moto: &Moto) -> String {
    Moto::seed(&moto.url(), 7).unwrap();
    Moto::make_key(&moto.url()).unwrap()
}

#[tokio::test]
async fn a_service_that_is_gone_and_comes_back() {
    if require_moto().is_none() {
        return;
    }
    let moto = Moto::start().unwrap();
    let provider = open(&moto.url(), &seeded_key(&moto)).await;
    an_outage_is_told_and_survived(&provider, &mut Restart(moto)).await;
}

#[tokio::test]
async fn a_service_that_hangs_is_given_up_and_keeps_its_keys() {
    if require_moto().is_none() {
        return;
    }
    let mut moto = Moto::start().unwrap();
    let arn = seeded_key(&moto);
    let patient = open(&moto.url(), &arn).await;
    let wrapped = patient.wrap(&Secret::new([3; 32]), b"c").await.unwrap();
    let mut hurried = options(&moto.url(), &arn);
    hurried.timeout = Duration::from_millis(200);
    let hurried = AwsKmsWrapper::open(&hurried).await.unwrap();
    moto.pause().unwrap();
    away(hurried.unwrap(&wrapped, b"c").await, "paused");
    moto.resume().unwrap();
    assert!(patient.unwrap(&wrapped, b"c").await.unwrap() == Secret::new([3; 32]));
}

#[tokio::test]
async fn a_listener_that_never_answers_is_a_time_out() {
    let (url, _listener) = Script::silent();
    let mut silent = options(&url, ARN);
    silent.timeout = Duration::from_millis(200);
    let provider = AwsKmsWrapper::open(&silent).await.unwrap();
    assert!(matches!(
        provider.check().await,
        Err(AwsKmsError::TimedOut { .. })
    ));
    let error = provider.wrap(&Secret::new([1; 32]), b"c").await.unwrap_err();
    assert_eq!(error.fault, Fault::Unreachable);
    assert!(
        error.chain().contains("did not answer within"),
        "{}",
        error.chain()
    );
}

#[tokio::test]
async fn an_alias_is_resolved_to_the_key_that_rows_name() {
    let Some(url) = require_moto() else { return };
    let arn = Moto::make_key(url).unwrap();
    let alias = format!("alias/{}", arn.rsplit('/').next().unwrap());
    Moto::kms(
        url,
        "CreateAlias",
        &json!({"AliasName": alias, "TargetKeyId": arn}),
    )
    .unwrap();
    let id = arn.rsplit('/').next().unwrap();
    for name in [alias.as_str(), id, &arn] {
        assert_eq!(open(url, name).await.kek_id(), arn, "{name}");
    }
    let missing = AwsKmsWrapper::open(&options(url, "alias/no-such")).await;
    assert!(matches!(missing, Err(AwsKmsError::KeyMissing { .. })));
}

#[tokio::test]
async fn a_key_that_is_missing_disabled_or_of_another_kind_is_told() {
    let Some(url) = require_moto() else { return };
    let check = async |arn: &str| open(url, arn).await.check().await.unwrap_err();
    assert!(matches!(check(ARN).await, AwsKmsError::KeyMissing { .. }));

    // These actions of moto take no ARN.
    let id_of = |arn: &str| arn.rsplit('/').next().unwrap().to_owned();
    let disabled = Moto::make_key(url).unwrap();
    Moto::kms(url, "DisableKey", &json!({"KeyId": id_of(&disabled)})).unwrap();
    let error = check(&disabled).await;
    assert!(
        matches!(&error, AwsKmsError::KeyState { state, .. } if state == "Disabled"),
        "{error}"
    );
    assert_eq!(
        open(url, &disabled).await.ping().await.unwrap_err().fault,
        Fault::Other
    );

    let dying = Moto::make_key(url).unwrap();
    let request = json!({"KeyId": id_of(&dying), "PendingWindowInDays": 7});
    Moto::kms(url, "ScheduleKeyDeletion", &request).unwrap();
    assert!(check(&dying).await.to_string().contains("PendingDeletion"));

    let request = json!({"KeyUsage": "SIGN_VERIFY", "KeySpec": "RSA_2048"});
    let signing = Moto::kms(url, "CreateKey", &request).unwrap();
    let error = check(signing["KeyMetadata"]["Arn"].as_str().unwrap()).await;
    assert!(matches!(error, AwsKmsError::KeyUnfit { .. }), "{error}");
}

const THROTTLED: (u16, &str, &str) = (
    400,
    "",
    r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#,
);

#[tokio::test]
async fn throttling_is_tried_again_and_told_when_it_lasts() {
    let described = json!({"KeyMetadata": {"KeyId": "k", "Arn": ARN, "KeyState": "Enabled",
        "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT"}})
    .to_string();
    let passing = Script::start(&[THROTTLED, THROTTLED, (200, "", &described)]);
    open(&passing.url, ARN).await.ping().await.unwrap();
    assert_eq!(passing.requests().len(), 3);

    for reply in [THROTTLED, (429, "", "{}")] {
        let lasting = Script::start(&[reply]);
        let error = open(&lasting.url, ARN).await.ping().await.unwrap_err();
        assert_eq!(error.fault, Fault::Unreachable);
        assert!(error.chain().contains("throttles"), "{}", error.chain());
        assert_eq!(lasting.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    for (code, says) in [
        ("AccessDeniedException", "allow kms:Encrypt"),
        ("UnrecognizedClientException", "credentials"),
        ("DisabledException", "enable it"),
    ] {
        let body = json!({"__type": code, "message": "User: x is not authorized"}).to_string();
        let script = Script::start(&[(400, "", &body)]);
        let error = open(&script.url, ARN)
            .await
            .wrap(&Secret::new([1; 32]), b"c")
            .await
            .unwrap_err();
        assert_eq!(error.fault, Fault::Other, "{code}");
        assert!(error.chain().contains(says), "{}", error.chain());
        assert_eq!(script.requests().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn an_answer_under_another_key_is_refused() {
    let other = ARN.replace("1234abcd", "99999999");
    let opened =
        json!({"KeyId": other, "Plaintext": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}).to_string();
    let script = Script::start(&[(200, "", &opened)]);
    let error = open(&script.url, ARN)
        .await
        .unwrap(b"wrapped", b"c")
        .await
        .unwrap_err();
    assert_eq!(error.fault, Fault::Other);
    assert!(error.chain().contains("does not open"), "{}", error.chain());
}

#[tokio::test]
async fn a_service_that_forgets_the_context_is_found_out_at_the_start() {
    let described = json!({"KeyMetadata": {"KeyId": "k", "Arn": ARN, "KeyState": "Enabled",
        "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT"}})
    .to_string();
    let wrapped = json!({"KeyId": ARN, "CiphertextBlob": "AAAA"}).to_string();
    let opened =
        json!({"KeyId": ARN, "Plaintext": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}).to_string();
    let script = Script::start(&[(200, "", &described), (200, "", &wrapped), (200, "", &opened)]);
    let error = open(&script.url, ARN).await.check().await.unwrap_err();
    assert!(matches!(error, AwsKmsError::NotBound), "{error}");
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let options = options("http://127.0.0.1:9", ARN);
    let text = format!("{options:?}{:?}", AwsKmsWrapper::open(&options).await.unwrap());
    assert!(!text.contains("planted-secret"), "{text}");
    let nothing = AwsKmsWrapper::open(&AwsKmsOptions {
        key: " ".into(),
        ..options
    })
    .await;
    assert!(matches!(nothing, Err(AwsKmsError::Options(_))));
}
