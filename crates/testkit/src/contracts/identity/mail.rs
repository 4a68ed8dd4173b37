//! Mailed links are good once, one of each purpose; and what waits to be sent is one caller's at a time.

use std::time::Duration;

use vutf_identity::{
    User,
    invitation::Invitation,
    link::{Link, LinkPurpose},
    mail::{Letter, MailKind, MailReader},
    refresh::TokenHash,
};
use vutf_kernel::{PageRequest, PortError};

use super::{HOME, RACERS, Store, race, same, stored_user, winners};
use crate::{contracts::NEIGHBOUR, factory::Factory};

const HOUR: Duration = Duration::from_hours(1);

/// Runs the suite of links and of the queue over a store and its reader.
///
/// # Panics
/// Where the contract is broken.
pub async fn mail_contract(store: Store, reader: &dyn MailReader) {
    let mut factory = Factory::new(0x6D61);
    let factory = &mut factory;
    a_link_is_used_once_and_a_newer_one_ends_the_older(&store, factory).await;
    one_caller_uses_a_link(&store, factory).await;
    one_link_of_a_purpose_is_left_of_many(&store, factory).await;
    links_end_by_purpose_and_by_age(&store, factory).await;
    a_letter_is_read_as_it_was_queued(&store, reader, factory).await;
    one_caller_claims_a_letter(&store, reader, factory).await;
    letters_are_recalled_and_removed(&store, reader, factory).await;
    an_invitation_is_used_once_and_a_newer_one_ends_the_older(&store, factory).await;
}

async fn a_link_is_used_once_and_a_newer_one_ends_the_older(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let older = factory.link(&user, LinkPurpose::ResetPassword);
    let newer = factory.link(&user, LinkPurpose::ResetPassword);
    let other = factory.link(&user, LinkPurpose::Unlock);
    for link in [&older, &newer, &other] {
        once!(store, links.put(link)).unwrap();
    }
    assert_eq!(once!(store, links.find(HOME, &older.hash)).unwrap(), None);
    assert_eq!(
        once!(store, links.find(HOME, &newer.hash)).unwrap().as_ref(),
        Some(&newer)
    );
    assert_eq!(once!(store, links.find(NEIGHBOUR, &newer.hash)).unwrap(), None);
    let of = once!(store, links.of_user(HOME, user.id, LinkPurpose::Unlock)).unwrap();
    assert_eq!(of, Some(other));
    assert!(!once!(store, links.spend(NEIGHBOUR, &newer.hash)).unwrap());
    assert!(once!(store, links.spend(HOME, &newer.hash)).unwrap());
    assert!(!once!(store, links.spend(HOME, &newer.hash)).unwrap());
}

