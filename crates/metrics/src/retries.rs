//! How often this process sent a request again.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The object store.
    Store,
    /// The database of rows.
    Records,
    /// The tracking server.
    Tracking,
}

impl Service {
    const ALL: [Self; 3] = [Self::Store, Self::Records, Self::Tracking];

    /// The value of the label `service`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Records => "records",
            Self::Tracking => "tracking",
        }
    }
}

static COUNTS: [AtomicU64; Service::ALL.len()] = [const { AtomicU64::new(0) }; Service::ALL.len()];

/// Counts one request that is sent again. To be called by the client that does so.
pub fn retried(service: Service) {
    COUNTS[service as usize].fetch_add(1, Ordering::Relaxed);
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Retries([u64; Service::ALL.len()]);

impl Retries {
    /// The counts now.
    #[must_use]
    pub fn now() -> Self {
        Self(std::array::from_fn(|service| COUNTS[service].load(Ordering::Relaxed)))
    }

    /// What was counted between an earlier moment and this one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> [(Service, u64); Service::ALL.len()] {
        Service::ALL.map(|service| (service, self.0[service as usize].saturating_sub(earlier.0[service as usize])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_is_counted_by_itself() {
        let before = Retries::now();
        retried(Service::Records);
        retried(Service::Tracking);
        retried(Service::Tracking);
        let counted = Retries::now().since(&before).map(|(service, count)| (service.as_str(), count));
        assert_eq!(counted, [("store", 0), ("records", 1), ("tracking", 2)]);
    }
}
