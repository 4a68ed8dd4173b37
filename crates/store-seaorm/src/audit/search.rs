//! Searching the log: one statement a page, led by the most selective part of the filter, along an index that ends in the
//! event's id. So a page costs what it shows, however long the log is; `audit_search` among the benches measures it.

mod sql;

use sea_orm::{DbBackend, FromQueryResult, Statement};
use uuid::Uuid;
use vutf_audit::{ActionMatch, ActorKind, Ending, EventFilter, Record};
use vutf_kernel::{Page, PageRequest, PortError};

use self::sql::Sql;
use crate::{SeaStore, entity::audit_intake};

/// The actions of a tenant, each by one step along the index: as many steps as there are actions, not events.
const ACTIONS: &str = "WITH RECURSIVE found (action) AS ( \
       SELECT (SELECT MIN(action) FROM audit_intake WHERE organization_id = $1) \
       UNION ALL \
       SELECT (SELECT MIN(i.action) FROM audit_intake i WHERE i.organization_id = $1 AND i.action > found.action) \
       FROM found WHERE found.action IS NOT NULL \
     ) SELECT action FROM found WHERE action IS NOT NULL LIMIT 500";

/// References to a subject that one page looks at, at most. A person may be in every hundredth event, and what is asked beside,
/// who did it or what it was, is known only by the event: without a bound a page costs as much as that person has events.
const SCANNED: usize = 2_000;

/// Events of an actor that one page looks at, at most, when something else is asked beside: one may have done every twentieth. More
/// than [`SCANNED`], since an index alone tells most of what is asked (`m0024`).
const DONE: usize = 10_000;

#[derive(FromQueryResult)]
struct Action {
    action: String,
}

/// The references to a subject, or the events of an actor, that a page looks at.
#[derive(Clone, Copy, FromQueryResult)]
struct Scan {
    first: Option<Uuid>,
    /// The [`SCANNED`]th or [`DONE`]th; `None` when there are fewer.
    last: Option<Uuid>,
}

/// A page to be read.
struct Search {
    statement: Statement,
    /// Where it ends when it is not full and there may be more.
    reached: Option<Uuid>,
}

/// The part of a filter whose index leads, the most selective first. PostgreSQL knows better and chooses by its statistics;
/// SQLite has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    Request,
    Resource,
    Subject,
    Actor,
    Reason,
    Outcome,
    ActorKind,
    Action,
    Actions,
    ResourceKind,
    Tenant,
}

impl Lead {
    fn of(filter: &EventFilter) -> Self {
        let leads = [
            (filter.request_id.is_some(), Self::Request),
            (filter.resource_id.is_some(), Self::Resource),
            (filter.subject.is_some(), Self::Subject),
            (filter.actor_id.is_some(), Self::Actor),
            (filter.reason.is_some(), Self::Reason),
            (
                filter.outcome.is_some_and(|ending| ending != Ending::Success),
                Self::Outcome,
            ),
            (
                filter.actor_kind.is_some_and(|kind| kind != ActorKind::User),
                Self::ActorKind,
            ),
            (
                matches!(filter.action, Some(ActionMatch::Exactly(_))),
                Self::Action,
            ),
            (filter.action.is_some(), Self::Actions),
            (filter.resource_kind.is_some(), Self::ResourceKind),
        ];
        let first = leads.into_iter().find(|(is_there, _)| *is_there);
        first.map_or(Self::Tenant, |(_, lead)| lead)
    }

    /// Whether a page looks at no more than a [`Scan`].
    fn is_bounded(self, filter: &EventFilter) -> bool {
        let beside = filter.actor_kind.is_some()
            || filter.action.is_some()
            || filter.resource_kind.is_some()
            || filter.outcome.is_some()
            || filter.reason.is_some();
        self == Self::Subject || (self == Self::Actor && beside)
    }
}

