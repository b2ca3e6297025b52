//! Where a name is in its life: in use, soft-deleted, purged, and the seconds of limbo between.
//!
//! Spec: <https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview>

use time::{Duration, OffsetDateTime};

/// How a vault deletes.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeletionPolicy {
    /// How long a deleted secret can be recovered, in days.
    pub(super) retention_days: u8,
    /// Whether a deleted secret stays until that time is over.
    pub(super) purge_protection: bool,
    /// How long a name is neither here nor there.
    pub(super) limbo: Duration,
}

/// What last happened to a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stage {
    /// It was set, restored or recovered, and can be used from then on.
    Live { from: OffsetDateTime },
    /// It was deleted, and is among the deleted from then on.
    Deleted { deletion: Deletion, from: OffsetDateTime },
    /// It was purged, and is free from then on.
    Purged { free_from: OffsetDateTime },
}

/// When a secret was deleted, and when it will be purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deletion {
    pub(super) deleted: OffsetDateTime,
    pub(super) scheduled_purge: OffsetDateTime,
}

/// What a name is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    BeingDeleted,
    BeingPurged,
    BeingRecovered,
    Deleted(Deletion),
    /// Nobody's: as if it had never been used.
    Free,
    Live,
}

impl DeletionPolicy {
    /// What the attributes of a secret say about its end.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret#deletionrecoverylevel>
    pub(super) fn recovery_level(self) -> &'static str {
        match (self.retention_days < DEFAULT_RETENTION_DAYS, self.purge_protection) {
            (false, false) => "Recoverable+Purgeable",
            (false, true) => "Recoverable",
            (true, false) => "CustomizedRecoverable+Purgeable",
            (true, true) => "CustomizedRecoverable",
        }
    }

    pub(super) fn delete(self, now: OffsetDateTime) -> (Deletion, Stage) {
        let deletion = Deletion {
            deleted: now,
            scheduled_purge: now + Duration::days(self.retention_days.into()),
        };
        (deletion, Stage::Deleted { deletion, from: now + self.limbo })
    }

    pub(super) fn recover(self, now: OffsetDateTime) -> Stage {
        Stage::Live { from: now + self.limbo }
    }

    pub(super) fn purge(self, now: OffsetDateTime) -> Stage {
        Stage::Purged { free_from: now + self.limbo }
    }
}

impl Stage {
    pub(super) fn phase(self, now: OffsetDateTime) -> Phase {
        match self {
            Self::Live { from } if now < from => Phase::BeingRecovered,
            Self::Live { .. } => Phase::Live,
            Self::Deleted { from, .. } if now < from => Phase::BeingDeleted,
            Self::Deleted { deletion, .. } if now < deletion.scheduled_purge => {
                Phase::Deleted(deletion)
            }
            Self::Purged { free_from } if now < free_from => Phase::BeingPurged,
            Self::Deleted { .. } | Self::Purged { .. } => Phase::Free,
        }
    }
}

/// Spec: <https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview>
pub(super) const DEFAULT_RETENTION_DAYS: u8 = 90;

/// Spec: <https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview>
pub(super) const MIN_RETENTION_DAYS: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
    const POLICY: DeletionPolicy = DeletionPolicy {
        retention_days: 7,
        purge_protection: false,
        limbo: Duration::milliseconds(300),
    };

    #[track_caller]
    fn check(stage: Stage, phases: &[(Duration, Phase)]) {
        for (after, phase) in phases {
            assert_eq!(stage.phase(NOW + *after), *phase, "{after}");
        }
    }

    #[test]
    fn a_name_leaves_limbo_and_is_free_once_its_retention_is_over() {
        let (deletion, deleted) = POLICY.delete(NOW);
        assert_eq!(deletion.scheduled_purge, NOW + Duration::days(7));
        let almost = Duration::milliseconds(299);
        check(
            deleted,
            &[
                (almost, Phase::BeingDeleted),
                (POLICY.limbo, Phase::Deleted(deletion)),
                (Duration::days(7) - Duration::SECOND, Phase::Deleted(deletion)),
                (Duration::days(7), Phase::Free),
            ],
        );
        let recovered = POLICY.recover(NOW);
        check(recovered, &[(almost, Phase::BeingRecovered), (POLICY.limbo, Phase::Live)]);
        let purged = POLICY.purge(NOW);
        check(purged, &[(almost, Phase::BeingPurged), (POLICY.limbo, Phase::Free)]);
    }

    #[test]
    fn the_recovery_level_says_whether_the_secret_can_be_purged_and_the_days_were_chosen() {
        for (retention_days, purge_protection, level) in [
            (90, false, "Recoverable+Purgeable"),
            (90, true, "Recoverable"),
            (89, false, "CustomizedRecoverable+Purgeable"),
            (7, true, "CustomizedRecoverable"),
        ] {
            let policy = DeletionPolicy { retention_days, purge_protection, ..POLICY };
            assert_eq!(policy.recovery_level(), level);
        }
    }
}
