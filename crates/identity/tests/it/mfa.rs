//! The second factor, from its making to its end.

use std::{sync::Arc, time::Duration};

use vutf_identity::{
    mfa::{
        BackupCode, Method, Presented, TotpSecret,
        confirm::{Confirm, ConfirmError, confirm},
        enrol::enrol,
        regenerate::regenerate,
        remove::remove,
        reset::{ResetMfa, reset},
        view::view,
    },
    session::{
        Challenged, Opened, SignedIn,
        login::{Client, LoggedIn},
        refresh::{Refresh, refresh},
        step_up::{Credential, StepUp, StepUpError, SteppedUp, step_up},
        verify::{Verify, VerifyError, verify},
    },
    token::Claims,
    user::{
        change_password::{ChangePassword, ChangePasswordError, change_password},
        lock::{Lock, lock},
        unlock::{Unlock, unlock},
    },
};
use vutf_kernel::{Aal, Class, Ctx, Secret};

use crate::support::{PASSWORD, World, anonymous, operator, secret};

const STEP: Duration = Duration::from_secs(30);
const FIVE_MINUTES: Duration = Duration::from_mins(5);

/// An account with an authenticator app.
pub(super) struct Owner {
    pub(super) app: TotpSecret,
    codes: Vec<BackupCode>,
    /// The session in which it was enrolled.
    pub(super) signed_in: SignedIn,
}

impl World {
    pub(super) async fn enrolled(&self, name: &str, roles: &[&str]) -> Owner {
        self.user(name, roles).await;
        let signed_in = self.login(name).await;
        let ctx = self.ctx(&signed_in).await;
        let made = enrol(&ctx, &self.id).await.unwrap();
        let app = TotpSecret::from_base32(made.secret.expose()).unwrap();
        let code = app.code(self.now());
        let codes = confirm(&ctx, &self.id, Confirm { code }).await.unwrap().codes;
        self.pass(STEP);
        Owner {
            app,
            codes,
            signed_in,
        }
    }
    async fn challenged(&self, name: &str) -> Challenged {
        match self.first_step(name, PASSWORD).await.unwrap() {
            LoggedIn::Challenged(challenged) => challenged,
            LoggedIn::SignedIn(_) | LoggedIn::Cookie(_) => panic!("no second factor is asked for"),
        }
    }
    pub(super) async fn verify(
        &self,
        challenge: &Secret<String>,
        factor: Presented,
    ) -> Result<SignedIn, VerifyError> {
        let challenge = challenge.clone();
        let client = Client::default();
        let command = Verify {
            challenge,
            factor: factor.into(),
            client,
        };
        match verify(&anonymous(), &self.id, command).await? {
            Opened::Tokens(signed_in) => Ok(signed_in),
            Opened::Cookie(_) => panic!("no cookie was asked for"),
        }
    }
    async fn both_steps(&self, name: &str, owner: &Owner) -> SignedIn {
        self.pass(STEP);
        let challenged = self.challenged(name).await;
        let factor = totp(&owner.app.code(self.now()));
        self.verify(&challenged.challenge, factor).await.unwrap()
    }
    async fn step_up(&self, ctx: &Ctx, command: StepUp) -> Result<SteppedUp, StepUpError> {
        step_up(ctx, &self.id, command).await
    }
}

pub(super) fn totp(code: &Secret<String>) -> Presented {
    Presented {
        method: Method::Totp,
        code: code.clone(),
    }
}

fn backup(code: &BackupCode) -> Presented {
    Presented {
        method: Method::BackupCode,
        code: code.to_text(),
    }
}

/// The claims of a token, which its signature does not hide.
fn claims(token: &Secret<String>) -> Claims {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let body = token.expose().split('.').nth(2).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
    serde_json::from_slice(&bytes[..bytes.len() - 64]).unwrap()
}

fn token_of(done: &SteppedUp) -> Secret<String> {
    match &done.credential {
        Credential::Token { access_token, .. } => access_token.clone(),
        Credential::Cookie { .. } => panic!("it is a session of tokens"),
    }
}

