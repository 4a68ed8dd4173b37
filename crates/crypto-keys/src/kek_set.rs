//! Several key-encryption keys as one: for disaster recovery, and while keys are moved from one provider to another.

use std::{
    fmt,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use async_trait::async_trait;
use vutf_kernel::{BoxFuture, BreakerState, Fault, PortError, Secret};

use crate::{
    CryptoError, KeyWrapper,
    wraps::{Wrap, Wraps, is_kek_id},
};

/// What a key-encryption key does in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KekRole {
    /// Wraps, and gives the set its name. Text: `primary`.
    Primary,
    /// Wraps whatever the primary wraps, so that either alone opens it. Text: `also_wrap`.
    AlsoWrap,
    /// Opens what it wrapped before, and wraps nothing new. Text: `moving_from`.
    MovingFrom,
}

impl KekRole {
    /// The stable word, for health and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::AlsoWrap => "also_wrap",
            Self::MovingFrom => "moving_from",
        }
    }
}

/// How one member of a set is.
#[derive(Debug)]
pub struct KekHealth {
    /// The key-encryption key.
    pub kek_id: String,
    /// What it is there for.
    pub role: KekRole,
    /// Its technology.
    pub technology: &'static str,
    /// Its circuit breaker after it was asked.
    pub breaker: Option<BreakerState>,
    /// What it answered to [`KeyWrapper::ping`].
    pub answer: Result<(), PortError>,
}

/// Why key-encryption keys cannot be a set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KekSetError {
    /// One of them is named twice.
    #[error("the key-encryption key {0} is configured twice; name it once")]
    Twice(String),
    /// More than a container can hold.
    #[error("{0} key-encryption keys are to wrap every key; the most is {max}", max = Wraps::MAX)]
    TooMany(usize),
    /// An id that rows cannot carry.
    #[error("{0:?} is not an id of a key-encryption key: 1 to {max} printable characters", max = Wraps::MAX_KEK_ID)]
    Id(String),
}

/// One primary key-encryption key, those that wrap everything as well, and those that only open what they wrapped before.
///
/// What it wraps is a container ([`Wraps`]) of one wrap under the primary and one under each `also_wrap`. To open it, the
/// members that the container names are asked in its order, until one answers.
pub struct KekSet {
    primary: Arc<dyn KeyWrapper>,
    also_wrap: Vec<Arc<dyn KeyWrapper>>,
    also_unwrap: Vec<Arc<dyn KeyWrapper>>,
    fallbacks: AtomicU64,
}

impl KekSet {
    /// From its members, which have different ids.
    pub fn new(
        primary: Arc<dyn KeyWrapper>,
        also_wrap: Vec<Arc<dyn KeyWrapper>>,
        also_unwrap: Vec<Arc<dyn KeyWrapper>>,
    ) -> Result<Self, KekSetError> {
        let wrapping = also_wrap.len().saturating_add(1);
        if wrapping > Wraps::MAX {
            return Err(KekSetError::TooMany(wrapping));
        }
        let set = Self {
            primary,
            also_wrap,
            also_unwrap,
            fallbacks: AtomicU64::new(0),
        };
        let ids: Vec<&str> = Keks::of_set(&set).members().map(KeyWrapper::kek_id).collect();
        for (at, id) in ids.iter().enumerate() {
            if !is_kek_id(id) {
                return Err(KekSetError::Id((*id).to_owned()));
            }
            if ids.iter().skip(at + 1).any(|other| other == id) {
                return Err(KekSetError::Twice((*id).to_owned()));
            }
        }
        Ok(set)
    }

    /// Whether `wrapped` is a container under exactly the primary and every `also_wrap`; otherwise rewrap it.
    pub fn is_current(&self, wrapped: &[u8]) -> bool {
        Wraps::decode(wrapped).is_ok_and(|wraps| Keks::of_set(self).is_current(&wraps))
    }

    /// How every member is, the primary first.
    pub async fn health(&self) -> Vec<KekHealth> {
        Keks::of_set(self).health().await
    }

    /// How often a key was opened by another member than the first that its container names, since the start: anything but
    /// zero says that a key-encryption key is out of reach or refuses.
    pub fn fallbacks(&self) -> u64 {
        self.fallbacks.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for KekSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = Keks::of_set(self).members().map(KeyWrapper::kek_id).collect();
        write!(f, "KekSet({})", ids.join(", "))
    }
}

