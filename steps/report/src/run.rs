//! The core: one page from what there is.

use std::io::Write as _;

use faultline_report::{FigurePage, Page, Section};
use faultline_runtime::{Inputs, MediaType, Outputs};

use crate::evidence::{Evidence, Job};
use crate::predictions::Predictions;
use crate::{
    ReportError, calibration, clusters, compositions, costs, data, features, glossary, lineage, models, overview,
    predictions, promotion, time,
};

/// Writes `report.html`, and gives its pictures.
pub(crate) fn run(job: &Job, inputs: &Inputs, outputs: &mut Outputs) -> Result<Vec<FigurePage>, ReportError> {
    let evidence = Evidence::read(job, inputs)?;
    let page = page(&evidence)?;
    let mut file = outputs.create("report.html", MediaType::Html, None)?;
    file.write_all(page.render().as_bytes())?;
    file.flush()?;
    let rows = job.count("validate", "rows_accepted").unwrap_or(0);
    outputs.count("rows_in", rows);
    outputs.count("rows_out", rows);
    Ok(page.figures())
}

fn page(evidence: &Evidence<'_>) -> Result<Page, ReportError> {
    let predicted = Predictions::read(evidence)?;
    let mut page = overview::page(evidence, predicted.as_ref());
    // What an engineer of the process asks first comes first.
    let sections: [Section; 12] = [
        predictions::section(evidence, predicted.as_ref()),
        promotion::section(evidence)?,
        features::section(evidence),
        data::section(evidence)?,
        compositions::section(evidence),
        calibration::section(evidence)?,
        costs::section(evidence)?,
        time::section(evidence)?,
        clusters::section(evidence),
        models::section(evidence)?,
        lineage::section(evidence),
        glossary::section(evidence),
    ];
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        page.push(section);
    }
    Ok(page)
}
