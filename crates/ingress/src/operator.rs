//! The operator's page: `/metrics`, `/readyz`, `/version` and the last refusals for people. Its
//! scripts fetch them from the admin listener every two seconds.

use serde::Serialize;

use crate::pages::Page;
use crate::recent::Refusal;

/// Every file of the page.
pub(crate) const PAGES: [Page; 6] = [
    Page::new("/", include_str!("operator/index.html")),
    Page::new("/operator.css", include_str!("operator/operator.css")),
    Page::new("/operator.svg", include_str!("operator/operator.svg")),
    Page::new("/operator.js", include_str!("operator/operator.js")),
    Page::new("/operator/exposition.js", include_str!("operator/exposition.js")),
    Page::new("/operator/history.js", include_str!("operator/history.js")),
];

/// The response of `/recent-refusals`.
#[derive(Serialize)]
pub(crate) struct RecentRefusals {
    pub refusals: Vec<Refusal>,
}
