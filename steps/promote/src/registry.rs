//! Making the version, comparing it with the champion, promoting it: all that happens in the registry.

use std::sync::Arc;

use faultline_contract::ExitCode;
use faultline_contract::documents::promote::{BundleIndex, Decision, Verdict};
use faultline_contract::documents::train::Metrics;
use faultline_runtime::{Context, Explained, Failure, Inputs, blocking};
use faultline_table::Table;
use faultline_tracking::{Author, Entry, Promotion, Registry, TrackingError};
use serde_json::json;

use crate::PromoteError;
use crate::champion::{self, Champion};
use crate::decide::{Comparison, decide};
use crate::figures::figures;
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
        (0..holdout.labels.len()).filter(|row| champion.is_none_or(|champion| unseen(&champion.index, *row))).collect();
    let labels: Vec<bool> = rows.iter().map(|row| holdout.labels[*row]).collect();
    let said: Vec<_> = rows.iter().map(|row| holdout.said[*row]).collect();
    let challenger = figures(&labels, &said)?;
    let champion_figures = match champion {
        Some(champion) if !rows.is_empty() => {
            let table = Table::read(inputs.path("load/export.parquet").map_err(PromoteError::Input)?)?;
            figures(&labels, &champion.score(&table, &holdout.keys.select(&rows))?)?
        }
        _ => None,
    };
    Ok(verdict(job, version, challenge, challenger, champion.map(|champion| (champion, champion_figures))))
}

fn verdict(
    job: &Job,
    version: u64,
    challenge: &Challenge,
    challenger: Option<Metrics>,
    champion: Option<(&Champion, Option<Metrics>)>,
) -> Verdict {
    let decided = decide(&Comparison {
        challenger: challenger.as_ref(),
        champion: champion.as_ref().map(|(champion, figures)| (champion.version, figures.as_ref())),
        is_same: champion.as_ref().is_some_and(|(champion, _)| champion.index == challenge.index),
        gate: job.params.gate,
    });
    Verdict {
        verdict: decided.decision,
        is_first: champion.is_none(),
        reason: decided.reason,
        warnings: decided.warnings,
        model: job.registry.model().to_string(),
        version,
        champion_version: champion.as_ref().map(|(champion, _)| champion.version),
        choices: challenge.choices.clone(),
        challenger,
        champion: champion.and_then(|(_, figures)| figures),
        gate: job.params.gate,
    }
}
