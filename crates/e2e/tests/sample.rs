//! Both pipelines on a small data set, judged by the digests of all they leave.

use std::path::Path;

use anyhow::{Context, Result};
use faultline_e2e::{Digests, Pipelines, Press, differences, digests, manifests, predictions, read};

fn pipelines(press: &Press, root: &Path) -> Result<Pipelines> {
    let schema = press.schema();
    let root = root.to_str().context("a root in UTF-8")?;
    Ok(Pipelines::at(root)?.param("schema-uri", schema.to_str().context("a path in UTF-8")?))
}

/// Trains and predicts on a root of its own.
fn both(press: &Press, root: &Path, threads: &str) -> Result<(Digests, Digests)> {
    let pipelines = pipelines(press, root)?.env("RAYON_NUM_THREADS", threads);
    pipelines.train("train", &press.training())?.succeeded()?;
    pipelines.predict("predict", &press.prediction())?.succeeded()?;
    Ok((digests(root, "train")?, digests(root, "predict")?))
}

#[test]
fn the_same_work_leaves_the_same_bytes_on_another_root_and_at_another_thread_count() -> Result<()> {
    let press = Press::new()?;
    let (first, second) = (press.folder().join("first"), press.folder().join("elsewhere/second"));
    let (alone, together) = (both(&press, &first, "1")?, both(&press, &second, "4")?);
    assert_eq!(differences(&alone.0, &together.0), Vec::<String>::new(), "training");
    assert_eq!(differences(&alone.1, &together.1), Vec::<String>::new(), "prediction");
    assert!(alone.0.len() > 15 && alone.1.len() > 5, "{alone:?}");
    Ok(())
}

#[test]
fn what_comes_in_comes_out_or_is_quarantined() -> Result<()> {
    let press = Press::new()?;
    let root = press.folder().join("root");
    both(&press, &root, "2")?;
    let run = manifests(&root, "train")?;
    let validate = run.iter().find(|manifest| manifest.step.as_str() == "validate").context("validate's manifest")?;
    let count = |name| validate.count(name);
    assert_eq!((count("files_in"), count("files_accepted"), count("files_quarantined")), (6, 5, 1));
    assert_eq!((count("rows_in"), count("rows_accepted"), count("rows_quarantined")), (360, 299, 61));
    assert_eq!(predictions(&root, "predict")?.len(), 120);
    let page = String::from_utf8(read(&root, "train", "report", "report.html")?)?;
    assert!(page.contains("299") && page.contains("</html>"), "the report names the accepted rows");
    Ok(())
}

#[test]
fn a_new_run_reuses_every_stage_that_may_be_reused() -> Result<()> {
    let press = Press::new()?;
    let root = press.folder().join("root");
    let pipelines = pipelines(&press, &root)?;
    let first = pipelines.train("first", &press.training())?.succeeded()?;
    assert!(first.reused().values().all(|reused| !reused), "{:?}", first.reused());
    let second = pipelines.train("second", &press.training())?.succeeded()?;
    let worked: Vec<_> = second.reused().into_iter().filter(|(_, reused)| !reused).map(|(name, _)| name).collect();
    assert_eq!(worked, ["promote", "report"]);
    let third = pipelines.param("no-cache", "true").train("third", &press.training())?.succeeded()?;
    assert!(third.reused().values().all(|reused| !reused), "{:?}", third.reused());
    Ok(())
}

#[test]
fn a_finished_run_started_again_changes_nothing() -> Result<()> {
    let press = Press::new()?;
    let root = press.folder().join("root");
    let pipelines = pipelines(&press, &root)?;
    pipelines.train("train", &press.training())?.succeeded()?;
    let before = manifests(&root, "train")?;
    pipelines.train("train", &press.training())?.succeeded()?;
    assert_eq!(manifests(&root, "train")?, before);
    Ok(())
}