fn wrong(answer: Result<SignedIn, VerifyError>) {
    let error = answer.err().unwrap();
    assert!(matches!(error, VerifyError::Code), "{error:?}");
    assert_eq!(
        (error.class(), error.code(), error.to_string().as_str()),
        (
            Class::Unauthenticated,
            "invalid_mfa_code",
            "the code is not right"
        )
    );
}

fn no_challenge(answer: Result<SignedIn, VerifyError>) {
    let error = answer.err().unwrap();
    assert!(matches!(error, VerifyError::Challenge), "{error:?}");
}

#[tokio::test]
async fn a_password_alone_opens_no_session_and_both_factors_open_one_at_the_second_level() {
    let world = World::new();
    let owner = world.enrolled("ada", &[]).await;
    let challenged = world.challenged("ada").await;
    assert_eq!(challenged.methods, [Method::Totp, Method::BackupCode]);
    assert!(challenged.passkey.is_none());
    assert_eq!(challenged.expires_in, FIVE_MINUTES);
    assert_eq!(
        (world.successes("session.login"), world.successes("mfa.challenge")),
        (1, 1)
    );

    let factor = totp(&owner.app.code(world.now()));
    let signed_in = world.verify(&challenged.challenge, factor).await.unwrap();
    assert_eq!(world.successes("session.login"), 2);
    let claims = claims(&signed_in.access_token);
    assert_eq!(
        (claims.acr.as_str(), claims.amr.join(" ").as_str()),
        ("aal2", "pwd otp")
    );
    assert_eq!(claims.auth_time, world.now().rfc3339());
    let ctx = world.ctx(&signed_in).await;
    assert_eq!(ctx.assurance.unwrap().aal, Aal::Aal2);

    // A challenge is good for one sign-in.
    world.pass(STEP);
    let factor = totp(&owner.app.code(world.now()));
    no_challenge(world.verify(&challenged.challenge, factor).await);
}

#[tokio::test]
async fn refreshing_keeps_the_level_and_the_time_of_the_session() {
    let world = World::new();
    let owner = world.enrolled("ada", &[]).await;
    let signed_in = world.both_steps("ada", &owner).await;
    let before = claims(&signed_in.access_token);
    world.pass(Duration::from_mins(59));
    let command = Refresh {
        refresh_token: signed_in.refresh_token,
    };
    let renewed = refresh(&anonymous(), &world.id, command).await.unwrap();
    let after = claims(&renewed.access_token);
    assert_eq!(
        (&after.acr, &after.amr, &after.auth_time),
        (&before.acr, &before.amr, &before.auth_time)
    );
}

#[tokio::test]
async fn a_code_is_good_once_and_a_replay_looks_like_a_wrong_one() {
    let world = World::new();
    let owner = world.enrolled("ada", &[]).await;
    // The code that confirmed it was used up by that, although its step is within the window still.
    let enrolment = owner.app.code(world.now().minus(STEP));
    let challenged = world.challenged("ada").await;
    wrong(world.verify(&challenged.challenge, totp(&enrolment)).await);
    wrong(world.verify(&challenged.challenge, totp(&secret("000000"))).await);
    wrong(
        world
            .verify(&challenged.challenge, totp(&secret("not a code")))
            .await,
    );
    let code = owner.app.code(world.now());
    world.verify(&challenged.challenge, totp(&code)).await.unwrap();
    let challenged = world.challenged("ada").await;
    wrong(world.verify(&challenged.challenge, totp(&code)).await);
    let expected = ["replayed_code", "wrong_code", "wrong_code", "replayed_code"];
    assert_eq!(world.refusals("session.login"), expected);
}

