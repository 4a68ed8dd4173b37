//! The text of a search.

use sea_orm::{DbBackend, Value};
use uuid::Uuid;
use vutf_audit::{ActionMatch, ActorKind, Ending, EventFilter, Order};
use vutf_kernel::PageRequest;

use super::{Lead, SCANNED, Scan};

/// A statement under construction.
pub(super) struct Sql<'a> {
    filter: &'a EventFilter,
    page: &'a PageRequest,
    lead: Lead,
    postgres: bool,
    pub(super) values: Vec<Value>,
}

impl<'a> Sql<'a> {
    pub(super) fn new(
        backend: DbBackend,
        filter: &'a EventFilter,
        page: &'a PageRequest,
        lead: Lead,
    ) -> Self {
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

    pub(super) fn plain(&mut self) -> String {
        let conditions = self.conditions("i.id").join(" AND ");
        format!(
            "SELECT i.* FROM audit_intake i WHERE {conditions} {}",
            self.tail("i.id")
        )
    }

    /// The references of the scan, and the events among them that match. CROSS JOIN: SQLite then goes from left to right. The limit
    /// tells PostgreSQL how few they are; twice as many as were there leaves room for those that came between.
    pub(super) fn by_subject(&mut self, scan: Option<Scan>) -> String {
        let references = self.references(scan);
        let conditions = self.conditions("r.event_id").join(" AND ");
        let matching = format!(
            "FROM ({references} LIMIT {}) AS r CROSS JOIN audit_intake i WHERE i.id = r.event_id AND {conditions} {}",
            2 * SCANNED,
            self.tail("r.event_id")
        );
        if self.postgres && self.filter.actor_id.is_some() {
            self.behind(&format!("SELECT i.id {matching}"))
        } else {
            format!("SELECT i.* {matching}")
        }
    }

    /// The events of the actor as far as the scan goes.
    pub(super) fn by_actor(&mut self, last: Option<Uuid>) -> String {
        let mut conditions = self.conditions("i.id");
        if let Some(last) = last {
            conditions.push(format!("i.id {} {}", self.far(), self.bind(last)));
        }
        let matching = format!(
            "FROM audit_intake i WHERE {} {}",
            conditions.join(" AND "),
            self.tail("i.id")
        );
        if self.postgres {
            self.behind(&format!("SELECT i.id {matching}"))
        } else {
            format!("SELECT i.* {matching}")
        }
    }

    /// The events behind ids that were found by indexes alone.
    fn behind(&self, ids: &str) -> String {
        format!(
            "SELECT i.* FROM ({ids}) AS f CROSS JOIN audit_intake i WHERE i.id = f.id {}",
            self.tail("f.id")
        )
    }

    /// The events of the actor behind the cursor and within the period.
    pub(super) fn done(&mut self) -> String {
        let tenant = self.bind(self.filter.organization_id.as_uuid());
        let actor = self.bind(self.filter.actor_id);
        let mut conditions = vec![
            format!("i.organization_id = {tenant}"),
            format!("i.actor_id = {actor}"),
        ];
        conditions.extend(self.bounds("i.id"));
        format!(
            "SELECT i.id FROM audit_intake i WHERE {} ORDER BY i.id {}",
            conditions.join(" AND "),
            self.direction()
        )
    }

    /// How an id compares with the last one of a page.
    fn far(&self) -> &'static str {
        match self.filter.order {
            Order::Ascending => "<=",
            Order::Descending => ">=",
        }
    }

    /// The references to the subject behind the cursor, within the period and, if it is known, the scan.
    pub(super) fn references(&mut self, scan: Option<Scan>) -> String {
        let tenant = self.bind(self.filter.organization_id.as_uuid());
        let subject = self.bind(self.filter.subject.map(|subject| subject.as_uuid()));
        let mut conditions = vec![
            format!("s.organization_id = {tenant}"),
            format!("s.subject_id = {subject}"),
        ];
        conditions.extend(self.bounds("s.event_id"));
        let far = self.far();
        let near = if far == "<=" { ">=" } else { "<=" };
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
    pub(super) fn by_actions(&mut self, actions: &[String]) -> String {
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
