//! A page with every picture, as a training run would fill it. Set `FAULTLINE_GALLERY` to a path to look at it in a browser.

use faultline_report::format::{count, share};
use faultline_report::{
    Axis, Bars, Block, Card, Cell, ConfusionMatrix, Curve, Figure, Graph, Heat, Histogram, LineChart, Mark, Node,
    Notice, Page, Poster, Row, Section, Table, Timeline, Tone, precision_recall, roc,
};

const ELBOW: [f64; 10] =
    [8.4331e10, 4.4029e10, 3.4181e10, 2.7506e10, 2.4487e10, 2.18e10, 2.0e10, 1.85e10, 1.74e10, 1.66e10];

/// Evenly spread values in 0..1.
fn ramp(n: u32) -> impl Iterator<Item = f64> {
    (0..=n).map(move |index| f64::from(index) / f64::from(n))
}

fn data() -> Section {
    let mut section = Section::new("Data");
    section.push(Notice::new(
        Tone::Warning,
        "16 columns are empty in 7 of 16 files.",
        "They were kept as missing values; the strict schema would have rejected these files.",
    ));
    let reasons = Bars::new("Reason", "Files")
        .bar("wrong column count", 19.0, "19")
        .bar("wholly empty column", 7.0, "7")
        .bar("file name", 6.0, "6");
    let sensors = [
        ("Sensor-158", 0.91),
        ("Sensor-293", 0.91),
        ("Sensor-86", 0.84),
        ("a sensor with quite a long name of its own", 0.65),
        ("Sensor-110", 0.65),
    ];
    let missing = sensors.iter().fold(Bars::new("Sensor", "Missing").full(1.0), |bars, (name, ratio)| {
        bars.bar(*name, *ratio, format!("{:.1}%", ratio * 100.0))
    });
    section.push(vec![
        Figure::new("Quarantine by reason", reasons)
            .caption("32 of 41 files were set aside.")
            .source("validate/profile.json"),
        Figure::new("Most missing sensors", missing)
            .caption("Ratio of training rows without a value.")
            .source("preprocess/missingness.json"),
        Figure::new("Missing values by file", missing_map()).source("load/export.parquet"),
    ]);
    section
}

fn missing_map() -> Heat {
    ["wafer_07012020_041011.csv", "wafer_08012020_120000.csv"]
        .into_iter()
        .fold(Heat::new("File", "Features"), |heat, file| {
            heat.row(file, ramp(589).map(|at| (at * 9.0).sin() - 0.4).collect(), "12.4%")
        })
}

fn clusters() -> Section {
    let mut numbers = Table::new("Inertia by number of clusters").numbers("k").numbers("Inertia");
    for (k, inertia) in ELBOW.iter().enumerate() {
        numbers.push(vec![Cell::number((k + 1).to_string()), Cell::number(format!("{inertia:.4e}"))]);
    }
    let points = ELBOW.iter().zip(1..).map(|(inertia, k)| (f64::from(k), *inertia)).collect();
    let elbow = LineChart::new(Axis::new("Number of clusters k").whole(), Axis::new("Inertia").from_zero())
        .line("inertia", points)
        .mark((3.0, ELBOW[2]), "knee at k = 3");
    let mut section = Section::new("Clusters");
    let scores = Histogram::new(Axis::new("Probability of being faulty"), 0.0, 1.0, 20)
        .group("good", ramp(1440).map(|at| at * at * 0.6))
        .group("faulty", ramp(88).map(|at| at.sqrt() * 0.9));
    section.push(vec![
        Figure::new("Elbow", elbow)
            .caption("Inertia falls slowly after the knee (Kneedle, convex and decreasing).")
            .source("cluster/clusters.json")
            .numbers(numbers),
        Figure::new("Scores of good and faulty wafers", scores)
            .caption("Out-of-fold probabilities; each group adds up to 1.")
            .source("train/oof.parquet"),
    ]);
    section
}

fn quality() -> Section {
    let points = |power: f64| ramp(200).map(|at| (at, at.powf(power))).collect::<Vec<_>>();
    let curves = roc(vec![
        Curve::new("forest", 0.734, points(0.36)),
        Curve::new("boosting", 0.681, points(0.5)),
        Curve::new("pooled", 0.62, points(0.7)),
    ]);
    let precision = |scale: f64| ramp(200).map(|at| (at, scale / (at + 0.3) * 0.2 + 0.02)).collect::<Vec<_>>();
    let recall = precision_recall(
        vec![Curve::new("forest", 0.2, precision(1.0)), Curve::new("boosting", 0.16, precision(0.7))],
        0.058,
    );
    let mut candidates = Table::new("Candidates")
        .column("Model")
        .column("Family")
        .numbers("AP out of fold")
        .numbers("ROC AUC")
        .column("Parameters")
        .column("State");
    candidates.push_strong(vec![
        Cell::words("0"),
        Cell::words("forest"),
        Cell::number("0.201"),
        Cell::number("0.734"),
        Cell::code("n_estimators=100 max_depth=4"),
        Cell::badge(Tone::Good, "chosen"),
    ]);
    candidates.push(vec![
        Cell::words("0"),
        Cell::words("boosting"),
        Cell::number("0.164"),
        Cell::number("0.681"),
        Cell::code("learning_rate=0.1 max_depth=3"),
        Cell::badge(Tone::Neutral, "not chosen"),
    ]);
    candidates.push(vec![
        Cell::words("1"),
        Cell::words("forest"),
        Cell::number("n/a"),
        Cell::number("n/a"),
        Cell::code(""),
        Cell::badge(Tone::Warning, "one class only"),
    ]);
    let mut section = Section::new("Quality");
    section.push(candidates);
    section.push(vec![
        Figure::new("ROC, out of fold", curves).caption("How many faulty wafers are found at each false alarm rate."),
        Figure::new("Precision and recall, out of fold", recall)
            .caption("How many alarms are right at each share of faulty wafers found."),
        Figure::new("Confusion on the holdout", ConfusionMatrix::new("good", "faulty", [[231, 58], [9, 9]]))
            .caption("At the decision threshold 0.121."),
    ]);
    section
}