#[async_trait]
impl KeyWrapper for KekSet {
    /// The primary's.
    fn kek_id(&self) -> &str {
        self.primary.kek_id()
    }

    /// Under the primary and every `also_wrap`; fails if one of them does, because a wrap that disaster recovery could not
    /// open would be found out in the disaster.
    async fn wrap(&self, key: &Secret<[u8; 32]>, context: &[u8]) -> Result<Vec<u8>, PortError> {
        Ok(Keks::of_set(self).wrap(key, context).await?.encode())
    }

    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        let wraps = Wraps::decode(wrapped).map_err(|error| error.into_port("kek.unwrap"))?;
        Keks::of_set(self).unwrap(&wraps, context).await
    }

    /// Asks every member, so that each one's breaker knows; fails with the primary's failure only. See [`Keks::health`].
    async fn ping(&self) -> Result<(), PortError> {
        let primary = self.health().await.into_iter().next();
        primary.map_or(Ok(()), |primary| primary.answer)
    }

    /// The primary's.
    fn technology(&self) -> &'static str {
        self.primary.technology()
    }

    /// The worst of the members'.
    fn breaker_state(&self) -> Option<BreakerState> {
        let keks = Keks::of_set(self);
        let states: Vec<_> = keks.members().filter_map(KeyWrapper::breaker_state).collect();
        let worst_first = [BreakerState::Open, BreakerState::HalfOpen, BreakerState::Closed];
        worst_first.into_iter().find(|state| states.contains(state))
    }

    fn as_set(&self) -> Option<&KekSet> {
        Some(self)
    }
}

/// What stands behind a [`KeyWrapper`]: the members of a set, or the one provider by itself.
pub struct Keks<'a> {
    /// The primary first.
    wrapping: Vec<&'a dyn KeyWrapper>,
    moving_from: Vec<&'a dyn KeyWrapper>,
    fallbacks: Option<&'a AtomicU64>,
}

impl<'a> Keks<'a> {
    /// The members behind `wrapper`.
    pub fn of(wrapper: &'a dyn KeyWrapper) -> Self {
        match wrapper.as_set() {
            Some(set) => Self::of_set(set),
            None => Self {
                wrapping: vec![wrapper],
                moving_from: Vec::new(),
                fallbacks: None,
            },
        }
    }

    fn of_set(set: &'a KekSet) -> Self {
        let primary: &dyn KeyWrapper = &*set.primary;
        let wrapping = set.also_wrap.iter().map(|member| &**member);
        Self {
            wrapping: std::iter::once(primary).chain(wrapping).collect(),
            moving_from: set.also_unwrap.iter().map(|member| &**member).collect(),
            fallbacks: Some(&set.fallbacks),
        }
    }