impl SeaStore {
    pub(super) async fn log_search(
        &self,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<Record>, PortError> {
        let Some(search) = self.search_of(filter, page).await? else {
            return Ok(Page {
                items: Vec::new(),
                next: None,
            });
        };
        let query = audit_intake::Model::find_by_statement(search.statement);
        let rows = self.read("audit.search", |db| query.all(db)).await?;
        let records = self.records(rows).await?;
        let mut found = Page::from_overfetch(records, page.limit, |record| record.intake.id.as_uuid());
        found.next = found.next.or(search.reached);
        Ok(found)
    }

    /// What a page looks at, settled before it is read: what is pruned or added meanwhile moves no place where it ends, so nothing is
    /// left out and nothing is shown twice. `None` when that is nothing.
    async fn scan(
        &self,
        filter: &EventFilter,
        page: &PageRequest,
        lead: Lead,
    ) -> Result<Option<Scan>, PortError> {
        let statement = self.scan_statement(filter, page, lead);
        let query = Scan::find_by_statement(statement);
        let row = self.read("audit.scan", |db| query.one(db)).await?;
        Ok(row.filter(|row| row.first.is_some()))
    }

    fn scan_statement(&self, filter: &EventFilter, page: &PageRequest, lead: Lead) -> Statement {
        let mut sql = Sql::new(self.backend(), filter, page, lead);
        let (looked_at, most) = match lead {
            Lead::Subject => (sql.references(None), SCANNED),
            _ => (sql.done(), DONE),
        };
        let text = format!(
            "SELECT ({looked_at} LIMIT 1) AS first, ({looked_at} LIMIT 1 OFFSET {}) AS last",
            most - 1
        );
        Statement::from_sql_and_values(self.backend(), text, sql.values)
    }

    /// How the database goes about a search, as it explains it, one line a step; empty when it need not be asked at all. For
    /// tests and measurements.
    pub async fn explain_search(
        &self,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Vec<String>, PortError> {
        let mut plan = Vec::new();
        let lead = Lead::of(filter);
        if lead.is_bounded(filter) {
            plan.extend(self.explain(self.scan_statement(filter, page, lead)).await?);
        }
        if let Some(search) = self.search_of(filter, page).await? {
            plan.extend(self.explain(search.statement).await?);
        }
        Ok(plan)
    }

    async fn explain(&self, mut statement: Statement) -> Result<Vec<String>, PortError> {
        let (prefix, column) = match self.backend() {
            DbBackend::Postgres => ("EXPLAIN ", "QUERY PLAN"),
            _ => ("EXPLAIN QUERY PLAN ", "detail"),
        };
        statement.sql.insert_str(0, prefix);
        let rows = self
            .read("audit.explain", |db| {
                use sea_orm::ConnectionTrait as _;
                db.query_all_raw(statement)
            })
            .await?;
        let steps = rows.iter().filter_map(|row| row.try_get("", column).ok());
        Ok(steps.collect())
    }

    /// `None` when nothing can match.
    async fn search_of(&self, filter: &EventFilter, page: &PageRequest) -> Result<Option<Search>, PortError> {
        let lead = Lead::of(filter);
        let mut sql = Sql::new(self.backend(), filter, page, lead);
        let mut scan = None;
        if lead.is_bounded(filter) {
            scan = self.scan(filter, page, lead).await?;
            if scan.is_none() {
                return Ok(None);
            }
        }
        let reached = scan.and_then(|scan| scan.last);
        let text = match (lead, &filter.action) {
            (Lead::Subject, _) => sql.by_subject(scan),
            (Lead::Actor, _) if scan.is_some() => sql.by_actor(reached),
            (Lead::Actions, Some(ActionMatch::Under(beginning))) => {
                let actions = self.actions_under(filter, beginning).await?;
                if actions.is_empty() {
                    return Ok(None);
                }
                sql.by_actions(&actions)
            }
            _ => sql.plain(),
        };
        let statement = Statement::from_sql_and_values(self.backend(), text, sql.values);
        Ok(Some(Search { statement, reached }))
    }

    async fn actions_under(&self, filter: &EventFilter, beginning: &str) -> Result<Vec<String>, PortError> {
        let tenant = filter.organization_id.as_uuid().into();
        let statement = Statement::from_sql_and_values(self.backend(), ACTIONS, [tenant]);
        let query = Action::find_by_statement(statement);
        let all = self.read("audit.actions", |db| query.all(db)).await?;
        // Here and not in the database: its collation may order the texts otherwise than byte by byte.
        let actions = all.into_iter().map(|row| row.action);
        Ok(actions.filter(|action| action.starts_with(beginning)).collect())
    }
}
