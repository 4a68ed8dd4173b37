//! Data as real people leave it, and the same for the same seed.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use fake::{
    Fake as _,
    faker::{
        internet::en::{IPv4, UserAgent},
        name::en::{FirstName, LastName, Name},
    },
    rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::StdRng},
};
use sea_orm::prelude::Uuid;
use vutf_identity::{
    DisplayName, Email, Phone, Session, User, UserKind, UserStatus, Username,
    api_key::{ApiKey, ApiKeyName, Network, Token},
    invitation::Invitation,
    link::{Link, LinkPurpose},
    mail::{Content, Letter, MailKind},
    mfa::{BackupCode, CHALLENGE_LIFE, MfaChallenge, TotpFactor, TotpSecret},
    passkey::{
        Backup, CEREMONY_LIFE, CredentialId, Passkey, PasskeyChallenge, PasskeyName, Purpose, Transport,
    },
    refresh::{RefreshFamily, RefreshToken, TokenHash},
    repo::PasswordRecord,
    session::{Place, Settled},
};
use vutf_kernel::{
    Aal, Actor, ApiKeyId, Assurance, Clock, Ctx, Detail, Entropy, Env, Event, FactorId, FamilyId,
    InvitationId, LinkId, MailId, OrganizationId, Origin, Outcome, Permission, RequestId, Resource, Secret,
    SessionId, Stamps, Timestamp, UserId, id::uuid_v7,
};

/// The first instant of every factory: 2026-11-21T10:00:00Z.
const START: Timestamp = Timestamp::from_secs(1_795_255_200);
const DAY: Duration = Duration::from_hours(24);

/// Makes users, sessions, events and what belongs to them. Everything lies in the default organization; ids ascend.
pub struct Factory {
    dice: Dice,
    clock: Ticks,
    made: u32,
}

/// Each reading is a millisecond after the one before, so that ids ascend.
struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1_000, Ordering::Relaxed))
    }
}

struct Dice(StdRng);

impl Entropy for Dice {
    fn fill(&mut self, buffer: &mut [u8]) {
        self.0.fill_bytes(buffer);
    }
}

