//! Sessions that a browser holds by a cookie.

use vutf_identity::{
    mfa::{
        Method, Presented, TotpSecret,
        confirm::{Confirm, confirm},
        enrol::enrol,
    },
    refresh::TokenHash,
    role::assign::{AssignRoles, assign},
    session::{
        AuthenticateError, CookieSession, Opened, SessionKind, authenticate_cookie,
        list::list,
        login::{Client, LoggedIn, Login, login},
        logout::logout,
        step_up::{Credential, StepUp, step_up},
        verify::{Verify, verify},
    },
    user::change_password::{ChangePassword, change_password},
};
use vutf_kernel::{Aal, Actor, Ctx, Origin, Secret};

use crate::support::{PASSWORD, World, anonymous, operator, request, secret};

const BROWSER: Client = Client {
    kind: SessionKind::Cookie,
    device: None,
    accepts: None,
};

impl World {
    async fn browser(&self, name: &str) -> CookieSession {
        match self.by_cookie(name).await {
            LoggedIn::Cookie(session) => session,
            other => panic!("a cookie was asked for: {other:?}"),
        }
    }
    async fn by_cookie(&self, name: &str) -> LoggedIn {
        let command = Login {
            username: secret(name),
            password: secret(PASSWORD),
            client: BROWSER,
        };
        login(&anonymous(), &self.id, command).await.unwrap()
    }
    async fn ctx_of(&self, cookie: &Secret<String>) -> Option<Ctx> {
        let caller = authenticate_cookie(&self.id, cookie).await.ok()?;
        assert_eq!(caller.cookie, Some(TokenHash::of(cookie.expose())));
        Some(caller.ctx(request(), Origin::default()))
    }
}

#[tokio::test]
async fn a_cookie_stands_for_its_session_and_nothing_else_does() {
    let world = World::new();
    world.user("ada", &[]).await;
    let ada = world.browser("ada").await;
    let ctx = world.ctx_of(&ada.cookie).await.unwrap();
    assert!(matches!(ctx.actor, Actor::User { session_id, .. } if session_id == ada.session_id));
    let seen = list(&ctx, &world.id).await.unwrap();
    assert_eq!(seen[0].kind(), SessionKind::Cookie);
    assert_eq!(
        seen[0].cookie,
        Some(TokenHash::of(ada.cookie.expose())),
        "the hash alone is kept"
    );

    let other = world.browser("ada").await;
    // The id of one session and the secret of another.
    let (one, two) = (ada.cookie.expose(), other.cookie.expose());
    let mixed = format!("{}{}", &one[..30], &two[30..]);
    let tokens = world.login("ada").await;
    for nothing in [
        "",
        "vutf_sc_",
        mixed.as_str(),
        &one[..one.len() - 1],
        tokens.access_token.expose(),
        tokens.refresh_token.expose(),
    ] {
        let error = authenticate_cookie(&world.id, &secret(nothing))
            .await
            .unwrap_err();
        assert!(matches!(error, AuthenticateError::SessionEnded), "{nothing}");
    }
    logout(&ctx, &world.id).await.unwrap();
    assert!(world.ctx_of(&ada.cookie).await.is_none());
    assert!(world.ctx_of(&other.cookie).await.is_some());
}

#[tokio::test]
async fn each_proof_gives_a_new_cookie_and_the_old_one_is_out() {
    let world = World::new();
    world.user("ada", &[]).await;
    let first = world.browser("ada").await.cookie;
    let ctx = world.ctx_of(&first).await.unwrap();
    let proof = StepUp::Password(secret(PASSWORD));
    let done = step_up(&ctx, &world.id, proof).await.unwrap();
    let Credential::Cookie { cookie: second, .. } = done.credential else {
        panic!("no token for a browser");
    };
    assert!(world.ctx_of(&first).await.is_none());
    let ctx = world.ctx_of(&second).await.unwrap();

    let made = enrol(&ctx, &world.id).await.unwrap();
    let app = TotpSecret::from_base32(made.secret.expose()).unwrap();
    let code = app.code(world.now());
    let confirmed = confirm(&ctx, &world.id, Confirm { code }).await.unwrap();
    let (third, _) = confirmed.cookie.unwrap();
    assert!(world.ctx_of(&second).await.is_none());
    let ctx = world.ctx_of(&third).await.unwrap();
    assert_eq!(ctx.assurance.as_ref().unwrap().aal, Aal::Aal2);

    let command = ChangePassword {
        current: secret(PASSWORD),
        new: secret("seven quiet copper lanterns"),
        keep_other_sessions: false,
    };
    let changed = change_password(&ctx, &world.id, command).await.unwrap();
    let (fourth, ends) = changed.cookie.unwrap();
    assert!(world.ctx_of(&third).await.is_none());
    assert!(world.ctx_of(&fourth).await.is_some());
    assert!(
        ends.idle_expires_at.is_some(),
        "the clock of the second level runs"
    );
}

#[tokio::test]
async fn another_replica_takes_a_new_cookie_at_once() {
    let world = World::new();
    world.user("ada", &[]).await;
    let first = world.browser("ada").await.cookie;
    let mut replica = world.id.clone();
    replica.sessions = std::sync::Arc::new(vutf_identity::session::MokaSessionCache::default());
    authenticate_cookie(&replica, &first).await.unwrap();
    let ctx = world.ctx_of(&first).await.unwrap();
    let done = step_up(&ctx, &world.id, StepUp::Password(secret(PASSWORD)))
        .await
        .unwrap();
    let Credential::Cookie { cookie, .. } = done.credential else {
        panic!("no token for a browser");
    };
    authenticate_cookie(&replica, &cookie).await.unwrap();
    assert!(authenticate_cookie(&replica, &first).await.is_err());
}

#[tokio::test]
async fn the_second_factor_opens_the_kind_of_session_that_is_asked_for() {
    let world = World::new();
    world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    let made = enrol(&ctx, &world.id).await.unwrap();
    let app = TotpSecret::from_base32(made.secret.expose()).unwrap();
    let code = app.code(world.now());
    assert!(
        confirm(&ctx, &world.id, Confirm { code })
            .await
            .unwrap()
            .cookie
            .is_none()
    );
    world.pass(std::time::Duration::from_secs(30));
    let LoggedIn::Challenged(challenged) = world.by_cookie("ada").await else {
        panic!("a second factor is asked for");
    };
    let command = Verify {
        challenge: challenged.challenge,
        factor: Presented {
            method: Method::Totp,
            code: app.code(world.now()),
        }
        .into(),
        client: BROWSER,
    };
    let Opened::Cookie(session) = verify(&anonymous(), &world.id, command).await.unwrap() else {
        panic!("a cookie was asked for");
    };
    let ctx = world.ctx_of(&session.cookie).await.unwrap();
    assert_eq!(ctx.assurance.unwrap().aal, Aal::Aal2);
}

#[tokio::test]
async fn whoever_may_do_more_or_less_signs_in_anew() {
    let world = World::new();
    let user = world.user("ada", &[]).await;
    let browser = world.browser("ada").await;
    let tokens = world.login("ada").await;
    let command = AssignRoles {
        user_id: user.id,
        roles: vec!["auditor".to_owned()],
        expected_version: Some(user.stamps.version),
    };
    assign(&operator(), &world.id, command).await.unwrap();
    assert!(world.ctx_of(&browser.cookie).await.is_none());
    assert!(
        world.is_live(&tokens).await,
        "rights are looked up; a token tells of the proof alone"
    );
}
