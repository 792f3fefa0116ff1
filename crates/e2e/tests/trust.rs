//! Whether a verdict can be believed: data that hold nothing, and data that hold the answer.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use faultline_contract::documents::promote::{Decision, Verdict};
use faultline_e2e::{Pipelines, Press, models, read};

/// The press, with each training row rewritten: file number, part number and cells (sensors, then the result) in, cells out.
fn rewritten(change: impl Fn(usize, usize, &mut Vec<String>)) -> Result<Press> {
    let press = Press::new()?;
    let mut files: Vec<PathBuf> =
        fs::read_dir(press.training())?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    for (number, file) in files.iter().enumerate() {
        let text = fs::read_to_string(file)?;
        let mut lines = text.lines();
        let mut out = vec![lines.next().context("a header")?.to_owned()];
        for line in lines {
            let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            let part = cells[0].trim_start_matches("part-").parse()?;
            change(number, part, &mut cells);
            out.push(cells.join(","));
        }
        fs::write(file, out.join("\n") + "\n")?;
    }
    Ok(press)
}

fn trained(press: &Press, run: &str, seed: &str) -> Result<Verdict> {
    let root = root(press);
    let pipelines = Pipelines::at(root.display().to_string())?
        .param("schema-uri", &press.schema().display().to_string())
        .param("seed", seed);
    pipelines.train(run, &press.training())?.succeeded()?;
    Ok(serde_json::from_slice(&read(&root, run, "promote", "verdict.json")?)?)
}

fn root(press: &Press) -> PathBuf {
    press.folder().join("root")
}

#[test]
fn data_without_a_signal_earn_no_claim() -> Result<()> {
    // Who is faulty hangs on the part's number alone, which is no feature.
    let press = rewritten(|_, part, cells| {
        let faulty = (part.wrapping_mul(2_654_435_761) >> 7) % 4 == 0;
        let last = cells.len() - 1;
        cells[last] = if faulty { "1" } else { "-1" }.to_owned();
    })?;
    let first = trained(&press, "first", "7")?;
    assert_eq!((first.verdict, first.is_first), (Decision::Promote, true));
    assert!(first.warnings.iter().any(|warning| warning.contains("includes chance")), "{:?}", first.warnings);
    for seed in ["8", "9"] {
        let challenger = trained(&press, &format!("seed-{seed}"), seed)?;
        assert_eq!(challenger.verdict, Decision::Hold, "{}", challenger.reason);
        assert!(challenger.reason.contains("interval"), "{}", challenger.reason);
    }
    let is_entry = |path: &&PathBuf| path.components().any(|part| part.as_os_str() == "history");
    assert_eq!(models(&root(&press), "wafer")?.iter().filter(is_entry).count(), 1);
    Ok(())
}

#[test]
fn a_feature_that_copies_the_target_in_the_late_files_is_named() -> Result<()> {
    let press = rewritten(|file, _, cells| {
        let last = cells.len() - 1;
        if file >= 2 {
            cells[last - 1] = if cells[last] == "1" { "5.5" } else { "-5.5" }.to_owned();
        }
    })?;
    let verdict = trained(&press, "leak", "7")?;
    let suspect = verdict.suspects.first().context("a suspect")?;
    assert_eq!((suspect.feature.as_str(), suspect.rows.as_str()), ("s12", "late"));
    assert!(suspect.roc_auc > 0.999, "{suspect:?}");
    assert!(verdict.warnings.iter().any(|warning| warning.contains("s12")), "{:?}", verdict.warnings);
    Ok(())
}

#[test]
fn a_signal_is_told_from_chance_and_every_way_is_judged_on_the_same_rows() -> Result<()> {
    let verdict = trained(&Press::new()?, "plain", "7")?;
    assert!(verdict.warnings.iter().all(|warning| !warning.contains("includes chance")), "{:?}", verdict.warnings);
    let names: Vec<&str> = verdict.compositions.iter().map(|known| known.name.as_str()).collect();
    for name in ["per-cluster", "pooled-forest", "pooled-boosting", "pooled-logistic"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let rows: Vec<u64> = verdict.compositions.iter().map(|known| known.out_of_fold.metrics.rows).collect();
    assert!(rows.windows(2).all(|pair| pair[0] == pair[1]), "judged on the same rows: {rows:?}");
    Ok(())
}
