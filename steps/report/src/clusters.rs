//! The clusters: how many, why, and how the rows fall into them.

use faultline_contract::documents::cluster::{ChosenBy, Clusters};
use faultline_contract::documents::preprocess::RowCounts;
use faultline_report::format::{count, share};
use faultline_report::{Axis, Bars, Block, Cell, Figure, LineChart, Section, Table, Tone};

use crate::evidence::Evidence;

pub(crate) fn section(evidence: &Evidence<'_>) -> Section {
    let mut section = Section::new("Clusters");
    let Some(clusters) = &evidence.clusters else {
        return section;
    };
    section.push(Block::Paragraph(why(clusters).into()));
    let mut figures = Vec::new();
    if !clusters.elbow.is_empty() {
        figures.push(elbow(clusters));
    }
    figures.push(sizes(clusters));
    section.push(figures);
    section.push(counts(clusters));
    section
}

fn why(clusters: &Clusters) -> String {
    let because = match clusters.chosen_by {
        ChosenBy::Knee => "the knee of the elbow curve, by Kneedle's rule for a convex, falling curve",
        ChosenBy::NoKnee => "the elbow curve has no knee, which says that the rows do not fall into clusters",
        ChosenBy::TooFewRows => "there are too few training rows for a curve",
        ChosenBy::Params => "the params ask for that number",
    };
    let plural = if clusters.k == 1 { "cluster" } else { "clusters" };
    format!("KMeans on the training rows gives {} {plural}: {because}.", clusters.k)
}

fn elbow(clusters: &Clusters) -> Figure {
    let points: Vec<_> = clusters.elbow.iter().map(|point| (point.k as f64, point.inertia)).collect();
    let mut numbers = Table::new("Inertia by number of clusters").numbers("k").numbers("Inertia");
    for point in &clusters.elbow {
        numbers.push(vec![Cell::number(point.k.to_string()), Cell::number(format!("{:.6e}", point.inertia))]);
    }
    let marked = clusters.knee.and_then(|knee| clusters.elbow.iter().find(|point| point.k == knee));
    let mut chart =
        LineChart::new(Axis::new("Number of clusters k").whole(), Axis::new("Inertia")).line("inertia", points);
    if let Some(knee) = marked {
        chart = chart.mark((knee.k as f64, knee.inertia), format!("knee at k = {}", knee.k));
    }
    Figure::new("Elbow", chart)
        .caption("Inertia is the sum of squared distances to the nearest centroid, over the training rows.")
        .source("cluster/clusters.json")
        .numbers(numbers)
}

fn sizes(clusters: &Clusters) -> Figure {
    let bars = clusters.clusters.iter().fold(Bars::new("Cluster", "Training rows"), |bars, cluster| {
        bars.bar(cluster.cluster.to_string(), cluster.train.rows as f64, count(cluster.train.rows))
    });
    Figure::new("Rows by cluster", bars).source("cluster/clusters.json")
}

fn counts(clusters: &Clusters) -> Table {
    let mut table = Table::new("Rows, faulty rows and the model of each cluster")
        .column("Cluster")
        .numbers("Training rows")
        .numbers("faulty")
        .numbers("Held-out rows")
        .numbers("faulty")
        .column("Own model");
    let faulty = |rows: &RowCounts| format!("{} ({})", count(rows.faulty), share(rows.faulty, rows.rows));
    for cluster in &clusters.clusters {
        let own =
            if cluster.trainable { (Tone::Good, "yes") } else { (Tone::Warning, "no: too small or one class only") };
        table.push(vec![
            Cell::words(cluster.cluster.to_string()),
            Cell::number(count(cluster.train.rows)),
            Cell::number(faulty(&cluster.train)),
            Cell::number(count(cluster.holdout.rows)),
            Cell::number(faulty(&cluster.holdout)),
            Cell::badge(own.0, own.1),
        ]);
    }
    table
}
