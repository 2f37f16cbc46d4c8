//! The state that handlers share.

use std::sync::Arc;

use accounts::Accounts;

use crate::admission::Admission;
use crate::config::Config;
use crate::life::Life;
use crate::metrics::Metrics;
use crate::recent::Recent;
use crate::version::Version;
use crate::workers::Workers;

/// The state that handlers share.
#[derive(Clone)]
pub(crate) struct Service {
    pub config: Arc<Config>,
    pub accounts: Arc<Accounts>,
    pub admission: Admission,
    pub workers: Arc<Workers>,
    pub life: Life,
    pub metrics: Arc<Metrics>,
    pub recent: Arc<Recent>,
    pub version: Arc<Version>,
}
