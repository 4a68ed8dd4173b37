//! Registration and recovery by mail, with a catcher in the place of a mail server.

use std::time::Duration;

use vutf_identity::{
    Settings, UserStatus,
    invitation::invite::{Invite, InviteError, invite},
    link::LinkPurpose,
    mail::{
        Letter, MailReader as _,
        compose::Site,
        deliver::{Settled, Taken, settle, take},
    },
    mfa::{
        TotpSecret,
        confirm::{Confirm, confirm},
        enrol::enrol,
    },
    role::permission,
    session::login::LoggedIn,
    user::{
        change_email::{
            ChangeEmail, ChangeEmailError, ConfirmEmail, ConfirmEmailError, change_email, confirm_email,
        },
        change_password::{ChangePassword, change_password},
        forgot_password::{AskForLink, forgot_password, resend_verification},
        lock::{Lock, lock},
        object_email::{ObjectEmail, object_email},
        register::{Register, RegisterError, register},
        reset_password::{ResetPassword, ResetPasswordError, reset_password},
        self_unlock::{SelfUnlock, self_unlock},
        verify_email::{VerifyEmail, verify_email},
    },
};
use vutf_kernel::{Actor, Ctx, Mail, MailError, OrganizationId, UserId};

use crate::support::{PASSWORD, World, anonymous, email, operator, request, secret, username};

const NEXT: &str = "seven quiet copper lanterns";
const HELD: Duration = Duration::from_mins(1);
const PARALLEL: usize = 32;

fn postman() -> Ctx {
    let actor = Actor::System { job: "mail".into() };
    Ctx::internal(OrganizationId::DEFAULT, actor, request())
}

pub(super) fn mailing(verified_at_once: bool) -> World {
    let mut settings = Settings::new("https://id.example.org", "violentutf-api");
    settings.open_registration = true;
    settings.verified_at_once = verified_at_once;
    settings.mail.enabled = true;
    World::with(settings)
}

impl World {
    async fn due(&self) -> Vec<Letter> {
        self.store.due(self.now(), 1_000).await.unwrap()
    }

    /// Everything that is sent now.
    pub(super) async fn caught(&self) -> Vec<Mail> {
        let site = Site::new("https://app.example.org");
        let mut mails = Vec::new();
        loop {
            let due = self.due().await;
            if due.is_empty() {
                return mails;
            }
            for letter in due {
                if let Taken::ToSend(letter) = take(&postman(), &self.id, letter, HELD).await.unwrap() {
                    mails.push(site.compose(&letter).unwrap());
                    let settled = settle(&postman(), &self.id, letter, Ok(())).await.unwrap();
                    assert_eq!(settled, Settled::Sent);
                }
            }
        }
    }

    /// The token of the one mail with a link.
    pub(super) async fn token(&self) -> String {
        let mails = self.caught().await;
        let mut links = mails.iter().filter_map(|mail| mail.link.as_ref());
        let link = links.next().unwrap().expose().clone();
        assert!(links.next().is_none(), "{mails:?}");
        token_of(&link)
    }

    pub(super) async fn forgot(&self, name: &str) {
        let email = email(name);
        forgot_password(&anonymous(), &self.id, AskForLink { email })
            .await
            .unwrap();
    }

    pub(super) async fn reset(&self, token: &str, password: &str) -> Result<(), ResetPasswordError> {
        let command = ResetPassword {
            token: secret(token),
            password: secret(password),
        };
        reset_password(&anonymous(), &self.id, command).await
    }
}

fn token_of(link: &str) -> String {
    link.split_once("#token=").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_forgotten_password_is_set_by_a_link_once_and_everything_of_before_ends() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    let before = world.login("ada").await;
    world.forgot("ada").await;
    let mails = world.caught().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["ada@example.org"]);
    let link = mails[0].link.as_ref().unwrap().expose().clone();
    assert!(link.starts_with("https://app.example.org/reset-password#token="));
    let token = token_of(&link);
    // What is no good may be tried again with the same link.
    let short = world.reset(&token, "short").await.unwrap_err();
    assert_eq!(short.code(), "password_too_short");
    world.reset(&token, NEXT).await.unwrap();
    assert!(!world.is_live(&before).await);
    assert!(world.try_login("ada", PASSWORD).await.is_err());
    world.try_login("ada", NEXT).await.unwrap();
    let again = world
        .reset(&token, "another quiet copper lantern")
        .await
        .unwrap_err();
    assert_eq!(again.code(), "link_invalid");
    let notice = world.caught().await;
    assert_eq!(notice.len(), 1);
    assert!(notice[0].subject.starts_with("Your password was reset") && notice[0].link.is_none());
    assert_eq!(world.refusals("password.reset"), ["unknown_link"]);
    assert_eq!(world.successes("password.reset"), 1);
}