async fn one_caller_uses_a_link(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let link = factory.link(&user, LinkPurpose::ResetPassword);
    once!(store, links.put(&link)).unwrap();
    let hash = link.hash;
    let answers = race(store, move |_, tx| {
        Box::pin(async move { tx.links().spend(HOME, &hash).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
}

async fn one_link_of_a_purpose_is_left_of_many(store: &Store, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let links: Vec<Link> = (0..RACERS)
        .map(|_| factory.link(&user, LinkPurpose::VerifyEmail))
        .collect();
    let hashes: Vec<TokenHash> = links.iter().map(|link| link.hash).collect();
    let answers: Vec<Result<(), PortError>> = race(store, move |racer, tx| {
        let link = links[racer].clone();
        Box::pin(async move { tx.links().put(&link).await })
    })
    .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let mut left = 0;
    for hash in &hashes {
        left += usize::from(once!(store, links.find(HOME, hash)).unwrap().is_some());
    }
    assert_eq!(left, 1);
}

async fn links_end_by_purpose_and_by_age(store: &Store, factory: &mut Factory) {
    let (user, other) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    for person in [&user, &other] {
        for purpose in LinkPurpose::ALL {
            once!(store, links.put(&factory.link(person, purpose))).unwrap();
        }
    }
    let some = [LinkPurpose::ResetPassword, LinkPurpose::Unlock];
    assert_eq!(once!(store, links.end(NEIGHBOUR, user.id, &some)).unwrap(), 0);
    assert_eq!(once!(store, links.end(HOME, user.id, &some)).unwrap(), 2);
    assert_eq!(once!(store, links.end(HOME, user.id, &some)).unwrap(), 0);
    let kept = once!(store, links.of_user(HOME, user.id, LinkPurpose::ObjectEmail)).unwrap();
    let end = kept.unwrap().expires_at;
    assert_eq!(
        once!(store, links.end(HOME, user.id, &LinkPurpose::ALL)).unwrap(),
        3
    );
    // All that are left of the suite are over by then.
    let later = end.plus(HOUR);
    while once!(store, housekeeping.remove_links(later, 3)).unwrap() > 0 {}
    let gone = once!(store, links.of_user(HOME, other.id, LinkPurpose::Unlock)).unwrap();
    assert_eq!(gone, None);
}

async fn push(store: &Store, letter: &Letter) {
    once!(store, mail.push(letter)).unwrap();
}

/// Those of `users` that are due.
async fn due(reader: &dyn MailReader, factory: &Factory, users: &[&User]) -> Vec<Letter> {
    let due = reader.due(factory.now().plus(HOUR), 10_000).await.unwrap();
    due.into_iter()
        .filter(|letter| users.iter().any(|user| letter.user_id == Some(user.id)))
        .collect()
}

async fn a_letter_is_read_as_it_was_queued(store: &Store, reader: &dyn MailReader, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let before = reader.waiting().await.unwrap();
    let requests = once!(store, mail.requests()).unwrap();
    let letter = factory.letter(Some(&user), MailKind::Reset);
    let request = factory.letter(None, MailKind::ResetRequest);
    push(store, &letter).await;
    push(store, &request).await;
    assert_eq!(reader.waiting().await.unwrap(), before + 2);
    assert_eq!(once!(store, mail.requests()).unwrap(), requests + 1);
    let soon = reader.due(letter.due_at, 10_000).await.unwrap();
    assert!(soon.iter().any(|found| found.id == letter.id));
    let early = letter.due_at.minus(Duration::from_micros(1));
    let early = reader.due(early, 10_000).await.unwrap();
    assert!(!early.iter().any(|found| found.id == letter.id));
    for wanted in [&letter, &request] {
        let all = reader.due(factory.now(), 10_000).await.unwrap();
        let found = all.iter().find(|found| found.id == wanted.id).unwrap();
        assert!(same(found, wanted), "{found:?}");
        let (found, wanted) = (
            found.content.as_ref().unwrap().text(),
            wanted.content.as_ref().unwrap().text(),
        );
        assert_eq!(found.expose(), wanted.expose());
    }
    assert_eq!(reader.due(factory.now(), 1).await.unwrap().len(), 1);
    assert!(once!(store, mail.remove(request.id)).unwrap());
    assert!(!once!(store, mail.remove(request.id)).unwrap());
}

async fn one_caller_claims_a_letter(store: &Store, reader: &dyn MailReader, factory: &mut Factory) {
    let user = stored_user(store, factory).await;
    let letter = factory.letter(Some(&user), MailKind::Reset);
    push(store, &letter).await;
    let until = factory.now().plus(HOUR * 2);
    let wanted = letter.clone();
    let answers = race(store, move |_, tx| {
        let letter = wanted.clone();
        Box::pin(async move { tx.mail().claim(&letter, until).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
    assert!(
        due(reader, factory, &[&user]).await.is_empty(),
        "it is somebody's"
    );
    let now = factory.now();
    once!(store, mail.postpone(letter.id, now)).unwrap();
    let found = due(reader, factory, &[&user]).await;
    assert_eq!((found.len(), found[0].attempts), (1, 1));
    assert!(
        !once!(store, mail.claim(&letter, until)).unwrap(),
        "it is not as it was"
    );
    assert!(once!(store, mail.claim(&found[0], until)).unwrap());
}

async fn letters_are_recalled_and_removed(store: &Store, reader: &dyn MailReader, factory: &mut Factory) {
    let (user, other) = (
        stored_user(store, factory).await,
        stored_user(store, factory).await,
    );
    for person in [&user, &other] {
        for kind in [MailKind::Reset, MailKind::Lockout, MailKind::PasswordChanged] {
            push(store, &factory.letter(Some(person), kind)).await;
        }
    }
    let reset = [LinkPurpose::ResetPassword];
    assert_eq!(once!(store, mail.recall(NEIGHBOUR, user.id, &reset)).unwrap(), 0);
    assert_eq!(once!(store, mail.recall(HOME, user.id, &reset)).unwrap(), 1);
    assert_eq!(once!(store, mail.remove_of(NEIGHBOUR, user.id)).unwrap(), 0);
    assert_eq!(once!(store, mail.remove_of(HOME, user.id)).unwrap(), 2);
    assert_eq!(due(reader, factory, &[&user, &other]).await.len(), 3);
}

async fn an_invitation_is_used_once_and_a_newer_one_ends_the_older(store: &Store, factory: &mut Factory) {
    let older = factory.invitation();
    let newer = Invitation {
        tag: older.tag,
        ..factory.invitation()
    };
    let other = factory.invitation();
    for invitation in [&older, &newer, &other] {
        once!(store, invitations.put(invitation)).unwrap();
    }
    assert_eq!(once!(store, invitations.find(HOME, &older.hash)).unwrap(), None);
    let found = once!(store, invitations.find(HOME, &newer.hash)).unwrap();
    assert_eq!(found.as_ref(), Some(&newer));
    assert_eq!(
        once!(store, invitations.find(NEIGHBOUR, &newer.hash)).unwrap(),
        None
    );
    let page = |after| PageRequest { after, limit: 1 };
    let first = once!(store, invitations.list(HOME, &page(None))).unwrap();
    assert_eq!(first.items, std::slice::from_ref(&newer));
    let second = once!(store, invitations.list(HOME, &page(first.next))).unwrap();
    assert_eq!((second.items, second.next), (vec![other.clone()], None));
    assert!(!once!(store, invitations.remove(NEIGHBOUR, newer.id)).unwrap());
    let id = newer.id;
    let answers = race(store, move |_, tx| {
        Box::pin(async move { tx.invitations().remove(HOME, id).await })
    })
    .await;
    assert_eq!(winners(&answers), 1);
    let early = other.expires_at;
    assert_eq!(
        once!(store, housekeeping.remove_invitations(early, 10)).unwrap(),
        0
    );
    let later = other.expires_at.plus(HOUR);
    assert_eq!(
        once!(store, housekeeping.remove_invitations(later, 10)).unwrap(),
        1
    );
}
