//! All that is held about a person, by the classification of every column: nobody writes down what is exported, so that nobody can
//! forget it.

mod coverage;
mod rows;

use async_trait::async_trait;
use sea_orm::{DatabaseConnection, FromQueryResult, Statement};
use vutf_app::export::{Holdings, LeftOut, Mention, Part, PersonalData};
use vutf_kernel::{OrganizationId, PortError, UserId};

use self::coverage::{COVERAGE, Coverage, never};
use crate::{
    SeaStore,
    classification::{ColumnClass, ColumnClasses, tables},
};

/// Rows that are counted at most where a column has no index.
const COUNTED: u32 = 10_000;

#[derive(FromQueryResult)]
struct Counted {
    rows: i64,
}

/// A person, as every table names them.
#[derive(Clone, Copy)]
struct Whose {
    organization: OrganizationId,
    person: UserId,
}

#[async_trait]
impl PersonalData for SeaStore {
    async fn holdings(
        &self,
        organization: OrganizationId,
        person: UserId,
        limit: u32,
    ) -> Result<Holdings, PortError> {
        let whose = Whose { organization, person };
        let mut holdings = Holdings::default();
        for (table, columns) in tables() {
            let covered = COVERAGE.iter().find(|(name, _)| name == table);
            match covered {
                // It refers to nobody: a test holds the one list against the other.
                None => {}
                Some((_, Coverage::LeftOut { reason, counted })) => {
                    let rows = self.count_any(table, counted, whose).await?;
                    holdings.left_out.push(LeftOut { table, reason, rows });
                }
                Some((_, part @ Coverage::Part { .. })) => {
                    holdings
                        .parts
                        .push(self.part(table, columns, part, whose, limit).await?);
                    self.mentions(table, columns, part, whose, &mut holdings.mentions)
                        .await?;
                }
            }
        }
        Ok(holdings)
    }
}

impl SeaStore {
    async fn part(
        &self,
        table: &'static str,
        columns: ColumnClasses,
        coverage: &Coverage,
        whose: Whose,
        limit: u32,
    ) -> Result<Part, PortError> {
        let Coverage::Part {
            whose: owner,
            order,
            withheld,
        } = coverage
        else {
            return Err(PortError::other("personal.part", "the table is left out"));
        };
        let kept_back = |(column, class): &(&'static str, ColumnClass)| {
            let own = withheld.iter().find(|(name, _)| name == column);
            let reason = own.map(|(_, reason)| *reason).or_else(|| never(*class));
            reason.map(|reason| (*column, reason))
        };
        let shown: Vec<(&'static str, ColumnClass)> = columns
            .iter()
            .filter(|column| kept_back(column).is_none())
            .copied()
            .collect();
        let total = self.count_rows(table, owner, None, whose).await?;
        Ok(Part {
            table,
            rows: self.rows_of(table, &shown, (owner, order), whose, limit).await?,
            total,
            withheld: columns.iter().filter_map(kept_back).collect(),
        })
    }

    /// Rows of others that name the person.
    async fn mentions(
        &self,
        table: &'static str,
        columns: ColumnClasses,
        coverage: &Coverage,
        whose: Whose,
        mentions: &mut Vec<Mention>,
    ) -> Result<(), PortError> {
        let Coverage::Part { whose: owner, .. } = coverage else {
            return Ok(());
        };
        let named = columns
            .iter()
            .filter(|(column, class)| *class == ColumnClass::Pseudonym && column != owner);
        for (column, _) in named {
            let rows = self.count_rows(table, column, Some(owner), whose).await?;
            mentions.push(Mention { table, column, rows });
        }
        Ok(())
    }

    /// `None` where nothing may be counted.
    async fn count_any(&self, table: &str, columns: &[&str], whose: Whose) -> Result<Option<u64>, PortError> {
        let mut rows = None;
        for column in columns {
            *rows.get_or_insert(0) += self.count_rows(table, column, None, whose).await?;
        }
        Ok(rows)
    }

    /// Rows that name the person in `column`; with `owner`, of those that are not their own.
    async fn count_rows(
        &self,
        table: &str,
        column: &str,
        owner: Option<&str>,
        whose: Whose,
    ) -> Result<u64, PortError> {
        let others = owner.map_or_else(String::new, |owner| {
            format!(" AND ({owner} IS NULL OR {owner} <> $2) LIMIT {COUNTED}")
        });
        let sql = format!(
            "SELECT COUNT(*) AS rows FROM \
             (SELECT 1 AS one FROM {table} WHERE organization_id = $1 AND {column} = $2{others}) AS named"
        );
        let values = [whose.organization.as_uuid().into(), whose.person.as_uuid().into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let counted = Counted::find_by_statement(statement);
        let found = self
            .read("personal.count", async |db: &DatabaseConnection| {
                counted.one(db).await
            })
            .await?;
        Ok(found.map_or(0, |counted| u64::try_from(counted.rows).unwrap_or(0)))
    }
}