#[tokio::test]
async fn who_is_unknown_or_barred_is_sent_nothing_and_only_the_log_knows() {
    let world = mailing(true);
    let barred = world.user("bob", &[]).await;
    lock(&operator(), &world.id, Lock { user_id: barred.id })
        .await
        .unwrap();
    for name in ["nobody", "bob"] {
        world.forgot(name).await;
    }
    assert!(world.caught().await.is_empty());
    assert_eq!(world.successes("password.forgot"), 2);
    // In one and the same instant: neither is before the other.
    let mut reasons = world.refusals("link.issue");
    reasons.sort_unstable();
    assert_eq!(reasons, ["locked", "unknown_account"]);
}

#[tokio::test]
async fn a_newer_link_ends_the_older_and_mails_have_a_pause() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    world.forgot("ada").await;
    let first = world.token().await;
    world.forgot("ada").await;
    assert!(world.caught().await.is_empty(), "too soon");
    assert_eq!(world.refusals("link.issue"), ["too_soon"]);
    world.pass(Duration::from_mins(1));
    world.forgot("ada").await;
    let second = world.token().await;
    assert_eq!(
        world.reset(&first, NEXT).await.unwrap_err().code(),
        "link_invalid"
    );
    world.reset(&second, NEXT).await.unwrap();
}

#[tokio::test]
async fn a_link_is_over_after_its_time_and_is_not_sent_any_more() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    world.forgot("ada").await;
    let token = world.token().await;
    world.pass(Duration::from_mins(15));
    assert_eq!(
        world.reset(&token, NEXT).await.unwrap_err().code(),
        "link_invalid"
    );
    assert_eq!(world.refusals("password.reset"), ["expired_link"]);
    // One that was answered and not sent.
    world.forgot("ada").await;
    let request = world.due().await.remove(0);
    assert!(matches!(
        take(&postman(), &world.id, request, HELD).await.unwrap(),
        Taken::Answered
    ));
    world.pass(Duration::from_mins(15));
    let late = world.due().await.remove(0);
    assert!(matches!(
        take(&postman(), &world.id, late, HELD).await.unwrap(),
        Taken::GivenUp
    ));
    assert_eq!(world.refusals("mail.give_up"), ["expired"]);
    assert!(world.due().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_use_a_link_at_once_one_succeeds() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    world.forgot("ada").await;
    let token = world.token().await;
    let mut tasks = tokio::task::JoinSet::new();
    for racer in 0..PARALLEL {
        let (id, token) = (world.id.clone(), secret(&token));
        let password = secret(&format!("seven quiet copper lanterns {racer}"));
        tasks
            .spawn(async move { reset_password(&anonymous(), &id, ResetPassword { token, password }).await });
    }
    let done = tasks.join_all().await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
    assert_eq!(world.successes("password.reset"), 1);
}

#[tokio::test]
async fn a_reset_leaves_the_second_factor_and_clears_the_failures() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    let signed_in = world.login("ada").await;
    let ctx = world.ctx(&signed_in).await;
    let made = enrol(&ctx, &world.id).await.unwrap();
    let app = TotpSecret::from_base32(made.secret.expose()).unwrap();
    let code = app.code(world.now());
    confirm(&ctx, &world.id, Confirm { code }).await.unwrap();
    assert!(
        world.caught().await[0]
            .subject
            .starts_with("A second factor was added")
    );
    for _ in 0..5 {
        world
            .first_step("ada", "wrong password, wrong")
            .await
            .unwrap_err();
    }
    world.forgot("ada").await;
    let mails = world.caught().await;
    let reset = mails
        .iter()
        .find(|mail| mail.reference.starts_with("reset-"))
        .unwrap();
    let token = token_of(reset.link.as_ref().unwrap().expose());
    world.reset(&token, NEXT).await.unwrap();
    assert!(matches!(
        world.first_step("ada", NEXT).await.unwrap(),
        LoggedIn::Challenged(_)
    ));
}

#[tokio::test]
async fn a_change_of_the_password_ends_links_and_is_told() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    world.forgot("ada").await;
    let token = world.token().await;
    let ctx = world.ctx(&world.login("ada").await).await;
    let command = ChangePassword {
        current: secret(PASSWORD),
        new: secret(NEXT),
        keep_other_sessions: false,
    };
    change_password(&ctx, &world.id, command).await.unwrap();
    assert!(
        world.caught().await[0]
            .subject
            .starts_with("Your password was changed")
    );
    assert_eq!(
        world.reset(&token, PASSWORD).await.unwrap_err().code(),
        "link_invalid"
    );
}