#[tokio::test]
async fn a_backup_code_is_good_once_and_new_ones_end_the_old_ones() {
    let world = World::new();
    let owner = world.enrolled("ada", &[]).await;
    assert_eq!(owner.codes.len(), 10);
    let challenged = world.challenged("ada").await;
    let signed_in = world
        .verify(&challenged.challenge, backup(&owner.codes[0]))
        .await
        .unwrap();
    assert_eq!(claims(&signed_in.access_token).acr, "aal2");
    let challenged = world.challenged("ada").await;
    wrong(world.verify(&challenged.challenge, backup(&owner.codes[0])).await);
    let ctx = world.ctx(&signed_in).await;
    assert_eq!(view(&ctx, &world.id).await.unwrap().backup_codes_left, 9);

    let renewed = regenerate(&ctx, &world.id).await.unwrap();
    assert_eq!(view(&ctx, &world.id).await.unwrap().backup_codes_left, 10);
    for old in &owner.codes[1..4] {
        wrong(world.verify(&challenged.challenge, backup(old)).await);
    }
    world
        .verify(&challenged.challenge, backup(&renewed[9]))
        .await
        .unwrap();
    assert_eq!(world.successes("mfa.backup_codes"), 1);
}

#[tokio::test]
async fn what_changes_the_account_ends_a_challenge() {
    let world = World::new();
    let owner = world.enrolled("ada", &[]).await;
    let user_id = owner.signed_in.user_id;
    let late = world.challenged("ada").await;
    world.pass(FIVE_MINUTES);
    no_challenge(
        world
            .verify(&late.challenge, totp(&owner.app.code(world.now())))
            .await,
    );

    let locked = world.challenged("ada").await;
    lock(&operator(), &world.id, Lock { user_id }).await.unwrap();
    no_challenge(
        world
            .verify(&locked.challenge, totp(&owner.app.code(world.now())))
            .await,
    );
    unlock(&operator(), &world.id, Unlock { user_id }).await.unwrap();
    no_challenge(
        world
            .verify(&locked.challenge, totp(&owner.app.code(world.now())))
            .await,
    );
    let unknown = secret("vutf_mc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    no_challenge(world.verify(&unknown, totp(&owner.app.code(world.now()))).await);
    let expected = [
        "expired_challenge",
        "locked",
        "sessions_ended",
        "unknown_challenge",
    ];
    assert_eq!(world.refusals("session.login"), expected);
    world.both_steps("ada", &owner).await;
}

#[tokio::test]
async fn guesses_at_each_factor_are_counted_apart() {
    let world = World::new();
    let owner = world.enrolled("ada", &[]).await;
    let challenged = world.challenged("ada").await;
    for _ in 0..5 {
        wrong(world.verify(&challenged.challenge, totp(&secret("000000"))).await);
    }
    wrong(
        world
            .verify(&challenged.challenge, totp(&owner.app.code(world.now())))
            .await,
    );
    assert_eq!(world.refusals("session.login").last().unwrap(), "barred");
    world
        .verify(&challenged.challenge, backup(&owner.codes[0]))
        .await
        .unwrap();
    // Another factor's success lifts no delay; time does, and the administrator.
    let challenged = world.challenged("ada").await;
    wrong(
        world
            .verify(&challenged.challenge, totp(&owner.app.code(world.now())))
            .await,
    );
    let user_id = owner.signed_in.user_id;
    unlock(&operator(), &world.id, Unlock { user_id }).await.unwrap();
    world
        .verify(&challenged.challenge, totp(&owner.app.code(world.now())))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_code_in_parallel_opens_one_session() {
    let world = Arc::new(World::new());
    let owner = world.enrolled("ada", &[]).await;
    let code = owner.app.code(world.now());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let challenge = world.challenged("ada").await.challenge;
        let (world, factor) = (world.clone(), totp(&code));
        tasks.spawn(async move { world.verify(&challenge, factor).await.is_ok() });
    }
    let won = tasks.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn factors_are_changed_by_whoever_proved_themself_lately() {
    let world = World::new();
    world.user("ada", &[]).await;
    let signed_in = world.login("ada").await;
    world.pass(FIVE_MINUTES + Duration::from_secs(1));
    let stale = world.ctx(&signed_in).await;
    let error = enrol(&stale, &world.id).await.unwrap_err();
    assert_eq!(error.code(), "insufficient_user_authentication");
    let wrong = world.step_up(&stale, StepUp::Password(secret("wrong"))).await;
    assert!(matches!(wrong, Err(StepUpError::Refused)));
    let done = world
        .step_up(&stale, StepUp::Password(secret(PASSWORD)))
        .await
        .unwrap();
    assert_eq!(
        (done.assurance.aal, done.assurance.auth_time),
        (Aal::Aal1, world.now())
    );
    assert_eq!(claims(&token_of(&done)).auth_time, world.now().rfc3339());
    let fresh = world.ctx(&signed_in).await;
    enrol(&fresh, &world.id).await.unwrap();
    assert_eq!(world.refusals("session.step_up"), ["wrong_password"]);
    assert_eq!(world.successes("session.step_up"), 1);
}

#[tokio::test]
async fn whoever_has_a_second_factor_steps_up_with_it_and_with_nothing_less() {
    let world = World::new();
    world.user("ada", &[]).await;
    let old = world.login("ada").await;
    let enrolling = world.login("ada").await;
    let ctx = world.ctx(&enrolling).await;
    let made = enrol(&ctx, &world.id).await.unwrap();
    let app = TotpSecret::from_base32(made.secret.expose()).unwrap();
    let command = Confirm {
        code: app.code(world.now()),
    };
    confirm(&ctx, &world.id, command).await.unwrap();
    // The session that enrolled has proved both; the other one only the password.
    let raised = world.ctx(&enrolling).await.assurance.unwrap();
    assert_eq!(
        (raised.aal, raised.amr),
        (Aal::Aal2, vec!["pwd".to_owned(), "otp".to_owned()])
    );
    let low = world.ctx(&old).await;
    assert_eq!(
        remove(&low, &world.id).await.unwrap_err().code(),
        "insufficient_user_authentication"
    );
    // Nor does a session of the password alone change that, and shut the owner out.
    let change = |ctx: Ctx| {
        let command = ChangePassword {
            current: secret(PASSWORD),
            new: secret("seven quiet copper lanterns"),
            keep_other_sessions: true,
        };
        let id = &world.id;
        async move { change_password(&ctx, id, command).await }
    };
    assert!(matches!(
        change(low.clone()).await,
        Err(ChangePasswordError::Fresh(_))
    ));
    let by_password = world.step_up(&low, StepUp::Password(secret(PASSWORD))).await;
    assert!(matches!(by_password, Err(StepUpError::FactorDemanded)));
    let replay = StepUp::SecondFactor(totp(&app.code(world.now())));
    assert!(matches!(
        world.step_up(&low, replay).await,
        Err(StepUpError::Refused)
    ));
    world.pass(STEP);
    let code = StepUp::SecondFactor(totp(&app.code(world.now())));
    let done = world.step_up(&low, code).await.unwrap();
    assert_eq!(claims(&token_of(&done)).acr, "aal2");
    remove(&world.ctx(&old).await, &world.id).await.unwrap();
    world.login("ada").await;
    change(world.ctx(&old).await).await.unwrap();
}

#[tokio::test]
async fn where_a_role_demands_a_factor_it_is_replaced_and_not_removed() {
    let world = World::new();
    let owner = world.enrolled("ada", &["auditor"]).await;
    let ctx = world.ctx(&owner.signed_in).await;
    assert!(view(&ctx, &world.id).await.unwrap().demanded);
    assert_eq!(
        remove(&ctx, &world.id).await.unwrap_err().code(),
        "mfa_demanded_by_role"
    );
    let made = enrol(&ctx, &world.id).await.unwrap();
    let app = TotpSecret::from_base32(made.secret.expose()).unwrap();
    // Until the new one is confirmed the old one counts.
    world.both_steps("ada", &owner).await;
    let error = confirm(
        &ctx,
        &world.id,
        Confirm {
            code: secret("000000"),
        },
    )
    .await
    .unwrap_err();
    assert!(matches!(error, ConfirmError::WrongCode));
    assert_eq!(world.refusals("mfa.confirm"), ["wrong_mfa_code"]);
    let code = app.code(world.now());
    let codes = confirm(&ctx, &world.id, Confirm { code }).await.unwrap().codes;
    world.pass(STEP);
    let challenged = world.challenged("ada").await;
    wrong(
        world
            .verify(&challenged.challenge, totp(&owner.app.code(world.now())))
            .await,
    );
    wrong(world.verify(&challenged.challenge, backup(&owner.codes[0])).await);
    world
        .verify(&challenged.challenge, backup(&codes[0]))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_enrolment_that_nobody_confirms_counts_for_nothing() {
    let world = World::new();
    world.user("ada", &[]).await;
    let mut signed_in = world.login("ada").await;
    let ctx = world.ctx(&signed_in).await;
    let first = enrol(&ctx, &world.id).await.unwrap();
    let second = enrol(&ctx, &world.id).await.unwrap();
    assert!(
        second
            .otpauth_uri
            .expose()
            .starts_with("otpauth://totp/id.example.org:ada?")
    );
    world.login("ada").await;
    let of = |text: &Secret<String>| TotpSecret::from_base32(text.expose()).unwrap();
    let replaced = Confirm {
        code: of(&first.secret).code(world.now()),
    };
    assert_eq!(
        confirm(&ctx, &world.id, replaced).await.unwrap_err().code(),
        "wrong_mfa_code"
    );
    assert_eq!(
        remove(&ctx, &world.id).await.unwrap_err().code(),
        "mfa_not_enrolled"
    );
    assert_eq!(
        regenerate(&ctx, &world.id).await.unwrap_err().code(),
        "mfa_not_enrolled"
    );
    world.pass(Duration::from_mins(10));
    let stepped_up = world
        .step_up(&ctx, StepUp::Password(secret(PASSWORD)))
        .await
        .unwrap();
    signed_in.access_token = token_of(&stepped_up);
    let ctx = world.ctx(&signed_in).await;
    let late = Confirm {
        code: of(&second.secret).code(world.now()),
    };
    assert_eq!(
        confirm(&ctx, &world.id, late).await.unwrap_err().code(),
        "no_mfa_enrolment"
    );
}

#[tokio::test]
async fn an_administrator_resets_what_was_lost_and_ends_everything() {
    let world = World::new();
    let owner = world.enrolled("ada", &[]).await;
    world.admin("root").await;
    let root = world.ctx(&world.login("root").await).await;
    let waiting = world.challenged("ada").await;
    let user_id = owner.signed_in.user_id;
    reset(&root, &world.id, ResetMfa { user_id }).await.unwrap();
    assert!(!world.is_live(&owner.signed_in).await);
    no_challenge(
        world
            .verify(&waiting.challenge, totp(&owner.app.code(world.now())))
            .await,
    );
    world.login("ada").await;
    let again = reset(&root, &world.id, ResetMfa { user_id }).await.unwrap_err();
    assert_eq!(again.code(), "mfa_not_enrolled");
    let own = ResetMfa {
        user_id: root.actor.user_id().unwrap(),
    };
    assert_eq!(
        reset(&root, &world.id, own).await.unwrap_err().code(),
        "own_account"
    );
    world.pass(FIVE_MINUTES + STEP);
    let stale = reset(&root, &world.id, ResetMfa { user_id }).await.unwrap_err();
    assert_eq!(stale.code(), "insufficient_user_authentication");
    assert_eq!(world.successes("mfa.reset"), 1);
}

#[tokio::test]
async fn no_secret_of_a_factor_is_printed() {
    let world = World::new();
    world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    let made = enrol(&ctx, &world.id).await.unwrap();
    let app = TotpSecret::from_base32(made.secret.expose()).unwrap();
    let code = app.code(world.now());
    let command = Confirm { code: code.clone() };
    let printed = format!("{made:#?} {app:#?} {command:#?} {:#?}", totp(&code));
    let codes = confirm(&ctx, &world.id, command).await.unwrap().codes;
    let challenged = world.challenged("ada").await;
    let printed = format!("{printed} {codes:#?} {challenged:#?} {:#?}", world.store.events());
    let shown = codes[0].to_text();
    for needle in [
        &made.secret,
        &made.otpauth_uri,
        &code,
        &shown,
        &challenged.challenge,
    ] {
        assert!(
            !printed.contains(needle.expose().as_str()),
            "{} in {printed}",
            needle.expose()
        );
    }
}
