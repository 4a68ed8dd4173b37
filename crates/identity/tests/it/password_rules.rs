//! Passwords beside a second factor, and the rules that the standard gave up.

use std::time::Duration;

use vutf_identity::{
    Settings,
    mfa::{
        remove::remove,
        reset::{ResetMfa, reset},
    },
    password::{LegacyPolicy, PasswordPolicy},
    repo::PasswordRecord,
    session::{SignedIn, login::LoggedIn},
    user::{
        change_password::{ChangePassword, change_password},
        create::{CreateUser, create},
    },
};
use vutf_kernel::{Ctx, OrganizationId, Outcome, UserId};

use crate::{
    mfa::{Owner, totp},
    recovery::mailing,
    support::{PASSWORD, World, email, operator, secret, username},
};

const HOME: OrganizationId = OrganizationId::DEFAULT;
const DAY: Duration = Duration::from_hours(24);
const SHORT: &str = "tin kite";
const PHRASES: [&str; 4] = [
    "seven quiet copper lanterns",
    "eight noisy silver trumpets",
    "nine patient wooden ladders",
    "ten curious marble statues",
];

fn ruled(legacy: LegacyPolicy) -> World {
    let mut settings = Settings::new("https://id.example.org", "violentutf-api");
    settings.open_registration = true;
    settings.verified_at_once = true;
    settings.mail.enabled = true;
    settings.password = PasswordPolicy::default().with_legacy(legacy);
    World::with(settings)
}

impl World {
    async fn set(&self, ctx: &Ctx, current: &str, new: &str) -> Result<(), &'static str> {
        let command = ChangePassword {
            current: secret(current),
            new: secret(new),
            keep_other_sessions: true,
        };
        let changed = change_password(ctx, &self.id, command).await;
        changed.map(|_| ()).map_err(|error| match error {
            vutf_identity::user::change_password::ChangePasswordError::Password(error) => error.code,
            other => other.code(),
        })
    }
    async fn stored(&self, user: UserId) -> (PasswordRecord, usize) {
        let mut unit = vutf_kernel::Units::begin(&*self.id.store).await.unwrap();
        let present = unit.passwords().find(HOME, user).await.unwrap().unwrap();
        let past = unit.passwords().past(HOME, user, 100).await.unwrap();
        (present, past.len())
    }
    /// Both steps of a sign-in with that password.
    async fn with_both(&self, owner: &Owner, name: &str, password: &str) -> SignedIn {
        self.pass(Duration::from_secs(30));
        let LoggedIn::Challenged(challenged) = self.first_step(name, password).await.unwrap() else {
            panic!("no second factor is asked for");
        };
        let factor = totp(&owner.app.code(self.now()));
        self.verify(&challenged.challenge, factor).await.unwrap()
    }
    fn why_due(&self) -> Vec<String> {
        let events = self.store.events().into_iter();
        let logins =
            events.filter(|event| event.outcome == Outcome::Success && event.action.starts_with("session."));
        let texts = logins.map(|event| format!("{:?}", event.details));
        texts.filter(|text| text.contains("password_due")).collect()
    }
}

#[tokio::test]
async fn a_short_password_needs_a_second_factor_when_it_is_set() {
    let world = World::new();
    let user = world.user("grace", &[]).await;
    let ctx = world.ctx(&world.login("grace").await).await;
    assert_eq!(world.set(&ctx, PASSWORD, SHORT).await, Err("password_too_short"));
    let owner = world.enrolled("ada", &[]).await;
    let ctx = world.ctx(&owner.signed_in).await;
    assert_eq!(world.set(&ctx, PASSWORD, "kite").await, Err("password_too_short"));
    assert_eq!(world.set(&ctx, PASSWORD, SHORT).await, Ok(()));
    let ada = ctx.actor.user_id().unwrap();
    assert!(world.stored(ada).await.0.beside_factor);
    assert!(!world.stored(user.id).await.0.beside_factor);
    assert!(!world.with_both(&owner, "ada", SHORT).await.password_due);
}

#[tokio::test]
async fn the_last_factor_stays_while_the_password_is_short() {
    let world = World::new();
    let owner = world.enrolled("ada", &[]).await;
    let ctx = world.ctx(&owner.signed_in).await;
    world.set(&ctx, PASSWORD, SHORT).await.unwrap();
    assert_eq!(
        remove(&ctx, &world.id).await.unwrap_err().code(),
        "password_needs_mfa"
    );
    assert_eq!(world.refusals("mfa.remove"), ["password_needs_mfa"]);
    world.set(&ctx, SHORT, PHRASES[0]).await.unwrap();
    remove(&ctx, &world.id).await.unwrap();
    let alone = world.try_login("ada", PHRASES[0]).await.unwrap();
    assert!(!alone.password_due);
}

#[tokio::test]
async fn a_short_password_whose_factor_was_taken_away_opens_nothing_but_its_change() {
    let world = World::new();
    let owner = world.enrolled("ada", &["auditor"]).await;
    let ctx = world.ctx(&owner.signed_in).await;
    let user_id = ctx.actor.user_id().unwrap();
    world.set(&ctx, PASSWORD, SHORT).await.unwrap();
    reset(&operator(), &world.id, ResetMfa { user_id }).await.unwrap();
    let signed_in = world.try_login("ada", SHORT).await.unwrap();
    assert!(signed_in.password_due);
    assert!(world.why_due()[0].contains("second_factor_gone"));
    let ctx = world.ctx(&signed_in).await;
    let may: Vec<_> = ctx
        .grants
        .iter()
        .map(|granted| granted.as_str().to_owned())
        .collect();
    assert_eq!(may, ["self:manage"]);
    assert_eq!(
        world.set(&ctx, SHORT, "tin kites").await,
        Err("password_too_short"),
        "there is no second factor any more"
    );
    world.set(&ctx, SHORT, PHRASES[0]).await.unwrap();
    assert!(!world.try_login("ada", PHRASES[0]).await.unwrap().password_due);
    assert!(!world.stored(user_id).await.0.beside_factor);
}

