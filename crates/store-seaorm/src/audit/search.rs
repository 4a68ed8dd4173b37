//! Searching the log: one statement a page, led by the most selective part of the filter, along an index that ends in the
//! event's id. So a page costs what it shows, however long the log is; `audit_search` among the benches measures it.

use sea_orm::{DbBackend, FromQueryResult, Statement, Value};
use uuid::Uuid;
use vutf_audit::{ActionMatch, ActorKind, Ending, EventFilter, Order, Record};
use vutf_kernel::{Page, PageRequest, PortError};

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

#[derive(FromQueryResult)]
struct Action {
    action: String,
}

/// The references to a subject that a page looks at.
#[derive(Clone, Copy, FromQueryResult)]
struct Scan {
    first: Option<Uuid>,
    /// The [`SCANNED`]th; `None` when there are fewer.
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

    /// Which references a page looks at, settled before it is read: what is pruned or added meanwhile moves no place where it ends,
    /// so nothing is left out and nothing is shown twice. `None` when there are none.
    async fn scan(&self, filter: &EventFilter, page: &PageRequest) -> Result<Option<Scan>, PortError> {
        let statement = self.scan_statement(filter, page);
        let query = Scan::find_by_statement(statement);
        let row = self.read("audit.scan", |db| query.one(db)).await?;
        Ok(row.filter(|row| row.first.is_some()))
    }

