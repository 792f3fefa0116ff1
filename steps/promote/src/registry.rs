//! Making the version, comparing it with the champion, promoting it: all that happens in the registry.

use std::sync::Arc;

use faultline_contract::ExitCode;
use faultline_contract::documents::evaluation::Comparison;
use faultline_contract::documents::promote::{BundleIndex, Decision, Verdict};
use faultline_learn::bootstrap::paired_bootstrap;
use faultline_runtime::{Context, Explained, Failure, Inputs, blocking};
use faultline_table::Table;
use faultline_tracking::{Author, Entry, Promotion, Registry, TrackingError};
use serde_json::json;

use crate::PromoteError;
use crate::champion::{self, Champion};
use crate::compose::{Measure, Scored};
use crate::decide::{Evidence, decide};
use crate::run::{Challenge, Job};

/// How often the comparison is made anew when others promote at the same time.
const MAX_ROUNDS: usize = 8;

/// Makes the version and settles whether it becomes champion. Doing it again for the same run gives the same verdict.
pub(crate) async fn settle(
    context: &Context,
    job: Arc<Job>,
    challenge: Challenge,
    inputs: Arc<Inputs>,
) -> Result<Verdict, Failure> {
    let registry = &job.registry;
    let version = commit(context, registry, &challenge, &inputs).await?;
    let challenge = Arc::new(challenge);
    for _ in 0..MAX_ROUNDS {
        let history = registry.history().await.explained()?;
        // A run that was killed after its promotion compares with the champion of then.
        let own = history.iter().position(|entry| entry.run_id.as_ref() == Some(context.run_id()));
        let base = own.map_or(history.as_slice(), |place| &history[..place]).last();
        let champion = open_champion(context, registry, base).await?;
        let (round_job, round_challenge, inputs) = (Arc::clone(&job), Arc::clone(&challenge), Arc::clone(&inputs));
        let judged = move || judge(&round_job, version, &round_challenge, champion.as_ref(), &inputs).explained();
        let verdict = blocking(judged).await?;
        if own.is_some() || verdict.verdict == Decision::Hold {
            // Reading the champion repairs its copy, which a kill may have left behind.
            registry.champion().await.explained()?;
            return Ok(verdict);
        }
        let promotion = Promotion {
            version,
            expected_seq: base.map_or(0, |entry| entry.seq),
            run_id: context.run_id().clone(),
            author: Author {
                by: "promote".to_owned(),
                at: context.started_at().to_owned(),
                reason: verdict.reason.clone(),
            },
            figures: json!({
                "challenger": verdict.challenger,
                "champion": verdict.champion,
                "difference": verdict.difference,
                "is_first": verdict.is_first,
                "gate": verdict.gate,
                "warnings": verdict.warnings,
            }),
        };
        match registry.promote(promotion).await {
            Ok(_) => return Ok(verdict),
            Err(TrackingError::Conflict { found, .. }) => {
                tracing::warn!(
                    seq = found.seq,
                    version = found.version,
                    "another version was promoted; comparing again"
                );
            }
            Err(error) => return Err(Failure::from_explained(&error)),
        }
    }
    Err(Failure::new(
        ExitCode::Temporary,
        format!("{MAX_ROUNDS} other versions of {} were promoted in between", registry.model()),
    )
    .hint("run the same command again; the version is made, and is compared with the champion of then"))
}

/// Takes the run's number, writes the files and commits the index. A committed version is left as it is.
async fn commit(
    context: &Context,
    registry: &Registry,
    challenge: &Challenge,
    inputs: &Inputs,
) -> Result<u64, Failure> {
    let claim = registry.claim(context.run_id(), context.started_at()).await.explained()?;
    if claim.bundle_sha256.is_none() {
        for (file, source) in challenge.index.files.iter().zip(&challenge.sources) {
            let written = registry.put_file(claim.version, &file.path, inputs.path(source)?).await.explained()?;
            if written != *file {
                return Err(Failure::internal(format!("{source} changed while it was copied into the version")));
            }
        }
    }
    registry.commit(claim.version, &challenge.index).await.explained()?;
    Ok(claim.version)
}

async fn open_champion(
    context: &Context,
    registry: &Registry,
    entry: Option<&Entry>,
) -> Result<Option<Champion>, Failure> {
    let Some(entry) = entry else {
        return Ok(None);
    };
    let folder = context.scratch().join(format!("champion-{}", entry.seq));
    std::fs::create_dir_all(&folder)?;
    let index = registry.download(entry, &folder).await.explained()?;
    Ok(Some(Champion { version: entry.version, index, folder }))
}

/// Compares on the rows that neither was fitted on. Without a champion these are all rows held out.
fn judge(
    job: &Job,
    version: u64,
    challenge: &Challenge,
    champion: Option<&Champion>,
    inputs: &Inputs,
) -> Result<Verdict, PromoteError> {
    let holdout = &challenge.holdout;
    let unseen = |index: &BundleIndex, row: usize| champion::is_unseen(index, &holdout.keys.ids[row]);
    let rows: Vec<usize> =
        (0..holdout.len()).filter(|row| champion.is_none_or(|champion| unseen(&champion.index, *row))).collect();
    let ours = holdout.select(&rows);
    let measure = Measure { costs: challenge.costs, bootstrap: &job.params.bootstrap, seed: job.seed };
    let challenger = ours.assess(measure)?;
    let mut champion_assessment = None;
    let mut difference = None;
    if let Some(champion) = champion
        && !rows.is_empty()
    {
        let table = Table::read(inputs.path("load/export.parquet").map_err(PromoteError::Input)?)?;
        let theirs = Scored { said: champion.score(&table, &ours.keys)?, ..ours.clone() };
        champion_assessment = theirs.assess(measure)?;
        difference = compare(&ours, &theirs, measure)?;
    }
    let decided = decide(&Evidence {
        challenger: challenger.as_ref(),
        champion_version: champion.map(|champion| champion.version),
        difference: difference.as_ref(),
        is_same: champion.is_some_and(|champion| champion.index == challenge.index),
        suspects: &job.suspects,
        gate: job.params.gate,
    });
    Ok(Verdict {
        verdict: decided.decision,
        is_first: champion.is_none(),
        reason: decided.reason,
        warnings: decided.warnings,
        model: job.registry.model().to_string(),
        version,
        champion_version: champion.map(|champion| champion.version),
        choices: challenge.choices.clone(),
        compositions: challenge.compositions.clone(),
        challenger,
        champion: champion_assessment,
        difference,
        clusters: ours.by_cluster(measure)?,
        suspects: job.suspects.clone(),
        gate: job.params.gate,
    })
}

/// The paired difference of two versions on the same rows; none where a class does not occur.
fn compare(ours: &Scored, theirs: &Scored, measure: Measure<'_>) -> Result<Option<Comparison>, PromoteError> {
    let faulty = ours.labels.iter().filter(|label| **label).count();
    if faulty == 0 || faulty == ours.len() {
        return Ok(None);
    }
    let difference = paired_bootstrap(
        &ours.labels,
        &ours.probabilities(),
        &theirs.probabilities(),
        measure.bootstrap,
        measure.seed,
    )?;
    Ok(Some(difference))
}