#[tokio::test]
async fn a_reset_by_mail_may_set_a_short_password_where_a_factor_stays() {
    let world = mailing(true);
    world.user("grace", &[]).await;
    world.forgot("grace").await;
    let token = world.token().await;
    let refused = world.reset(&token, SHORT).await.unwrap_err();
    assert_eq!(refused.code(), "password_too_short");
    let owner = world.enrolled("ada", &[]).await;
    world.caught().await;
    world.forgot("ada").await;
    world.reset(&world.token().await, SHORT).await.unwrap();
    assert!(!world.with_both(&owner, "ada", SHORT).await.password_due);
}

#[tokio::test]
async fn the_last_passwords_are_refused_and_no_more_are_kept() {
    let world = ruled(LegacyPolicy::new(0, 3, None).unwrap());
    let user = world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    world.set(&ctx, PASSWORD, PHRASES[0]).await.unwrap();
    assert_eq!(
        world.set(&ctx, PHRASES[0], PASSWORD).await,
        Err("password_reused")
    );
    world.set(&ctx, PHRASES[0], PHRASES[1]).await.unwrap();
    for before in [PASSWORD, PHRASES[0]] {
        assert_eq!(world.set(&ctx, PHRASES[1], before).await, Err("password_reused"));
        assert_eq!(
            world.set(&ctx, "not the right phrase", before).await,
            Err("wrong_password"),
            "only whoever knows the present one is told"
        );
    }
    // The third before the present one may come again.
    world.set(&ctx, PHRASES[1], PHRASES[2]).await.unwrap();
    assert_eq!(world.stored(user.id).await.1, 2);
    world.set(&ctx, PHRASES[2], PASSWORD).await.unwrap();
    assert_eq!(world.stored(user.id).await.1, 2);
}

#[tokio::test]
async fn a_password_of_before_is_no_wrong_guess() {
    let world = ruled(LegacyPolicy::new(0, 2, None).unwrap());
    world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    world.set(&ctx, PASSWORD, PHRASES[0]).await.unwrap();
    for _ in 0..10 {
        assert_eq!(
            world.set(&ctx, PHRASES[0], PASSWORD).await,
            Err("password_reused")
        );
    }
    world.try_login("ada", PHRASES[0]).await.unwrap();
}

#[tokio::test]
async fn a_reset_refuses_the_last_passwords_too_and_the_link_stays_good() {
    let world = ruled(LegacyPolicy::new(0, 2, None).unwrap());
    let user = world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    world.set(&ctx, PASSWORD, PHRASES[0]).await.unwrap();
    world.caught().await;
    world.forgot("ada").await;
    let token = world.token().await;
    for before in [PASSWORD, PHRASES[0]] {
        let refused = world.reset(&token, before).await.unwrap_err();
        assert_eq!(refused.code(), "password_reused");
    }
    world.reset(&token, PHRASES[1]).await.unwrap();
    assert_eq!(world.stored(user.id).await.1, 1);
}

#[tokio::test]
async fn without_the_rule_nothing_of_before_is_kept() {
    let mut world = ruled(LegacyPolicy::new(0, 4, None).unwrap());
    let user = world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    world.set(&ctx, PASSWORD, PHRASES[0]).await.unwrap();
    assert_eq!(world.stored(user.id).await.1, 1);
    let mut settings = (*world.id.settings).clone();
    settings.password = PasswordPolicy::default();
    world.id.settings = std::sync::Arc::new(settings);
    world.set(&ctx, PHRASES[0], PASSWORD).await.unwrap();
    assert_eq!(world.stored(user.id).await.1, 0);
}

#[tokio::test]
async fn kinds_of_characters_are_asked_for_wherever_a_password_is_set() {
    let world = ruled(LegacyPolicy::new(3, 0, None).unwrap());
    let with = async |password: &str| {
        let command = CreateUser {
            username: username("ada"),
            email: email("ada"),
            password: Some(secret(password)),
            display_name: None,
            phone: None,
            roles: Vec::new(),
        };
        let made = create(&operator(), &world.id, command).await;
        made.map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(with(PASSWORD).await, Err("password_composition"));
    let three = "Correct horse battery staple";
    with(three).await.unwrap();
    let ctx = world.ctx(&world.try_login("ada", three).await.unwrap()).await;
    assert_eq!(
        world.set(&ctx, three, PHRASES[0]).await,
        Err("password_composition")
    );
    world.caught().await;
    world.forgot("ada").await;
    let token = world.token().await;
    let refused = world.reset(&token, PHRASES[0]).await.unwrap_err();
    assert_eq!(refused.code(), "password_composition");
    world
        .reset(&token, "seven quiet copper lanterns, 7")
        .await
        .unwrap();
}

#[tokio::test]
async fn an_old_password_is_changed_before_anything_else() {
    let world = ruled(LegacyPolicy::new(0, 0, Some(DAY * 90)).unwrap());
    world.user("ada", &["auditor"]).await;
    world.pass(DAY * 89);
    assert!(!world.login("ada").await.password_due);
    world.pass(DAY);
    let signed_in = world.login("ada").await;
    assert!(signed_in.password_due);
    assert!(world.why_due()[0].contains("max_age"));
    let ctx = world.ctx(&signed_in).await;
    assert_eq!(ctx.grants.iter().count(), 1);
    world.set(&ctx, PASSWORD, PHRASES[0]).await.unwrap();
    assert!(!world.try_login("ada", PHRASES[0]).await.unwrap().password_due);
}
