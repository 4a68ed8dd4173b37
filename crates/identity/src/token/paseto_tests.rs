use proptest::prelude::*;
use vutf_kernel::{OrganizationId, OsEntropy, SessionId, SystemClock, UserId};

use super::*;
use crate::memory::MemorySigner;

const ISS: &str = "https://id.example.org";
const AUD: &str = "violentutf-api";
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn signer() -> MemorySigner {
    MemorySigner::generate(&mut OsEntropy)
}

fn claims() -> Claims {
    Claims {
        iss: ISS.into(),
        aud: AUD.into(),
        sub: UserId::generate(&SystemClock, &mut OsEntropy),
        sid: SessionId::generate(&SystemClock, &mut OsEntropy),
        org: OrganizationId::DEFAULT,
        jti: vutf_kernel::id::uuid_v7(&SystemClock, &mut OsEntropy),
        iat: NOW.rfc3339(),
        nbf: NOW.rfc3339(),
        exp: NOW.plus(Duration::from_mins(10)).rfc3339(),
        scope: "self:manage".into(),
        roles: vec!["user".into()],
        amr: vec!["pwd".into()],
        acr: "aal1".into(),
        auth_time: NOW.rfc3339(),
    }
}

fn check(token: &str, signer: &MemorySigner, now: Timestamp) -> Result<Claims, TokenError> {
    verify(token, &signer.verifying(), ISS, AUD, now, Duration::from_secs(10))
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn vectors() -> serde_json::Value {
    serde_json::from_str(include_str!("../../tests/data/paseto-v4-public.json")).unwrap()
}

#[test]
fn the_official_vectors_are_made_bit_by_bit() {
    let vectors = vectors();
    let text = |case: &serde_json::Value, name: &str| case[name].as_str().unwrap().to_owned();
    let mut made = 0;
    for case in vectors["v4.public"].as_array().unwrap() {
        let seed: [u8; 32] = unhex(&text(case, "secret-key-seed")).try_into().unwrap();
        let signer = MemorySigner::from_seed(Secret::new(seed));
        let active = signer.active().unwrap();
        assert_eq!(active.to_vec(), unhex(&text(case, "public-key")));
        if case["expect-fail"] == true {
            // A token of another purpose under a public key.
            let answer = check(&text(case, "token"), &signer, NOW);
            assert_eq!(answer, Err(TokenError::Invalid));
            continue;
        }
        let message = text(case, "payload").into_bytes();
        let (footer, assertion) = (text(case, "footer"), text(case, "implicit-assertion"));
        let token = assemble(&signer, active, message, footer.as_bytes(), assertion.as_bytes());
        assert_eq!(*token.unwrap().expose(), text(case, "token"));
        made += 1;
    }
    assert_eq!(made, 3);
}

#[test]
fn the_official_key_ids() {
    for case in vectors()["k4.pid"].as_array().unwrap() {
        let key: [u8; 32] = unhex(case["key"].as_str().unwrap()).try_into().unwrap();
        assert_eq!(key_id(&key).unwrap(), case["paserk"].as_str().unwrap());
    }
}

#[test]
fn a_token_is_good_until_it_expires() {
    let (signer, claims) = (signer(), claims());
    let token = issue(&signer, &claims).unwrap();
    assert!(token.expose().len() < 1_500);
    assert_eq!(check(token.expose(), &signer, NOW), Ok(claims));
    let end = NOW.plus(Duration::from_mins(10));
    assert!(check(token.expose(), &signer, end.minus(Duration::from_micros(1))).is_ok());
    assert_eq!(check(token.expose(), &signer, end), Err(TokenError::Expired));
    assert!(check(token.expose(), &signer, NOW.minus(Duration::from_secs(10))).is_ok());
    assert_eq!(
        check(token.expose(), &signer, NOW.minus(Duration::from_secs(11))),
        Err(TokenError::NotYetValid)
    );
}

#[test]
fn an_old_key_verifies_after_a_rotation_and_a_stranger_does_not() {
    let keys = signer();
    let token = issue(&keys, &claims()).unwrap();
    keys.rotate(&mut OsEntropy);
    assert!(check(token.expose(), &keys, NOW).is_ok());
    assert_eq!(check(token.expose(), &signer(), NOW), Err(TokenError::UnknownKey));
}

#[test]
fn a_token_for_another_service_is_refused() {
    let keys = signer();
    let token = issue(&keys, &claims()).unwrap();
    let verifying = keys.verifying();
    let at = |iss, aud| verify(token.expose(), &verifying, iss, aud, NOW, Duration::ZERO);
    assert!(at(ISS, AUD).is_ok());
    assert!(at(ISS, "other").is_err());
    assert!(at("https://other.example.org", AUD).is_err());
    // The claims are checked even when the assertion was forged to fit.
    let foreign = Claims {
        aud: "other".into(),
        ..claims()
    };
    let active = keys.active().unwrap();
    let footer = serde_json::to_vec(&Footer {
        kid: key_id(&active).unwrap(),
    })
    .unwrap();
    let message = serde_json::to_vec(&foreign).unwrap();
    let forged = assemble(&keys, active, message, &footer, assertion(ISS, AUD).as_bytes()).unwrap();
    assert_eq!(check(forged.expose(), &keys, NOW), Err(TokenError::Foreign));
}

#[test]
fn any_changed_character_is_noticed() {
    let keys = signer();
    let token = issue(&keys, &claims()).unwrap();
    let token = token.expose();
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(check(&changed, &keys, NOW).is_err(), "character {at}");
    }
    let long = format!("{token}{}", "A".repeat(MAX_BYTES));
    assert_eq!(check(&long, &keys, NOW), Err(TokenError::Invalid));
    assert_eq!(
        check(&token[..token.len() - 1], &keys, NOW),
        Err(TokenError::Invalid)
    );
}

