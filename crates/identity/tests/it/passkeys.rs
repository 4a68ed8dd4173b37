//! Passkeys and the clock, the owner's mail, and what ends with what. An authenticator that is taken at its word stands in the place of
//! the real checks, which are those of `vutf-webauthn`.

use std::{sync::Arc, time::Duration};

use vutf_identity::{
    passkey::{
        Asserted, Assertion, Attested, Backup, Ceremonies, CeremonyError, Challenge, CredentialId, Expected,
        PasskeyName, Registration,
        begin::begin,
        register::{RegisterPasskey, RegisterPasskeyError, Registered, register},
        remove::{RemovePasskey, remove},
    },
    session::{
        Opened, authenticate,
        login::Client,
        passkey::{PasskeyLogin, PasskeyLoginError, begin as begin_login, login},
        step_up::{StepUp, begin as begin_step_up, step_up},
    },
};
use vutf_kernel::{Ctx, Origin, UserId};

use crate::{
    recovery::mailing,
    support::{World, anonymous, request},
};

const LIFE: Duration = Duration::from_mins(5);

/// What it is shown begins with the challenge; a signature is the key, and the counter is its first byte.
struct Candid;

const ASIDE: Backup = Backup {
    eligible: false,
    present: false,
};

impl Ceremonies for Candid {
    fn challenge(&self, client_data: &[u8]) -> Option<Challenge> {
        client_data.first_chunk().copied().map(Challenge)
    }
    fn register(&self, expected: &Expected<'_>, answer: &Registration) -> Result<Attested, CeremonyError> {
        assert_eq!(self.challenge(&answer.client_data), Some(expected.challenge));
        Ok(Attested {
            public_key: answer.credential_id.clone(),
            sign_count: 0,
            user_verified: true,
            backup: ASIDE,
        })
    }
    fn assert(
        &self,
        expected: &Expected<'_>,
        key: &[u8],
        answer: &Assertion,
    ) -> Result<Asserted, CeremonyError> {
        assert_eq!(self.challenge(&answer.client_data), Some(expected.challenge));
        if answer.signature != key {
            return Err(CeremonyError::WRONG_SIGNATURE);
        }
        Ok(Asserted {
            sign_count: answer.authenticator_data[0].into(),
            user_verified: true,
            backup: ASIDE,
        })
    }
}

fn with_passkeys(mut world: World) -> World {
    world.id.ceremonies = Arc::new(Candid);
    world
}

async fn begun(world: &World, ctx: &Ctx) -> RegisterPasskey {
    let options = begin(ctx, &world.id).await.unwrap();
    RegisterPasskey {
        name: PasskeyName::parse("phone").unwrap(),
        answer: Registration {
            credential_id: vec![7; 16],
            client_data: options.challenge.0.to_vec(),
            attestation_object: Vec::new(),
            transports: Vec::new(),
        },
    }
}

async fn registered(world: &World, ctx: &Ctx) -> Registered {
    let command = begun(world, ctx).await;
    register(ctx, &world.id, command).await.unwrap()
}

fn answer(challenge: Challenge, user: UserId, count: u8) -> Assertion {
    Assertion {
        credential_id: CredentialId::new(vec![7; 16]).unwrap(),
        client_data: challenge.0.to_vec(),
        authenticator_data: vec![count],
        signature: vec![7; 16],
        user_handle: Some(user.as_bytes().to_vec()),
    }
}

async fn present(world: &World, assertion: Assertion) -> Result<Opened, PasskeyLoginError> {
    let client = Client::default();
    login(&anonymous(), &world.id, PasskeyLogin { assertion, client }).await
}

async fn sign_in(world: &World, user: UserId, count: u8) -> Result<Opened, PasskeyLoginError> {
    let asked = begin_login(&anonymous(), &world.id).await.unwrap();
    present(world, answer(asked.challenge, user, count)).await
}

#[tokio::test]
async fn a_challenge_waits_for_five_minutes() {
    let world = with_passkeys(World::new());
    let user = world.user("ada", &[]).await.id;
    let ctx = world.ctx(&world.login("ada").await).await;
    let late = begun(&world, &ctx).await;
    world.pass(LIFE);
    let refused = register(&ctx, &world.id, late).await.unwrap_err();
    assert!(matches!(refused, RegisterPasskeyError::NoCeremony));
    assert_eq!(world.refusals("passkey.register"), ["expired_challenge"]);
    let ctx = world.ctx(&world.login("ada").await).await;
    registered(&world, &ctx).await;
    for (waits, opens) in [(Duration::from_secs(299), true), (LIFE, false)] {
        let asked = begin_login(&anonymous(), &world.id).await.unwrap();
        world.pass(waits);
        let count = u8::from(opens) + 1;
        let done = present(&world, answer(asked.challenge, user, count)).await;
        assert_eq!(done.is_ok(), opens);
    }
    assert_eq!(world.refusals("session.login"), ["expired_challenge"]);
    let asked = begin_step_up(&ctx, &world.id).await.unwrap();
    world.pass(LIFE);
    let late = StepUp::Passkey(answer(asked.challenge, user, 9));
    step_up(&ctx, &world.id, late).await.unwrap_err();
    assert_eq!(world.refusals("session.step_up"), ["expired_challenge"]);
}

#[tokio::test]
async fn its_owner_is_written_to() {
    let world = with_passkeys(mailing(true));
    let user = world.user("ada", &[]).await.id;
    let signed_in = world.login("ada").await;
    world.caught().await;
    let passkey = registered(&world, &world.ctx(&signed_in).await).await.passkey;
    // Two factors by now.
    let ctx = world.ctx(&signed_in).await;
    sign_in(&world, user, 3).await.unwrap();
    sign_in(&world, user, 3).await.unwrap_err();
    let removed = remove(&ctx, &world.id, RemovePasskey { id: passkey.id }).await;
    assert_eq!(removed.unwrap(), 1, "the session that the passkey opened");
    let mails = world.caught().await;
    let mut subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    subjects.sort_unstable();
    assert_eq!(
        subjects,
        [
            "A passkey was added (app.example.org)",
            "A passkey was refused (app.example.org)",
            "A passkey was removed (app.example.org)",
        ]
    );
    assert_eq!(world.refusals("session.login"), ["counter_regressed"]);
}

#[tokio::test]
async fn a_session_opened_by_it_is_of_two_factors_and_ends_as_such() {
    let world = with_passkeys(World::new());
    let user = world.user("ada", &[]).await.id;
    let ctx = world.ctx(&world.login("ada").await).await;
    registered(&world, &ctx).await;
    let Opened::Tokens(signed_in) = sign_in(&world, user, 1).await.unwrap() else {
        panic!("tokens were asked for");
    };
    let caller = authenticate(&world.id, signed_in.access_token.expose())
        .await
        .unwrap();
    let assurance = caller.ctx(request(), Origin::default()).assurance.unwrap();
    assert_eq!(assurance.aal.as_str(), "aal2");
    assert_eq!(assurance.amr, ["pop", "user", "mfa"]);
    world.pass(Duration::from_hours(1));
    assert!(!world.is_live(&signed_in).await, "an hour without use");
}
