//! The core: one page from what there is.

use std::io::Write as _;

use faultline_report::{Page, Section};
use faultline_runtime::{Inputs, MediaType, Outputs};

use crate::evidence::{Evidence, Job};
use crate::{ReportError, clusters, data, lineage, models, overview, predictions, promotion};

/// Writes `report.html`.
pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), ReportError> {
    let evidence = Evidence::read(job, inputs)?;
    let page = page(&evidence)?.render();
    let mut file = outputs.create("report.html", MediaType::Html, None)?;
    file.write_all(page.as_bytes())?;
    file.flush()?;
    let rows = job.count("validate", "rows_accepted").unwrap_or(0);
    outputs.count("rows_in", rows);
    outputs.count("rows_out", rows);
    Ok(())
}

fn page(evidence: &Evidence<'_>) -> Result<Page, ReportError> {
    let mut page = overview::page(evidence);
    let sections: [Section; 6] = [
        data::section(evidence)?,
        clusters::section(evidence),
        models::section(evidence)?,
        promotion::section(evidence)?,
        predictions::section(evidence)?,
        lineage::section(evidence),
    ];
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        page.push(section);
    }
    Ok(page)
}
