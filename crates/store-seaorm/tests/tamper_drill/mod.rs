//! The tamper drill: a log is changed as an administrator of the database can change it, and verification has to name the place.
//!
//! Each mutation is planned in memory, together with the sequence number that the report must give: of an entry its own; of a
//! node the last entry below it; of a checkpoint the last entry that it covers. What is gone is told where its absence first
//! shows. `benches/tamper_drill.rs` and `tests/it/drill_tamper.rs` share all of it.

mod checkpoints;
mod flips;
mod order;
mod rows;
mod site;
mod tables;
mod whole;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use uuid::Uuid;

pub(crate) use site::Site;
use tables::{CHECKPOINT, Dump, LEAF, TABLES};

/// How much of the drill is run.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) events: usize,
    pub(crate) mutations: usize,
    /// Verifications of the untouched log.
    pub(crate) clean: usize,
    /// Verifications while others write.
    pub(crate) busy: usize,
    pub(crate) seed: u64,
}

/// What came out.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) kinds: BTreeMap<&'static str, Count>,
    pub(crate) entries: u64,
    pub(crate) checkpoints: u64,
    /// Placed while it was verified.
    pub(crate) placed: u64,
    /// What was not reported, or elsewhere; and alarms about the untouched log.
    pub(crate) faults: Vec<String>,
}

#[derive(Default)]
pub(crate) struct Count {
    pub(crate) applied: u64,
    pub(crate) reported: u64,
    pub(crate) placed_right: u64,
    columns: BTreeSet<&'static str>,
}

/// A change, and where it has to be seen.
struct Mutation {
    kind: &'static str,
    /// The column, of a flipped bit.
    column: Option<&'static str>,
    after: Dump,
    seq: i64,
}

/// Columns a bit of which is no evidence, and why.
pub(crate) const NO_EVIDENCE: [(&str, &str, &str); 2] = [
    ("audit_checkpoint", "signed_at", SIGNED_AT),
    ("audit_latest", "signed_at", SIGNED_AT),
];
const SIGNED_AT: &str =
    "a note for operators: it is no part of what was signed, nothing reads it and nothing follows from it";

/// Plans a change of the log; `None` when the dice fell so that there is none.
type Planner = fn(&mut Dice, &Log<'_>) -> Option<Mutation>;

/// In turn. A flipped bit stands there more than once, since there are more columns than other kinds of changes.
const PLANNERS: [Planner; 14] = [
    flips::flip,
    rows::delete,
    rows::insert,
    order::reorder,
    flips::flip,
    order::swap_bodies,
    order::edit_tile,
    whole::roll_back,
    flips::flip,
    checkpoints::replace,
    whole::cut_off,
    whole::reseal,
    flips::flip,
    rows::insert,
];

/// Mutations between two times that the database is cleared.
const CLEAR_EVERY: usize = 50;

/// Tells what there is to change.
struct Log<'a> {
    site: &'a Site,
    dump: &'a Dump,
    /// How many entries there are.
    size: i64,
    /// The sizes of the checkpoints that are kept.
    kept: Vec<i64>,
}

impl<'a> Log<'a> {
    fn of(site: &'a Site) -> Self {
        let sizes = site.dump.0[CHECKPOINT].iter();
        Self {
            site,
            dump: &site.dump,
            size: i64::try_from(site.dump.0[LEAF].len()).unwrap(),
            kept: sizes.map(|checkpoint| checkpoint[1].number()).collect(),
        }
    }

    fn event(&self, seq: usize) -> Uuid {
        self.dump.0[LEAF][seq][1].id()
    }

    fn seq_of(&self, event: Uuid) -> i64 {
        let found = self.dump.0[LEAF].iter().position(|leaf| leaf[1].id() == event);
        i64::try_from(found.expect("each event has its place")).unwrap()
    }

    /// The last entry below the next kept checkpoint of more than `size` entries, or else below the newest.
    fn seen_after(&self, size: i64) -> i64 {
        let next = self.kept.iter().find(|kept| **kept > size);
        next.copied().unwrap_or(self.size) - 1
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "what each kind of change returns; some find nothing to change"
    )]
    fn change(&self, kind: &'static str, seq: i64, change: impl FnOnce(&mut Dump)) -> Option<Mutation> {
        let mut after = self.dump.clone();
        change(&mut after);
        let column = None;
        Some(Mutation {
            kind,
            column,
            after,
            seq,
        })
    }
}