    fn scan_statement(&self, filter: &EventFilter, page: &PageRequest) -> Statement {
        let mut sql = Sql::new(self.backend(), filter, page, Lead::Subject);
        let references = sql.references(None);
        let text = format!(
            "SELECT ({references} LIMIT 1) AS first, ({references} LIMIT 1 OFFSET {}) AS last",
            SCANNED - 1
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
        if Lead::of(filter) == Lead::Subject {
            plan.extend(self.explain(self.scan_statement(filter, page)).await?);
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
        let mut reached = None;
        let text = match (lead, &filter.action) {
            (Lead::Subject, _) => {
                let Some(scan) = self.scan(filter, page).await? else {
                    return Ok(None);
                };
                reached = scan.last;
                sql.by_subject(scan)
            }
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

/// A statement under construction.
struct Sql<'a> {
    filter: &'a EventFilter,
    page: &'a PageRequest,
    lead: Lead,
    postgres: bool,
    values: Vec<Value>,
}

impl<'a> Sql<'a> {
    fn new(backend: DbBackend, filter: &'a EventFilter, page: &'a PageRequest, lead: Lead) -> Self {
        Self {
            filter,
            page,
            lead,
            postgres: backend == DbBackend::Postgres,
            values: Vec::new(),
        }
    }

    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// A column of the event that SQLite must not look up by an index, unless it leads.
    fn column(&self, lead: Lead, name: &str) -> String {
        if self.postgres || self.lead == lead {
            format!("i.{name}")
        } else {
            format!("+i.{name}")
        }
    }

    /// The end of a statement. The number of rows is part of its text: a planner that does not know it expects many.
    fn tail(&self, id: &str) -> String {
        let direction = self.direction();
        format!(
            "ORDER BY {id} {direction} LIMIT {}",
            u32::from(self.page.limit) + 1
        )
    }

    fn direction(&self) -> &'static str {
        match self.filter.order {
            Order::Ascending => "ASC",
            Order::Descending => "DESC",
        }
    }

    fn plain(&mut self) -> String {
        let conditions = self.conditions("i.id").join(" AND ");
        format!(
            "SELECT i.* FROM audit_intake i WHERE {conditions} {}",
            self.tail("i.id")
        )
    }

    /// The references of the scan, and the events among them that match. CROSS JOIN: SQLite then goes from left to right. The limit
    /// tells PostgreSQL how few they are; twice as many as were there leaves room for those that came between.
    fn by_subject(&mut self, scan: Scan) -> String {
        let references = self.references(Some(scan));
        let conditions = self.conditions("r.event_id").join(" AND ");
        format!(
            "SELECT i.* FROM ({references} LIMIT {}) AS r CROSS JOIN audit_intake i \
             WHERE i.id = r.event_id AND {conditions} {}",
            2 * SCANNED,
            self.tail("r.event_id")
        )
    }

    /// The references to the subject behind the cursor, within the period and, if it is known, the scan.
    fn references(&mut self, scan: Option<Scan>) -> String {
        let tenant = self.bind(self.filter.organization_id.as_uuid());
        let subject = self.bind(self.filter.subject.map(|subject| subject.as_uuid()));
        let mut conditions = vec![
            format!("s.organization_id = {tenant}"),
            format!("s.subject_id = {subject}"),
        ];
        conditions.extend(self.bounds("s.event_id"));
        let (near, far) = match self.filter.order {
            Order::Ascending => (">=", "<="),
            Order::Descending => ("<=", ">="),
        };
        let ends = scan.map_or([(near, None), (far, None)], |scan| {
            [(near, scan.first), (far, scan.last)]
        });
        for (than, end) in ends {
            if let Some(end) = end {
                conditions.push(format!("s.event_id {than} {}", self.bind(end)));
            }
        }
        format!(
            "SELECT s.event_id FROM audit_subject_ref s WHERE {} ORDER BY s.event_id {}",
            conditions.join(" AND "),
            self.direction()
        )
    }

    /// The first events of each action, and of these the first: neither database merges the ranges of an index by itself.
    fn by_actions(&mut self, actions: &[String]) -> String {
        let common = self.conditions("i.id").join(" AND ");
        let tail = self.tail("i.id");
        let each: Vec<String> = actions
            .iter()
            .map(|action| {
                let action = self.bind(action.as_str());
                format!(
                    "SELECT id FROM (SELECT i.id FROM audit_intake i WHERE {common} AND i.action = {action} {tail}) AS one"
                )
            })
            .collect();
        format!(
            "SELECT i.* FROM (SELECT id FROM ({}) AS every {}) AS f CROSS JOIN audit_intake i WHERE i.id = f.id {}",
            each.join(" UNION ALL "),
            self.tail("id"),
            self.tail("f.id")
        )
    }

    /// What every part of the filter asks of an event, and the cursor of an id.
    fn conditions(&mut self, id: &str) -> Vec<String> {
        let filter = self.filter;
        let tenant = self.bind(filter.organization_id.as_uuid());
        // Behind a subject's reference the event is looked up by its id alone.
        let column = match self.lead {
            Lead::Subject if !self.postgres => "+i.organization_id",
            _ => "i.organization_id",
        };
        let mut all = vec![format!("{column} = {tenant}")];
        all.extend(self.period(id));
        all.extend(self.people());
        all.extend(self.things());
        all.extend(self.endings());
        all
    }

    fn period(&mut self, id: &str) -> Vec<String> {
        let mut all = self.bounds(id);
        if let Some(from) = self.filter.from {
            all.push(format!("i.occurred_at >= {}", self.bind(from.as_micros())));
        }
        if let Some(until) = self.filter.until {
            all.push(format!("i.occurred_at < {}", self.bind(until.as_micros())));
        }
        all
    }

    /// The ids between which a page lies.
    fn bounds(&mut self, id: &str) -> Vec<String> {
        let (least, most) = self.filter.ids();
        let beyond = match self.filter.order {
            Order::Ascending => ">",
            Order::Descending => "<",
        };
        let bounds = [(">=", least), ("<", most), (beyond, self.page.after)];
        let there = bounds
            .into_iter()
            .filter_map(|(than, bound)| Some((than, bound?)));
        there
            .map(|(than, bound)| format!("{id} {than} {}", self.bind(bound)))
            .collect()
    }

    fn people(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        if let Some(actor) = self.filter.actor_id {
            all.push(format!(
                "{} = {}",
                self.column(Lead::Actor, "actor_id"),
                self.bind(actor)
            ));
        }
        if let Some(kind) = self.filter.actor_kind {
            let column = self.column(Lead::ActorKind, "actor_kind");
            all.push(format!("{column} = '{}'", kind.as_str()));
            if kind != ActorKind::User {
                all.push("i.actor_kind <> 'user'".to_owned());
            }
        }
        if let Some(subject) = self.filter.subject.filter(|_| self.lead != Lead::Subject) {
            all.push(format!(
                "EXISTS (SELECT 1 FROM audit_subject_ref r WHERE r.event_id = i.id AND r.subject_id = {})",
                self.bind(subject.as_uuid())
            ));
        }
        all
    }

    fn things(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        let filter = self.filter;
        if let Some(request) = &filter.request_id {
            let column = self.column(Lead::Request, "request_id");
            all.push(format!("{column} = {}", self.bind(request.as_str())));
        }
        if let Some(resource) = filter.resource_id {
            let column = self.column(Lead::Resource, "resource_id");
            all.push(format!("{column} = {}", self.bind(resource)));
        }
        if let Some(kind) = &filter.resource_kind {
            let column = self.column(Lead::ResourceKind, "resource_kind");
            all.push(format!("{column} = {}", self.bind(kind.as_str())));
        }
        match &filter.action {
            Some(ActionMatch::Exactly(action)) => {
                let column = self.column(Lead::Action, "action");
                all.push(format!("{column} = {}", self.bind(action.as_str())));
            }
            Some(ActionMatch::Under(beginning)) if self.lead != Lead::Actions => {
                let length = beginning.len();
                all.push(format!(
                    "substr(i.action, 1, {length}) = {}",
                    self.bind(beginning.as_str())
                ));
            }
            _ => {}
        }
        all
    }

    /// Words of a closed set stand in the text: a partial index is used only where its condition can be seen.
    fn endings(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        if let Some(ending) = self.filter.outcome {
            let column = self.column(Lead::Outcome, "outcome");
            all.push(format!("{column} = '{}'", ending.as_str()));
            if ending != Ending::Success {
                all.push("i.outcome <> 'success'".to_owned());
            }
        }
        if let Some(reason) = &self.filter.reason {
            let column = self.column(Lead::Reason, "reason");
            all.push(format!("{column} = {}", self.bind(reason.as_str())));
        }
        all
    }
}
