//! What an administrator of the database can do to mailed links and to what waits to be sent.

use vutf_app::UnitOfWork;
use vutf_identity::{
    User,
    link::LinkPurpose,
    mail::{MailKind, MailReader as _},
};
use vutf_kernel::OrganizationId;
use vutf_testkit::factory::Factory;

use crate::world::World;

on_both!(
    a_link_that_somebody_else_made_is_refused,
    a_letter_that_was_moved_is_not_read,
    a_row_that_was_changed_holds_nothing_up,
    an_invitation_to_other_roles_is_refused
);

const HOME: OrganizationId = OrganizationId::DEFAULT;

/// One link of `user` and one letter.
pub(crate) async fn mailed(unit: &mut dyn UnitOfWork, factory: &mut Factory, user: &User) {
    let link = factory.link(user, LinkPurpose::ResetPassword);
    unit.links().put(&link).await.unwrap();
    let letter = factory.letter(Some(user), MailKind::Reset);
    unit.mail().push(&letter).await.unwrap();
    let (claimed, until) = (unit.mail().claim(&letter, factory.now()).await, factory.now());
    assert!(claimed.unwrap());
    unit.mail().postpone(letter.id, until).await.unwrap();
    let invitation = factory.invitation();
    unit.invitations().put(&invitation).await.unwrap();
    assert!(unit.invitations().remove(HOME, invitation.id).await.unwrap());
}

async fn person(world: &World, factory: &mut Factory) -> User {
    let user = factory.user();
    let mut unit = world.unit().await;
    unit.users().insert(&user).await.unwrap();
    mailed(&mut *unit, factory, &user).await;
    unit.commit().await.unwrap();
    user
}

/// Whoever may write to the table would otherwise take over any account.
async fn a_link_that_somebody_else_made_is_refused(world: World) {
    let mut factory = Factory::new(0x3FB1);
    let (victim, own) = (
        person(&world, &mut factory).await,
        person(&world, &mut factory).await,
    );
    let hash = if world.is_postgres() {
        "'\\x00'::bytea"
    } else {
        "X'00'"
    };
    for change in [
        format!("UPDATE account_links SET link_hash = {hash}"),
        "UPDATE account_links SET purpose = 'unlock'".to_owned(),
        "UPDATE account_links SET expires_at = expires_at + 1".to_owned(),
        "UPDATE account_links SET row_mac = NULL".to_owned(),
    ] {
        let mut unit = world.unit().await;
        let link = factory.link(&victim, LinkPurpose::ResetPassword);
        unit.links().put(&link).await.unwrap();
        unit.links().end(HOME, own.id, &LinkPurpose::ALL).await.unwrap();
        unit.commit().await.unwrap();
        world.sql(&change).await;
        let mut unit = world.unit().await;
        for purpose in [LinkPurpose::ResetPassword, LinkPurpose::Unlock] {
            let found = unit.links().of_user(HOME, victim.id, purpose).await;
            assert!(!matches!(found, Ok(Some(_))), "{change}");
        }
        unit.links()
            .end(HOME, victim.id, &LinkPurpose::ALL)
            .await
            .unwrap();
        unit.commit().await.unwrap();
    }
}

/// A letter of somebody else would be sent to whom it is not for.
async fn a_letter_that_was_moved_is_not_read(world: World) {
    let mut factory = Factory::new(0x3FB2);
    let user = person(&world, &mut factory).await;
    let other = factory.letter(Some(&user), MailKind::PasswordChanged);
    let mut unit = world.unit().await;
    unit.mail().push(&other).await.unwrap();
    unit.commit().await.unwrap();
    let id = world.id(other.id.as_uuid());
    world
        .sql(&format!(
            "UPDATE mail_outbox SET content_ct = (SELECT content_ct FROM mail_outbox WHERE kind = 'reset') WHERE id = {id}"
        ))
        .await;
    world
        .sql("UPDATE mail_outbox SET kind = 'lockout' WHERE kind = 'reset'")
        .await;
    let due = world.store.due(factory.now(), 10).await.unwrap();
    assert_eq!(due.len(), 2);
    assert!(due.iter().all(|letter| letter.content.is_none()));
}

/// Whatever is written into a row, what waits behind it is found.
async fn a_row_that_was_changed_holds_nothing_up(world: World) {
    let mut factory = Factory::new(0x3FB4);
    let user = person(&world, &mut factory).await;
    let blob = if world.is_postgres() {
        "'\\x00'::bytea"
    } else {
        "X'00'"
    };
    let changes = [
        (format!("content_ct = {blob}"), 2),
        ("request_id = 'two words'".to_owned(), 2),
        ("attempts = 9000000000".to_owned(), 2),
        ("kind = 'nothing'".to_owned(), 1),
    ];
    for (change, found) in changes {
        let good = factory.letter(Some(&user), MailKind::PasswordChanged);
        let mut unit = world.unit().await;
        unit.mail().remove_of(HOME, user.id).await.unwrap();
        let bad = factory.letter(Some(&user), MailKind::Reset);
        for letter in [&bad, &good] {
            unit.mail().push(letter).await.unwrap();
        }
        unit.commit().await.unwrap();
        let id = world.id(bad.id.as_uuid());
        world
            .sql(&format!("UPDATE mail_outbox SET {change} WHERE id = {id}"))
            .await;
        let due = world.store.due(factory.now(), 10).await.unwrap();
        assert_eq!(due.len(), found, "{change}");
        for letter in due {
            assert_eq!(letter.content.is_some(), letter.id == good.id, "{change}");
        }
    }
}

async fn an_invitation_to_other_roles_is_refused(world: World) {
    let mut factory = Factory::new(0x3FB3);
    let invitation = factory.invitation();
    let mut unit = world.unit().await;
    unit.invitations().put(&invitation).await.unwrap();
    unit.commit().await.unwrap();
    for change in [
        "UPDATE invitations SET roles = 'super_admin'",
        "UPDATE invitations SET roles = 'auditor user', expires_at = expires_at + 1",
    ] {
        world.sql(change).await;
        let mut unit = world.unit().await;
        let answer = unit.invitations().find(HOME, &invitation.hash).await;
        let text = answer.unwrap_err().chain();
        assert!(text.contains("invitations.row_mac of row"), "{text}");
    }
}