/// Work that went wrong on the way: its graph and its times.
fn work() -> (Graph, Timeline) {
    let names =
        ["validate", "transform", "load", "preprocess", "cluster", "train", "promote", "report-and-send-it-out"];
    let node = |(index, name): (usize, &&str)| match index {
        0..=4 => Node::new(*name, Mark::Done, "Succeeded").detail("12.3 s"),
        5 => Node::new(*name, Mark::Failed, "Failed").detail("5 of 6").stack(),
        6 => Node::new(*name, Mark::Waiting, "NotRun"),
        _ => Node::new(*name, Mark::Skipped, "Skipped"),
    };
    let graph = names.iter().enumerate().map(node).fold(Graph::new(), Graph::node);
    let edges = [(0, 1), (1, 2), (1, 3), (3, 4), (3, 5), (4, 5), (5, 6), (2, 7), (5, 7), (0, 7)];
    let graph = edges.iter().fold(graph, |graph, &(from, to)| graph.edge(from, to));
    let graph = graph.apart("at the end", vec![Node::new("clean-up", Mark::Running, "Running").detail("0.1 s")]);
    let row = |(index, name): (usize, &&str)| {
        let from = index as f64 * 3.5;
        let megabytes = index as f64 * 21.0 + 3.0;
        match index {
            0..=4 => Row::new(*name, Mark::Done, "Succeeded").span(from, from + 4.5, "4.5 s"),
            5 => Row::new(*name, Mark::Failed, "Failed").span(from, from + 11.0, "11.0 s, 3 attempts"),
            _ => Row::new(*name, Mark::Skipped, "Parent Tasks were skipped"),
        }
        .load(
            if index < 6 { megabytes } else { 0.0 },
            if index < 6 { format!("{megabytes} MB") } else { String::new() },
        )
    };
    let timeline = Timeline::new("Seconds since the start", "Took", "Peak memory");
    (graph, names.iter().enumerate().map(row).fold(timeline, Timeline::row))
}

fn gallery() -> String {
    let mut page = Page::new("Training run of model wafer")
        .subtitle("Run 6f3e2c1a · 21 November 2026, 04:12 UTC")
        .status(Tone::Good, "promoted as version 3")
        .footer("Made by faultline 0.1.0. Nothing on this page is fetched from a network.");
    page.lead(vec![
        Card::new("Files accepted", count(9)).note("of 41; 32 quarantined").tone(Tone::Warning),
        Card::new("Rows accepted", count(837)).note(share(837, 1537)),
        Card::new("Features kept", count(474)).note("of 590"),
        Card::new("Clusters", "3").note("by the knee"),
        Card::new("ROC AUC", "0.73").range("0.68 to 0.78").note("out of fold"),
        Card::new("Verdict", "promote").note("first champion").tone(Tone::Good),
    ]);
    page.lead(Notice::new(
        Tone::Bad,
        "Only 18 faulty wafers in the holdout.",
        "With fewer than 30 the comparison is descriptive.",
    ));
    page.push(data());
    page.push(clusters());
    page.push(quality());
    let (graph, timeline) = work();
    let mut section = Section::new("Work");
    section.push(Figure::new("Graph", graph).caption("A box per task."));
    section.push(Figure::new("Timeline", timeline));
    page.push(section);
    let mut lineage = Section::new("Lineage");
    lineage.push(Block::Facts(vec![
        ("Schema".into(), "wafer-strict".into()),
        ("Seed".into(), "7".into()),
        ("Git revision".into(), "0123456789ab".into()),
    ]));
    let mut steps = Table::new("Steps").column("Step").column("Manifest").column("sha256");
    steps.push(vec![
        Cell::words("validate"),
        Cell::code("s3://bucket/runs/6f3e2c1a/validate/manifest.json"),
        Cell::code("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ]);
    lineage.push(Block::Folded("Steps and their digests".into(), steps));
    page.push(lineage);
    page.render()
}

#[test]
fn the_gallery_is_small_and_complete() {
    let page = gallery();
    if let Some(path) = std::env::var_os("FAULTLINE_GALLERY") {
        std::fs::write(path, &page).unwrap();
    }
    assert!(page.len() < 60_000, "{} bytes", page.len());
    assert_eq!(page.matches("<figure").count(), 10);
    assert!(!page.contains("NaN"));
}

#[test]
fn the_poster_is_small_and_complete() {
    let (graph, timeline) = work();
    let poster = Poster::new("Run nightly-7", "failed").graph("Graph", &graph).timeline("Timeline", &timeline).render();
    if let Some(path) = std::env::var_os("FAULTLINE_POSTER") {
        std::fs::write(path, &poster).unwrap();
    }
    assert!(poster.len() < 20_000, "{} bytes", poster.len());
    assert!(poster.contains("<title>report-and-send-it-out: Skipped</title>"), "{poster}");
    assert!(!poster.contains("NaN"));
}