proptest! {
    #[test]
    fn verifying_anything_never_panics(text in "(v4\\.public\\.)?[A-Za-z0-9_.=-]{0,200}|.{0,100}") {
        prop_assert!(verify(&text, &[[7; 32]], ISS, AUD, NOW, Duration::ZERO).is_err());
    }
}

mod remembered {
    use super::*;
    use crate::token::VerifiedTokens;

    fn token(signer: &MemorySigner, claims: &Claims) -> Secret<String> {
        issue(signer, claims).unwrap()
    }

    #[test]
    fn a_remembered_token_ends_like_any_other() {
        let (signer, tokens) = (signer(), VerifiedTokens::default());
        let token = token(&signer, &claims());
        let at = |seconds: u64| {
            let verified = tokens
                .verify(token.expose(), &signer.verifying(), ISS, AUD)
                .unwrap();
            let now = NOW.plus(Duration::from_secs(seconds));
            verified.at(now, Duration::ZERO).map(|claims| claims.sub)
        };
        assert_eq!(at(0), at(599));
        assert_eq!(at(600), Err(TokenError::Expired));
        assert!(at(0).is_ok());
        let verified = tokens
            .verify(token.expose(), &signer.verifying(), ISS, AUD)
            .unwrap();
        let before = NOW.minus(Duration::from_secs(11));
        let early = verified.at(before, Duration::from_secs(10)).unwrap_err();
        assert_eq!(early, TokenError::NotYetValid);
    }

    #[test]
    fn a_key_that_is_no_longer_believed_takes_its_tokens_along() {
        let (signer, tokens) = (signer(), VerifiedTokens::default());
        let token = token(&signer, &claims());
        let verify = |keys: &[[u8; 32]]| tokens.verify(token.expose(), keys, ISS, AUD).map(|_| ());
        assert_eq!(verify(&signer.verifying()), Ok(()));
        assert_eq!(verify(&[]), Err(TokenError::UnknownKey));
        let other = MemorySigner::generate(&mut OsEntropy);
        assert_eq!(verify(&other.verifying()), Err(TokenError::UnknownKey));
        assert_eq!(verify(&signer.verifying()), Ok(()));
    }

    #[test]
    fn what_was_verified_for_one_service_says_nothing_to_another() {
        let (signer, tokens) = (signer(), VerifiedTokens::default());
        let token = token(&signer, &claims());
        let keys = signer.verifying();
        assert!(tokens.verify(token.expose(), &keys, ISS, AUD).is_ok());
        for (issuer, audience) in [("https://evil.example", AUD), (ISS, "other"), ("", "")] {
            let refused = tokens.verify(token.expose(), &keys, issuer, audience);
            assert_eq!(refused.unwrap_err(), TokenError::Invalid);
        }
    }

    #[test]
    fn a_changed_token_is_another_token() {
        let (signer, tokens) = (signer(), VerifiedTokens::default());
        let token = token(&signer, &claims());
        let keys = signer.verifying();
        tokens.verify(token.expose(), &keys, ISS, AUD).unwrap();
        for at in 0..token.expose().len() {
            let mut changed = token.expose().clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(tokens.verify(&changed, &keys, ISS, AUD).is_err(), "{at}");
        }
    }

    #[test]
    fn it_remembers_a_bounded_number_and_forgets_nothing_that_is_in_use() {
        let (signer, tokens) = (signer(), VerifiedTokens::default());
        let used = token(&signer, &claims());
        let keys = signer.verifying();
        let verify = |token: &Secret<String>| tokens.verify(token.expose(), &keys, ISS, AUD).unwrap();
        let first = verify(&used);
        for _ in 0..2 * VerifiedTokens::CAPACITY + 10 {
            tokens.fill_one();
            assert!(std::sync::Arc::ptr_eq(&verify(&used), &first));
        }
        assert!(tokens.len() <= 2 * VerifiedTokens::CAPACITY);
    }
}