/// Runs the drill at `site`, and says on `tell` how far it is.
pub(crate) async fn run(mut site: Site, plan: Plan, tell: &mut dyn FnMut(usize)) -> Outcome {
    let mut outcome = Outcome::default();
    for round in 0..plan.clean.max(1) {
        let report = site.verify().await;
        outcome.entries = report.checked;
        outcome.checkpoints = report.checkpoints;
        if let Some(found) = report.first_bad {
            outcome.faults.push(format!("untouched, round {round}: {found}"));
        }
    }
    let mut dice = Dice::new(plan.seed);
    for round in 0..plan.mutations {
        tell(round);
        if round.is_multiple_of(CLEAR_EVERY) {
            site.administrator.clear_away().await;
        }
        let mutation = next(&mut dice, &Log::of(&site), PLANNERS[round % PLANNERS.len()]);
        apply(&site, &mutation, round, &mut outcome).await;
    }
    // What was changed was put back, and so the log is as good as new.
    assert!(
        site.administrator.read().await == site.dump,
        "the tables are not as before"
    );
    site.administrator.forget_numbers().await;
    let (alarms, placed) = site.verify_while_it_grows(plan.busy).await;
    let busy = |alarm| format!("while it grows: {alarm}");
    outcome.faults.extend(alarms.into_iter().map(busy));
    outcome.placed = placed;
    site.close().await;
    outcome
}

fn next(dice: &mut Dice, log: &Log<'_>, plan: Planner) -> Mutation {
    loop {
        let planned = plan(dice, log);
        let storable = |mutation: &Mutation| mutation.after != *log.dump && mutation.after.is_storable();
        if let Some(mutation) = planned.filter(storable) {
            return mutation;
        }
    }
}

async fn apply(site: &Site, mutation: &Mutation, round: usize, outcome: &mut Outcome) {
    site.administrator.change(&site.dump, &mutation.after).await;
    let found = site.verify().await.first_bad;
    site.administrator.change(&mutation.after, &site.dump).await;
    let count = outcome.kinds.entry(mutation.kind).or_default();
    count.applied += 1;
    count.columns.extend(mutation.column);
    let right = found.as_ref().is_some_and(|found| found.seq == mutation.seq);
    count.reported += u64::from(found.is_some());
    count.placed_right += u64::from(right);
    if !right {
        let told = found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
        outcome.faults.push(format!(
            "mutation {round}, {} {}: expected seq {}, reported {told}",
            mutation.kind,
            mutation.column.unwrap_or_default(),
            mutation.seq
        ));
    }
}

impl Outcome {
    /// The sums over all kinds: applied, reported, with the right place.
    pub(crate) fn sums(&self) -> [u64; 3] {
        self.kinds.values().fold([0; 3], |[a, b, c], count| {
            [a + count.applied, b + count.reported, c + count.placed_right]
        })
    }

    /// The columns of the log of which no bit was flipped, but those that are no evidence.
    pub(crate) fn untried_columns(&self) -> Vec<String> {
        let kinds = TABLES.iter().zip(flips::KINDS);
        let all =
            kinds.flat_map(|(table, kind)| table.columns.iter().map(move |column| (table, kind, column)));
        let untried = all.filter(|(table, kind, (column, _))| {
            let tried = self
                .kinds
                .get(kind)
                .is_some_and(|count| count.columns.contains(column));
            let excused = NO_EVIDENCE
                .iter()
                .any(|(name, no, _)| *name == table.name && no == column);
            !tried && !excused
        });
        untried
            .map(|(table, _, (column, _))| format!("{}.{column}", table.name))
            .collect()
    }

    /// The table that is printed.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{:58} {:>8} {:>9} {:>12}\n",
            "kind", "applied", "reported", "right place"
        );
        let mut line = |kind: &str, [applied, reported, right]: [u64; 3]| {
            let _infallible = writeln!(text, "{kind:58} {applied:>8} {reported:>9} {right:>12}");
        };
        for (kind, count) in &self.kinds {
            line(kind, [count.applied, count.reported, count.placed_right]);
        }
        line("all", self.sums());
        text
    }
}

/// Xorshift (Marsaglia 2003) with a multiplication (Vigna 2016): the same numbers for the same seed.
struct Dice {
    state: u64,
    /// How many columns have had their turn.
    columns: usize,
}

impl Dice {
    fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            columns: 0,
        }
    }
    fn roll(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    /// Below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(end).unwrap()).unwrap()
    }
    fn coin(&mut self) -> bool {
        self.roll() >> 63 == 1
    }
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.roll().to_be_bytes()[0])
    }
    fn id(&mut self) -> Uuid {
        Uuid::from_bytes(self.bytes())
    }
    /// Two places below `end`, the smaller first.
    fn two_below(&mut self, end: usize) -> Option<(usize, usize)> {
        let (a, b) = (self.below(end), self.below(end));
        (a != b).then(|| (a.min(b), a.max(b)))
    }
}