    /// The key-encryption keys that wrap, the primary first.
    pub fn wrapping_ids(&self) -> impl Iterator<Item = &'a str> {
        self.wrapping.iter().copied().map(KeyWrapper::kek_id)
    }

    /// Whether `wraps` are exactly those that would be made now: the primary's first, and one of each other that wraps.
    pub fn is_current(&self, wraps: &Wraps) -> bool {
        wraps.iter().len() == self.wrapping.len()
            && wraps.kek_ids().next() == self.wrapping_ids().next()
            && wraps
                .kek_ids()
                .all(|named| self.wrapping_ids().any(|id| id == named))
    }

    /// Whether one of the members is named in `wraps`.
    pub(crate) fn knows_one_of(&self, wraps: &Wraps) -> bool {
        wraps.kek_ids().any(|id| self.member(id).is_some())
    }

    /// Every id, for a message.
    pub(crate) fn names(&self) -> String {
        let ids: Vec<&str> = self.members().map(KeyWrapper::kek_id).collect();
        ids.join(", ")
    }

    /// Wraps under the primary and every other that wraps, or fails.
    pub(crate) async fn wrap(&self, key: &Secret<[u8; 32]>, context: &[u8]) -> Result<Wraps, PortError> {
        let mut wraps = Vec::with_capacity(self.wrapping.len());
        for member in &self.wrapping {
            let blob = member
                .wrap(key, context)
                .await
                .map_err(|error| named("kek.wrap", *member, error))?;
            wraps.push(Wrap {
                kek_id: member.kek_id().to_owned(),
                blob,
            });
        }
        Wraps::new(wraps).map_err(|error| error.into_port("kek.wrap"))
    }

    /// Opens with the first member that can. When none can, the answer is a failure that may pass if there was one, and the
    /// first refusal otherwise.
    pub(crate) async fn unwrap(&self, wraps: &Wraps, context: &[u8]) -> Result<Secret<[u8; 32]>, PortError> {
        let mut telling: Option<PortError> = None;
        for (at, wrap) in wraps.iter().enumerate() {
            let Some(member) = self.member(&wrap.kek_id) else {
                continue;
            };
            match member.unwrap(&wrap.blob, context).await {
                Ok(key) => {
                    if at > 0
                        && let Some(fallbacks) = self.fallbacks
                    {
                        fallbacks.fetch_add(1, Ordering::Relaxed);
                    }
                    return Ok(key);
                }
                Err(error) => {
                    let transient = error.fault != Fault::Other;
                    if telling
                        .as_ref()
                        .is_none_or(|known| transient && known.fault == Fault::Other)
                    {
                        telling = Some(named("kek.unwrap", member, error));
                    }
                }
            }
        }
        let none = || PortError::other("kek.unwrap", "no key-encryption key that it names is configured");
        Err(telling.unwrap_or_else(none))
    }

    /// Has each member that wraps open its own wrap, and checks that all give `key`: what was never opened is not known to
    /// open.
    pub(crate) async fn prove(
        &self,
        wraps: &Wraps,
        key: &Secret<[u8; 32]>,
        context: &[u8],
    ) -> Result<(), PortError> {
        for wrap in wraps.iter() {
            let Some(member) = self.wrapping.iter().find(|member| member.kek_id() == wrap.kek_id) else {
                continue;
            };
            let opened = member
                .unwrap(&wrap.blob, context)
                .await
                .map_err(|error| named("kek.prove", *member, error))?;
            if opened != *key {
                let error = CryptoError::Authentication.into_port("kek.unwrap");
                return Err(named("kek.prove", *member, error));
            }
        }
        Ok(())
    }

    /// Asks every member at once; the primary is the first of the answer.
    pub async fn health(&self) -> Vec<KekHealth> {
        let roles = std::iter::once(KekRole::Primary)
            .chain(std::iter::repeat_n(
                KekRole::AlsoWrap,
                self.wrapping.len().saturating_sub(1),
            ))
            .chain(std::iter::repeat(KekRole::MovingFrom));
        let answers = all_of(self.members().map(KeyWrapper::ping).collect()).await;
        let members = self.members().zip(roles).zip(answers);
        members
            .map(|((member, role), answer)| KekHealth {
                kek_id: member.kek_id().to_owned(),
                role,
                technology: member.technology(),
                breaker: member.breaker_state(),
                answer: answer.map_err(|error| named("kek.ping", member, error)),
            })
            .collect()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &'a dyn KeyWrapper> {
        self.wrapping.iter().chain(&self.moving_from).copied()
    }

    fn member(&self, kek_id: &str) -> Option<&'a dyn KeyWrapper> {
        self.members().find(|member| member.kek_id() == kek_id)
    }
}

/// Waits for all at once: one that hangs must not cost the others their time.
async fn all_of<T>(futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.into_iter().map(Some).collect();
    let mut done: Vec<Option<T>> = pending.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, slot) in pending.iter_mut().zip(&mut done) {
            if let Some(running) = future
                && let Poll::Ready(value) = running.as_mut().poll(context)
            {
                (*future, *slot) = (None, Some(value));
            }
        }
        if pending.iter().all(Option::is_none) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// A failure of one member, told with its name.
#[derive(Debug, thiserror::Error)]
#[error("key-encryption key {kek_id} ({technology})")]
struct MemberError {
    kek_id: String,
    technology: &'static str,
    source: PortError,
}

fn named(op: &'static str, member: &dyn KeyWrapper, source: PortError) -> PortError {
    let fault = source.fault;
    let error = MemberError {
        kek_id: member.kek_id().to_owned(),
        technology: member.technology(),
        source,
    };
    PortError::new(op, fault, error)
}