impl Factory {
    /// A factory; two with the same seed make the same things in the same order.
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice(StdRng::seed_from_u64(seed)),
            clock: Ticks(AtomicI64::new(START.as_micros())),
            made: 0,
        }
    }

    /// The next instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh UUIDv7.
    pub fn id(&mut self) -> Uuid {
        uuid_v7(&self.clock, &mut self.dice)
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let entropy: &mut dyn Entropy = &mut self.dice;
        entropy.bytes()
    }

    /// An active user with every optional value; no two have a name or an address in common.
    pub fn user(&mut self) -> User {
        self.made += 1;
        let first: String = FirstName().fake_with_rng(&mut self.dice.0);
        let last: String = LastName().fake_with_rng(&mut self.dice.0);
        let last: String = last.chars().filter(char::is_ascii_alphanumeric).collect();
        let tag: u32 = self.dice.0.random();
        let login = format!("{first}.{last}.{}-{tag:08x}", self.made);
        let shown: String = Name().fake_with_rng(&mut self.dice.0);
        let number: u64 = self.dice.0.random_range(1_000_000_000..10_000_000_000);
        let now = self.now();
        User {
            id: UserId::from_uuid(self.id()),
            organization_id: OrganizationId::DEFAULT,
            kind: UserKind::Person,
            email: Email::from_store(format!("{login}@Example.org")),
            username: Username::from_store(login),
            display_name: Some(DisplayName::from_store(format!("{shown} {tag:08x}"))),
            phone: Some(Phone::from_store(format!("+49{number}"))),
            status: UserStatus::Active,
            email_verified_at: Some(now),
            epoch: 0,
            last_login_at: None,
            last_seen_at: None,
            stamps: Stamps::new(None, now),
        }
    }

    /// The user's password: a PHC string with a random tag, which no password has.
    pub fn password(&mut self, user: &User) -> PasswordRecord {
        let tag: u128 = self.dice.0.random();
        PasswordRecord {
            user_id: user.id,
            organization_id: user.organization_id,
            phc: Secret::new(format!(
                "$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHRzYWx0${tag:032x}"
            )),
            changed_at: self.now(),
            must_change_at: None,
            beside_factor: false,
            stamps: Stamps::new(Some(user.id), self.now()),
        }
    }

    /// A session of `user`, live for 30 days.
    pub fn session(&mut self, user: &User) -> Session {
        let now = self.now();
        Session {
            id: SessionId::from_uuid(self.id()),
            organization_id: user.organization_id,
            user_id: user.id,
            epoch: user.epoch,
            assurance: Assurance {
                aal: Aal::Aal1,
                auth_time: now,
                amr: vec!["pwd".to_owned()],
            },
            ip: Some(IPv4().fake_with_rng(&mut self.dice.0)),
            user_agent: Some(UserAgent().fake_with_rng(&mut self.dice.0)),
            last_seen_at: now,
            expires_at: now.plus(DAY * 30),
            idle_expires_at: None,
            revoked_at: None,
            revoke_reason: None,
            cookie: None,
            settled: Settled {
                place: Some(Place {
                    network: self.bytes(),
                    agent: self.bytes(),
                }),
                moved_at: None,
            },
            previous_login_at: None,
            password_due_at: None,
            stamps: Stamps::new(Some(user.id), now),
        }
    }

    /// The refresh family of `session`, with its first token.
    pub fn family(&mut self, session: &Session) -> (RefreshFamily, RefreshToken) {
        let now = self.now();
        let family = RefreshFamily {
            id: FamilyId::from_uuid(self.id()),
            organization_id: session.organization_id,
            session_id: session.id,
            user_id: session.user_id,
            generation: 0,
            idle_expires_at: now.plus(DAY * 14),
            expires_at: session.expires_at,
            revoked_at: None,
            stamps: Stamps::new(Some(session.user_id), now),
        };
        let first = self.token(&family, 0);
        (family, first)
    }

    /// An unused token of `family`.
    pub fn token(&mut self, family: &RefreshFamily, generation: i64) -> RefreshToken {
        RefreshToken {
            hash: TokenHash(self.bytes()),
            family_id: family.id,
            generation,
            used_at: None,
            successor: None,
            created_at: self.now(),
        }
    }

    /// An authenticator app of `user` that waits to be confirmed.
    pub fn totp_factor(&mut self, user: &User) -> TotpFactor {
        TotpFactor {
            id: FactorId::from_uuid(self.id()),
            organization_id: user.organization_id,
            user_id: user.id,
            secret: TotpSecret::generate(&mut self.dice),
            confirmed_at: None,
            last_step: 0,
            stamps: Stamps::new(Some(user.id), self.now()),
        }
    }

    /// Backup codes.
    pub fn backup_codes(&mut self) -> Vec<BackupCode> {
        BackupCode::generate_set(&mut self.dice)
    }

    /// A passkey of `user` that counts; its key is none.
    ///
    /// # Panics
    /// Never: the id has 32 bytes.
    #[expect(clippy::expect_used, reason = "32 bytes are an id")]
    pub fn passkey(&mut self, user: &User) -> Passkey {
        let (id, key): ([u8; 32], [u8; 32]) = (self.bytes(), self.bytes());
        Passkey {
            id: FactorId::from_uuid(self.id()),
            organization_id: user.organization_id,
            user_id: user.id,
            credential_id: CredentialId::new(id.to_vec()).expect("32 bytes are an id"),
            public_key: key.to_vec(),
            name: PasskeyName::from_store(format!("phone of {}", user.username.expose())),
            transports: vec![Transport::Hybrid, Transport::Internal],
            sign_count: 4,
            backup: Backup {
                eligible: true,
                present: false,
            },
            password_changed_at: Some(self.now()),
            last_used_at: None,
            stamps: Stamps::new(Some(user.id), self.now()),
        }
    }

    /// A registration that `user` began, for five minutes.
    pub fn ceremony(&mut self, user: &User) -> PasskeyChallenge {
        let now = self.now();
        PasskeyChallenge {
            hash: TokenHash(self.bytes()),
            organization_id: user.organization_id,
            purpose: Purpose::Register,
            session: Some((user.id, SessionId::from_uuid(self.id()))),
            expires_at: now.plus(CEREMONY_LIFE),
            created_at: now,
        }
    }

    /// A sign-in of `user` that waits for its second factor for five minutes.
    pub fn mfa_challenge(&mut self, user: &User) -> MfaChallenge {
        let now = self.now();
        MfaChallenge {
            hash: TokenHash(self.bytes()),
            organization_id: user.organization_id,
            user_id: user.id,
            epoch: user.epoch,
            password_changed_at: now,
            expires_at: now.plus(CHALLENGE_LIFE),
            created_at: now,
        }
    }

    /// An account of a program.
    pub fn program(&mut self) -> User {
        User {
            kind: UserKind::Service,
            ..self.user()
        }
    }

    /// An API key of `user`, live for 90 days, with every optional value but a use.
    pub fn api_key(&mut self, user: &User) -> ApiKey {
        let now = self.now();
        let token = Token::generate(&mut self.dice);
        let name: String = Name().fake_with_rng(&mut self.dice.0);
        let networks = ["192.0.2.0/24", "2001:db8::/48"].into_iter();
        ApiKey {
            id: ApiKeyId::from_uuid(self.id()),
            organization_id: user.organization_id,
            user_id: user.id,
            lookup: token.lookup,
            secret: token.hash(),
            name: ApiKeyName::from_store(name),
            scopes: ["audit:read", "users:read"]
                .into_iter()
                .map(Permission::known)
                .collect(),
            networks: networks.filter_map(|text| Network::parse(text).ok()).collect(),
            expires_at: now.plus(DAY * 90),
            revoked_at: None,
            successor_id: None,
            last_used_at: None,
            last_used_ip: None,
            stamps: Stamps::new(Some(user.id), now),
        }
    }

    /// A mailed link of `user`, good for an hour.
    pub fn link(&mut self, user: &User, purpose: LinkPurpose) -> Link {
        let now = self.now();
        Link {
            id: LinkId::from_uuid(self.id()),
            hash: TokenHash(self.bytes()),
            organization_id: user.organization_id,
            user_id: user.id,
            purpose,
            address: user.email.clone(),
            expires_at: now.plus(Duration::from_hours(1)),
            created_at: now,
        }
    }

    /// An invitation, good for an hour.
    pub fn invitation(&mut self) -> Invitation {
        let now = self.now();
        let tag: [u8; 32] = self.bytes();
        Invitation {
            id: InvitationId::from_uuid(self.id()),
            organization_id: OrganizationId::DEFAULT,
            hash: TokenHash(self.bytes()),
            email: Email::from_store(format!("invited-{}@example.org", tag[0])),
            tag,
            roles: vec!["auditor".to_owned(), "user".to_owned()],
            expires_at: now.plus(Duration::from_hours(1)),
            created_by: None,
            created_at: now,
        }
    }

    /// A mail that waits to be sent.
    pub fn letter(&mut self, user: Option<&User>, kind: MailKind) -> Letter {
        let now = self.now();
        let token: [u8; 32] = self.bytes();
        let to = user.map_or("nobody@example.org", |user| user.email.expose());
        Letter {
            id: MailId::from_uuid(self.id()),
            organization_id: OrganizationId::DEFAULT,
            user_id: user.map(|user| user.id),
            kind,
            request_id: RequestId::from_uuid(self.id()),
            content: Some(Content {
                to: Secret::new(to.to_owned()),
                token: kind.has_link().then(|| Secret::new(format!("{token:?}"))),
                name: user.map(|user| Secret::new(user.username.expose().to_owned())),
            }),
            attempts: 0,
            due_at: now,
            expires_at: now.plus(Duration::from_hours(1)),
            created_at: now,
        }
    }

    /// A request by a user from somewhere, with every right that a plain session has: none.
    pub fn ctx(&mut self) -> Ctx {
        let ip: String = IPv4().fake_with_rng(&mut self.dice.0);
        let origin = Origin {
            ip: ip.parse().ok(),
            user_agent: Some(UserAgent().fake_with_rng(&mut self.dice.0)),
        };
        let request = RequestId::from_uuid(self.id());
        Ctx {
            actor: Actor::User {
                user_id: UserId::from_uuid(self.id()),
                session_id: SessionId::from_uuid(self.id()),
            },
            ..Ctx::anonymous(OrganizationId::DEFAULT, request, origin)
        }
    }

    /// A successful `user.update` by somebody about somebody, with the origin and a name as private parts.
    pub fn event(&mut self) -> Event {
        let ctx = self.ctx();
        let subject = UserId::from_uuid(self.id());
        let name: String = Name().fake_with_rng(&mut self.dice.0);
        self.made += 1;
        let number = Detail::Number(self.made.into());
        let mut env = Env {
            clock: &self.clock,
            entropy: &mut self.dice,
        };
        let resource = Resource::one("user", subject.as_uuid());
        Event::new(&ctx, &mut env, "user.update", resource, Outcome::Success)
            .subject(subject)
            .detail("number", number)
            .private("display_name", name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_makes_one_world() {
        let make = |seed| {
            let mut factory = Factory::new(seed);
            let user = factory.user();
            let session = format!("{:?}", factory.session(&user));
            (user, session, factory.event().id)
        };
        assert_eq!(make(7), make(7));
        assert_ne!(make(7).0, make(8).0);
    }

    #[test]
    fn what_is_made_passes_the_rules_of_the_domain() {
        let mut factory = Factory::new(1);
        let mut before = None;
        for _ in 0..500 {
            let user = factory.user();
            assert!(
                Username::parse(user.username.expose()).is_ok(),
                "{}",
                user.username.expose()
            );
            assert!(
                Email::parse(user.email.expose()).is_ok(),
                "{}",
                user.email.expose()
            );
            assert!(
                user.display_name
                    .iter()
                    .all(|name| DisplayName::parse(name.expose()).is_ok())
            );
            assert!(
                user.phone
                    .iter()
                    .all(|phone| Phone::parse(phone.expose()).is_ok())
            );
            assert!(before < Some(user.id), "ids ascend");
            before = Some(user.id);
            assert!(factory.ctx().origin.ip.is_some());
        }
    }
}