async fn registered(world: &World, name: &str) -> UserId {
    let command = Register {
        invitation: None,
        username: username(name),
        email: email(name),
        password: secret(PASSWORD),
    };
    register(&anonymous(), &world.id, command).await.unwrap().id
}

#[tokio::test]
async fn an_address_is_verified_by_a_link_and_only_then_leads_in() {
    let world = mailing(false);
    registered(&world, "ada").await;
    assert!(world.try_login("ada", PASSWORD).await.is_err());
    let first = world.token().await;
    world.pass(Duration::from_mins(1));
    let ask = |name| AskForLink { email: email(name) };
    resend_verification(&anonymous(), &world.id, ask("ada"))
        .await
        .unwrap();
    resend_verification(&anonymous(), &world.id, ask("nobody"))
        .await
        .unwrap();
    let token = secret(&world.token().await);
    let verify = async |token| verify_email(&anonymous(), &world.id, VerifyEmail { token }).await;
    assert_eq!(verify(secret(&first)).await.unwrap_err().code(), "link_invalid");
    verify(token.clone()).await.unwrap();
    world.login("ada").await;
    assert_eq!(verify(token).await.unwrap_err().code(), "link_invalid");
    world.pass(Duration::from_mins(1));
    resend_verification(&anonymous(), &world.id, ask("ada"))
        .await
        .unwrap();
    assert!(world.caught().await.is_empty());
    assert_eq!(world.refusals("session.login"), ["unverified"]);
    let reasons = world.refusals("link.issue");
    assert_eq!(reasons, ["unknown_account", "already_verified"]);
}

#[tokio::test]
async fn a_link_is_good_for_its_purpose_alone() {
    let world = mailing(false);
    registered(&world, "ada").await;
    let token = world.token().await;
    assert_eq!(
        world.reset(&token, NEXT).await.unwrap_err().code(),
        "link_invalid"
    );
    let unlock = SelfUnlock {
        token: secret(&token),
    };
    assert_eq!(
        self_unlock(&anonymous(), &world.id, unlock)
            .await
            .unwrap_err()
            .code(),
        "link_invalid"
    );
    assert_eq!(world.refusals("password.reset"), ["link_of_another_purpose"]);
    verify_email(
        &anonymous(),
        &world.id,
        VerifyEmail {
            token: secret(&token),
        },
    )
    .await
    .unwrap();
}

/// Asks for a change; answers the tokens for the new and for the old address.
pub(super) async fn changing(world: &World, ctx: &Ctx, to: &str) -> (String, String) {
    change_email(ctx, &world.id, ChangeEmail { email: email(to) })
        .await
        .unwrap();
    let mails = world.caught().await;
    let token = |kind: &str| {
        let mail = mails
            .iter()
            .find(|mail| mail.reference.starts_with(kind))
            .unwrap();
        (mail.to[0].clone(), token_of(mail.link.as_ref().unwrap().expose()))
    };
    let ((new, change), (_, object)) = (token("email_change-"), token("email_objection-"));
    assert_eq!(new, email(to).expose());
    (change, object)
}

pub(super) async fn confirmed(world: &World, token: &str) -> Result<(), ConfirmEmailError> {
    let token = secret(token);
    confirm_email(&anonymous(), &world.id, ConfirmEmail { token }).await
}

