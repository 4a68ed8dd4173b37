//! Rules that look at the process and not at the stream: what does not come cannot be in the log.

use vutf_kernel::{OrganizationId, Timestamp};

use crate::analysis::{
    Vitals,
    detection::Evidence,
    rule::{Detector, Parameters},
};

/// A watchdog. Its state is about this process and is in no snapshot; a finding's id hangs on what it is about, so that
/// another process that sees the same tells it once.
pub(in crate::analysis) enum Watchdog {
    /// Requests are answered, and no event comes.
    Silence {
        /// The last event when counting began, when that was, and how many requests had been answered.
        since: Option<(i64, Timestamp, u64)>,
        /// It was told.
        told: bool,
    },
    /// Events wait for their place.
    Lag {
        /// When it was told last.
        told: Option<Timestamp>,
    },
}

impl Watchdog {
    pub(in crate::analysis) const fn of(detector: &Detector) -> Option<Self> {
        match detector {
            Detector::Silence {} => Some(Self::Silence {
                since: None,
                told: false,
            }),
            Detector::Lag {} => Some(Self::Lag { told: None }),
            _ => None,
        }
    }

    /// `last` is the last event that the analysis did not write itself, and when it happened.
    pub(in crate::analysis) fn watch(
        &mut self,
        last: (i64, Timestamp),
        vitals: &Vitals,
        parameters: &Parameters,
    ) -> Option<Evidence> {
        match self {
            Self::Silence { since, told } => {
                let (seq, began, answered) = *since.get_or_insert((last.0, vitals.at, vitals.answered));
                if seq != last.0 || vitals.answered < answered {
                    (*since, *told) = (Some((last.0, vitals.at, vitals.answered)), false);
                    return None;
                }
                let silent = vitals.at.since(began) >= parameters.span("window_seconds");
                let requests = vitals.answered - answered;
                if *told || !silent || requests < parameters.count("requests") {
                    return None;
                }
                *told = true;
                Some(Evidence {
                    // The last event before the silence.
                    seqs: Some(last.0).filter(|seq| *seq >= 0).into_iter().collect(),
                    first_at: last.1,
                    dated: Some(last.1),
                    ..about("installation".to_owned(), requests, vitals)
                })
            }
            Self::Lag { told } => {
                let oldest = vitals.oldest_pending?;
                let quiet = told.is_some_and(|told| vitals.at.since(told) < parameters.span("quiet_seconds"));
                if quiet || vitals.at.since(oldest) < parameters.span("seconds") {
                    return None;
                }
                *told = Some(vitals.at);
                Some(Evidence {
                    first_at: oldest,
                    dated: Some(oldest),
                    ..about(format!("installation:since:{oldest}"), vitals.pending, vitals)
                })
            }
        }
    }
}

fn about(key: String, amount: u64, vitals: &Vitals) -> Evidence {
    Evidence {
        organization_id: OrganizationId::DEFAULT,
        key,
        seqs: Vec::new(),
        events: 0,
        amount,
        first_at: vitals.at,
        at: vitals.at,
        dated: None,
    }
}
