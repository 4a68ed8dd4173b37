//! Several administrative acts in one request: all of them or none, or each for itself. Every one is the use case of its own route,
//! with its rules, its permission and its event.

mod operation;

use vutf_kernel::{Class, Ctx, Detail, Outcome, UserId};

pub use self::operation::Operation;
use self::operation::{Prepared, Refusal};
use crate::{
    Identity, RuleError, User, action,
    refusal::use_case_error,
    role::permission,
    work::{About, Work, require},
};

/// Acts in one request at most.
pub const MAX_OPERATIONS: usize = 500;
/// Accounts with a password that one request makes at most: each is hashed, which takes its time, and others wait for the same cores.
pub const MAX_PASSWORDS: usize = 20;

/// Several acts.
#[derive(Debug)]
pub struct BatchUsers {
    /// In this order.
    pub operations: Vec<Operation>,
    /// All of them or none.
    pub atomic: bool,
}

/// Why one of them was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRefused {
    /// Which, from 0.
    pub index: usize,
    class: Class,
    code: &'static str,
    detail: String,
}

impl ItemRefused {
    /// Which status it becomes.
    pub fn class(&self) -> Class {
        self.class
    }
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl std::fmt::Display for ItemRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for ItemRefused {}

use_case_error! {
    /// Why nothing was done.
    BatchError {
        /// Nothing to be done.
        Empty => Invalid, "number_of_items", "name 1 to 500 operations";
        /// Too many at once.
        TooMany => Invalid, "number_of_items", "name 1 to 500 operations";
        /// Too many passwords at once.
        TooManyPasswords => Invalid, "number_of_passwords", "at most 20 accounts with a password are made at once";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// One of them is refused, and they were to be done together.
        Item(ItemRefused);
    }
}

/// What became of one of them: the account as it is now.
pub type ItemOutcome = Result<User, ItemRefused>;

/// Does them in their order. Together: the first that is refused takes all of them back, and is the error. Each for itself: what became
/// of each; one that is refused keeps no other from being done.
pub async fn batch(ctx: &Ctx, id: &Identity, command: BatchUsers) -> Result<Vec<ItemOutcome>, BatchError> {
    let about = About::kind(action::USER_BATCH);
    let done = attempt(ctx, id, command).await;
    id.audited(ctx, about, done).await
}

async fn attempt(ctx: &Ctx, id: &Identity, command: BatchUsers) -> Result<Vec<ItemOutcome>, BatchError> {
    require(ctx, &permission::USERS_WRITE)?;
    let BatchUsers { operations, atomic } = command;
    match operations.len() {
        0 => return Err(BatchError::Empty),
        1..=MAX_OPERATIONS => {}
        _ => return Err(BatchError::TooMany),
    }
    let passwords = operations.iter().filter(|operation| operation.has_password());
    if passwords.count() > MAX_PASSWORDS {
        return Err(BatchError::TooManyPasswords);
    }
    if atomic {
        together(ctx, id, operations).await
    } else {
        one_by_one(ctx, id, operations).await
    }
}

async fn together(
    ctx: &Ctx,
    id: &Identity,
    operations: Vec<Operation>,
) -> Result<Vec<ItemOutcome>, BatchError> {
    let mut prepared = Vec::with_capacity(operations.len());
    for (index, operation) in operations.into_iter().enumerate() {
        let ready = operation.prepare(ctx, id).await;
        prepared.push(ready.map_err(|refusal| refusal.at(index))?);
    }
    let users = id.run(ctx, prepared, |work| Box::pin(apply(work))).await?;
    for user in &users {
        id.sessions.forget_user(user.id);
    }
    Ok(users.into_iter().map(Ok).collect())
}

async fn apply(mut work: Work<'_, Vec<Prepared>>) -> Result<Vec<User>, BatchError> {
    let prepared = work.command.clone();
    let mut users = Vec::with_capacity(prepared.len());
    for (index, operation) in prepared.iter().enumerate() {
        let done = operation.apply(&mut work).await;
        users.push(done.map_err(|refusal| refusal.at(index))?);
    }
    let counts = Counts {
        done: users.len(),
        refused: 0,
        atomic: true,
    };
    let about = About::kind(action::USER_BATCH);
    let seen: Vec<UserId> = users.iter().map(|user| user.id).collect();
    work.raise(&about, Outcome::Success, |event| {
        counts.told(event).about_all(seen)
    })
    .await?;
    Ok(users)
}

async fn one_by_one(
    ctx: &Ctx,
    id: &Identity,
    operations: Vec<Operation>,
) -> Result<Vec<ItemOutcome>, BatchError> {
    let mut outcomes = Vec::with_capacity(operations.len());
    for (index, operation) in operations.into_iter().enumerate() {
        outcomes.push(match operation.alone(ctx, id).await {
            Ok(user) => Ok(user),
            // Nothing of what was done is taken back, so the caller must be told of it.
            Err(refusal) => Err(refusal.of_item(index)),
        });
    }
    let refused = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    let counts = Counts {
        done: outcomes.len() - refused,
        refused,
        atomic: false,
    };
    id.run(ctx, counts, |work| Box::pin(tell(work))).await?;
    Ok(outcomes)
}

/// What a request came to.
#[derive(Clone, Copy)]
struct Counts {
    done: usize,
    refused: usize,
    atomic: bool,
}

impl Counts {
    fn told(self, event: vutf_kernel::Event) -> vutf_kernel::Event {
        let number = |count: usize| Detail::Number(i64::try_from(count).unwrap_or(i64::MAX));
        event
            .detail("done", number(self.done))
            .detail("refused", number(self.refused))
            .detail("atomic", Detail::Bool(self.atomic))
    }
}

async fn tell(mut work: Work<'_, Counts>) -> Result<(), BatchError> {
    let counts = *work.command;
    let about = About::kind(action::USER_BATCH);
    work.raise(&about, Outcome::Success, |event| counts.told(event))
        .await?;
    Ok(())
}

impl Refusal {
    /// The item's; a port that failed is nobody's fault, and the whole is tried again.
    fn at(self, index: usize) -> BatchError {
        match self.into_port() {
            Ok(error) => BatchError::Port(error),
            Err(refusal) => BatchError::Item(refusal.of_item(index)),
        }
    }

    fn of_item(self, index: usize) -> ItemRefused {
        let (class, code, detail) = self.facts();
        ItemRefused {
            index,
            class,
            code,
            detail,
        }
    }
}