#[tokio::test]
async fn an_address_changes_by_a_link_to_the_new_one_and_its_old_owner_takes_it_back() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    let signed_in = world.login("ada").await;
    let ctx = world.ctx(&signed_in).await;
    let (change, object) = changing(&world, &ctx, "eve").await;
    world.forgot("ada").await;
    let reset = world.token().await;
    confirmed(&world, &change).await.unwrap();
    assert!(confirmed(&world, &change).await.is_err());
    let told = world.caught().await;
    assert_eq!((told.len(), told[0].to[0].as_str()), (1, "ada@example.org"));
    // What was mailed to the old address is over, but for the objection, which another change must not end.
    assert!(world.reset(&reset, NEXT).await.is_err());
    let again = change_email(
        &ctx,
        &world.id,
        ChangeEmail {
            email: email("mallory"),
        },
    )
    .await;
    assert!(matches!(again, Err(ChangeEmailError::Recent)));
    let command = ChangePassword {
        current: secret(PASSWORD),
        new: secret(NEXT),
        keep_other_sessions: false,
    };
    change_password(&ctx, &world.id, command).await.unwrap();
    world.caught().await;

    let token = secret(&object);
    let objected = object_email(&anonymous(), &world.id, ObjectEmail { token })
        .await
        .unwrap();
    assert!(objected.address_restored);
    assert!(!world.is_live(&signed_in).await);
    assert!(
        world.try_login("ada", NEXT).await.is_err(),
        "the password is gone"
    );
    let mails = world.caught().await;
    assert_eq!(mails[0].to, ["ada@example.org"]);
    world
        .reset(&token_of(mails[0].link.as_ref().unwrap().expose()), PASSWORD)
        .await
        .unwrap();
    world.try_login("ada@example.org", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_change_asks_for_a_fresh_proof_and_an_objection_before_it_ends_it() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    let ctx = world.ctx(&world.login("ada").await).await;
    let (change, object) = changing(&world, &ctx, "eve").await;
    let token = secret(&object);
    object_email(&anonymous(), &world.id, ObjectEmail { token })
        .await
        .unwrap();
    assert!(confirmed(&world, &change).await.is_err());
    world.user("bob", &[]).await;
    let ctx = world.ctx(&world.login("bob").await).await;
    world.pass(Duration::from_mins(6));
    let stale = change_email(&ctx, &world.id, ChangeEmail { email: email("eve") }).await;
    assert!(matches!(stale, Err(ChangeEmailError::Fresh(_))));
    let same = ChangeEmail { email: email("bob") };
    assert!(change_email(&ctx, &world.id, same).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_take_an_address_at_once_one_has_it() {
    let world = mailing(true);
    let mut tokens = Vec::new();
    for person in 0..8 {
        let name = format!("person{person}");
        world.user(&name, &[]).await;
        let ctx = world.ctx(&world.login(&name).await).await;
        tokens.push(changing(&world, &ctx, "wanted").await.0);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for token in tokens {
        let (id, token) = (world.id.clone(), secret(&token));
        tasks.spawn(async move { confirm_email(&anonymous(), &id, ConfirmEmail { token }).await });
    }
    let done = tasks.join_all().await;
    let codes: Vec<_> = done
        .iter()
        .filter_map(|done| done.as_ref().err().map(ConfirmEmailError::code))
        .collect();
    assert_eq!(codes, ["identity_taken"; 7]);
}

#[tokio::test]
async fn the_owner_is_told_of_a_lockout_once_and_lifts_it() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    let guess = async |name| {
        for _ in 0..6 {
            world.first_step(name, "wrong password, wrong").await.unwrap_err();
        }
    };
    guess("nobody-of-that-name").await;
    guess("ada").await;
    assert!(world.try_login("ada", PASSWORD).await.is_err(), "barred");
    let mails = world.caught().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(mails[0].to, ["ada@example.org"]);
    world.pass(Duration::from_mins(10));
    guess("ada").await;
    assert!(world.caught().await.is_empty(), "one mail a period");
    let token = secret(&token_of(mails[0].link.as_ref().unwrap().expose()));
    self_unlock(&anonymous(), &world.id, SelfUnlock { token: token.clone() })
        .await
        .unwrap();
    world.login("ada").await;
    assert!(
        self_unlock(&anonymous(), &world.id, SelfUnlock { token })
            .await
            .is_err()
    );
    assert_eq!(world.refusals("link.issue"), ["unknown_account", "too_soon"]);
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_and_given_up_in_the_end() {
    let world = mailing(true);
    let user = world.user("ada", &[]).await;
    assert_eq!(user.status, UserStatus::Active);
    let ctx = world.ctx(&world.login("ada").await).await;
    let command = ChangePassword {
        current: secret(PASSWORD),
        new: secret(NEXT),
        keep_other_sessions: true,
    };
    change_password(&ctx, &world.id, command).await.unwrap();
    let away = |is_final| MailError {
        reason: "away".to_owned(),
        is_final,
    };
    for attempt in 1..=8 {
        let letter = world.due().await.remove(0);
        let mut claims = Vec::new();
        for _ in 0..2 {
            claims.push(take(&postman(), &world.id, letter.clone(), HELD).await.unwrap());
        }
        assert!(matches!(claims[1], Taken::Gone), "it is claimed");
        assert!(world.due().await.is_empty());
        let Taken::ToSend(letter) = claims.remove(0) else {
            panic!("it is to be sent");
        };
        assert_eq!(letter.attempts, attempt);
        let settled = settle(&postman(), &world.id, letter, Err(away(false)))
            .await
            .unwrap();
        let wanted = if attempt < 8 {
            Settled::Postponed
        } else {
            Settled::GivenUp
        };
        assert_eq!(settled, wanted);
        world.pass(Duration::from_hours(1));
    }
    assert!(world.due().await.is_empty());
    assert_eq!(world.refusals("mail.give_up"), ["undeliverable"]);
}

#[tokio::test]
async fn whoever_died_after_a_claim_leaves_the_letter_to_another() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    world.forgot("ada").await;
    let request = world.due().await.remove(0);
    take(&postman(), &world.id, request, HELD).await.unwrap();
    let letter = world.due().await.remove(0);
    assert!(matches!(
        take(&postman(), &world.id, letter, HELD).await.unwrap(),
        Taken::ToSend(_)
    ));
    assert!(world.caught().await.is_empty());
    world.pass(HELD);
    assert_eq!(world.caught().await.len(), 1);
}

#[tokio::test]
async fn nobody_else_works_on_the_queue_and_without_mail_nothing_is_queued() {
    let world = mailing(true);
    world.user("ada", &[]).await;
    world.forgot("ada").await;
    let letter = world.due().await.remove(0);
    let refused = take(&anonymous(), &world.id, letter, HELD).await.unwrap_err();
    assert_eq!(refused.code(), "operator_only");
    let silent = World::new();
    silent.user("ada", &[]).await;
    let ask = AskForLink { email: email("ada") };
    let refused = forgot_password(&anonymous(), &silent.id, ask).await.unwrap_err();
    assert_eq!(refused.code(), "mail_off");
    assert!(silent.due().await.is_empty());
    assert_eq!(LinkPurpose::ALL.len(), 5);
}

fn by_invitation() -> World {
    let mut settings = Settings::new("https://id.example.org", "violentutf-api");
    settings.by_invitation = true;
    settings.mail.enabled = true;
    World::with(settings)
}

async fn invited(world: &World, ctx: &Ctx, name: &str, roles: &[&str]) -> Result<String, InviteError> {
    let command = Invite {
        email: email(name),
        roles: roles.iter().map(ToString::to_string).collect(),
    };
    invite(ctx, &world.id, command).await?;
    Ok(world.token().await)
}

async fn accept(world: &World, name: &str, token: Option<&str>) -> Result<UserId, RegisterError> {
    let command = Register {
        username: username(name),
        email: email(name),
        password: secret(PASSWORD),
        invitation: token.map(secret),
    };
    Ok(register(&anonymous(), &world.id, command).await?.id)
}

#[tokio::test]
async fn who_is_invited_registers_once_with_the_roles_of_the_invitation() {
    let world = by_invitation();
    let uninvited = accept(&world, "ada", None).await.unwrap_err();
    assert_eq!(uninvited.code(), "invitation_needed");
    let token = invited(&world, &operator(), "ada", &["auditor"]).await.unwrap();
    for (name, token) in [("eve", token.as_str()), ("ada", "vutf_ln_nothing")] {
        let refused = accept(&world, name, Some(token)).await.unwrap_err();
        assert_eq!(refused.code(), "invitation_invalid", "{name}");
    }
    accept(&world, "ada", Some(&token)).await.unwrap();
    let ctx = world.ctx(&world.login("ada").await).await;
    assert!(ctx.may(&permission::AUDIT_READ));
    let again = invited(&world, &operator(), "ada", &[]).await.unwrap_err();
    assert_eq!(again.code(), "already_registered");
    let token = invited(&world, &operator(), "bob", &[]).await.unwrap();
    world.pass(Duration::from_hours(7 * 24));
    assert!(accept(&world, "bob", Some(&token)).await.is_err());
}

#[tokio::test]
async fn nobody_invites_to_more_than_they_hold_then_or_later() {
    let world = by_invitation();
    world.user("manager", &["user_manager"]).await;
    let ctx = world.ctx(&world.login("manager").await).await;
    let beyond = invited(&world, &ctx, "eve", &["super_admin"]).await.unwrap_err();
    assert!(matches!(beyond, InviteError::Rule(_)), "{beyond}");
    let admin = world.admin("admin").await;
    world.admin("other").await;
    let ctx = world.ctx(&world.login("admin").await).await;
    let token = invited(&world, &ctx, "ada", &["auditor"]).await.unwrap();
    lock(&operator(), &world.id, Lock { user_id: admin.id })
        .await
        .unwrap();
    let refused = accept(&world, "ada", Some(&token)).await.unwrap_err();
    assert_eq!(refused.code(), "invitation_invalid");
}
