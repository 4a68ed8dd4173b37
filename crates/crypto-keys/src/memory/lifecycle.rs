//! What stands beside the keys.

use std::collections::HashMap;

use async_trait::async_trait;
use uuid::Uuid;
use vutf_kernel::{ApprovalId, Fault, KeyId, OrganizationId, PortError};

use super::{MemoryKeys, MemoryKeysTx};
use crate::{
    Approval, ApprovalState, KeyRecord, Keyset, LifecycleReader, LifecycleRepo, Live, LiveCiphertext,
    Transition, UsageRecord,
};

#[derive(Clone, Default)]
pub(super) struct Beside {
    keysets: Vec<Keyset>,
    transitions: Vec<Transition>,
    approvals: Vec<Approval>,
    usage: HashMap<KeyId, UsageRecord>,
}

#[async_trait]
impl LifecycleReader for MemoryKeys {
    async fn keysets(&self, organization: Option<OrganizationId>) -> Result<Vec<Keyset>, PortError> {
        let wanted = |keyset: &&Keyset| organization.is_none_or(|id| keyset.organization_id == id);
        Ok(self
            .rows()
            .beside
            .keysets
            .iter()
            .filter(wanted)
            .cloned()
            .collect())
    }

    async fn transitions(&self, key: KeyId) -> Result<Vec<Transition>, PortError> {
        let rows = self.rows();
        let mut found: Vec<Transition> = rows
            .beside
            .transitions
            .iter()
            .filter(|line| line.key_id == key)
            .cloned()
            .collect();
        found.sort_by_key(|line| line.revision);
        Ok(found)
    }

    async fn approvals(&self, organization: OrganizationId, limit: u32) -> Result<Vec<Approval>, PortError> {
        let rows = self.rows();
        let mut found: Vec<Approval> = rows
            .beside
            .approvals
            .iter()
            .filter(|approval| approval.organization_id == organization)
            .cloned()
            .collect();
        found.sort_by_key(|approval| std::cmp::Reverse(approval.id));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn approval(&self, id: ApprovalId) -> Result<Option<Approval>, PortError> {
        let rows = self.rows();
        Ok(rows
            .beside
            .approvals
            .iter()
            .find(|approval| approval.id == id)
            .cloned())
    }

    async fn approvals_under(&self, tenant: KeyId) -> Result<Vec<Approval>, PortError> {
        let rows = self.rows();
        let under = rows.beside.approvals.iter();
        Ok(under
            .filter(|approval| approval.authenticated_by == tenant)
            .cloned()
            .collect())
    }

    async fn open_approval(&self, subject: Uuid) -> Result<Option<Approval>, PortError> {
        let rows = self.rows();
        Ok(rows.beside.open(subject).cloned())
    }

    async fn usage(&self, organization: Option<OrganizationId>) -> Result<Vec<UsageRecord>, PortError> {
        let rows = self.rows();
        let wanted = rows
            .beside
            .usage
            .values()
            .filter(|row| organization.is_none_or(|id| row.organization_id == id));
        Ok(wanted.cloned().collect())
    }
}

#[async_trait]
impl LiveCiphertext for MemoryKeys {
    async fn count(&self, _key: &KeyRecord) -> Result<Live, PortError> {
        // Whatever is encrypted stands elsewhere.
        Ok(Live::Unknown)
    }
}

#[async_trait]
impl LifecycleRepo for MemoryKeysTx {
    async fn note(&mut self, line: &Transition) -> Result<(), PortError> {
        let lines = &mut self.rows.beside.transitions;
        if lines
            .iter()
            .any(|other| (other.key_id, other.revision) == (line.key_id, line.revision))
        {
            return Err(fault(
                "transitions.insert",
                Fault::Duplicate,
                "the key has a line for this revision",
            ));
        }
        lines.push(line.clone());
        Ok(())
    }

    async fn insert_keyset(&mut self, keyset: &Keyset) -> Result<(), PortError> {
        let keysets = &mut self.rows.beside.keysets;
        if keysets.iter().any(|other| is_same(other, keyset)) {
            return Err(fault(
                "keysets.insert",
                Fault::Duplicate,
                "the purpose has a keyset",
            ));
        }
        keysets.push(keyset.clone());
        Ok(())
    }

    async fn replace_keyset(&mut self, keyset: &Keyset) -> Result<(), PortError> {
        let keysets = &mut self.rows.beside.keysets;
        let found = keysets
            .iter_mut()
            .find(|other| is_same(other, keyset) && other.revision.checked_add(1) == Some(keyset.revision));
        let row = found.ok_or_else(|| {
            fault(
                "keysets.replace",
                Fault::Stale,
                "the keyset was changed meanwhile",
            )
        })?;
        *row = keyset.clone();
        Ok(())
    }

    async fn insert_approval(&mut self, approval: &Approval) -> Result<(), PortError> {
        let beside = &mut self.rows.beside;
        let taken = beside.approvals.iter().any(|other| other.id == approval.id);
        if taken || beside.open(approval.subject_id).is_some() {
            return Err(fault(
                "approvals.insert",
                Fault::Duplicate,
                "there is an open request",
            ));
        }
        beside.approvals.push(approval.clone());
        Ok(())
    }

    async fn replace_approval(&mut self, approval: &Approval) -> Result<(), PortError> {
        let approvals = &mut self.rows.beside.approvals;
        let found = approvals.iter_mut().find(|other| {
            other.id == approval.id && other.revision.checked_add(1) == Some(approval.revision)
        });
        let row = found.ok_or_else(|| {
            fault(
                "approvals.replace",
                Fault::Stale,
                "the request was decided meanwhile",
            )
        })?;
        *row = approval.clone();
        Ok(())
    }

    async fn insert_usage(&mut self, usage: &UsageRecord) -> Result<(), PortError> {
        let all = &mut self.rows.beside.usage;
        if all.contains_key(&usage.key_id) {
            return Err(fault("usage.insert", Fault::Duplicate, "the key has a row"));
        }
        all.insert(usage.key_id, usage.clone());
        Ok(())
    }

    async fn replace_usage(&mut self, usage: &UsageRecord) -> Result<(), PortError> {
        let row = self.rows.beside.usage.get_mut(&usage.key_id);
        let row = row.filter(|row| row.revision.checked_add(1) == Some(usage.revision));
        let row = row.ok_or_else(|| fault("usage.replace", Fault::Stale, "the row was changed meanwhile"))?;
        *row = usage.clone();
        Ok(())
    }
}

impl Beside {
    fn open(&self, subject: Uuid) -> Option<&Approval> {
        self.approvals
            .iter()
            .find(|approval| approval.subject_id == subject && approval.state == ApprovalState::Open)
    }
}

fn is_same(one: &Keyset, other: &Keyset) -> bool {
    (one.organization_id, &one.purpose) == (other.organization_id, &other.purpose)
}

fn fault(op: &'static str, fault: Fault, cause: &'static str) -> PortError {
    PortError::new(op, fault, cause)
}
