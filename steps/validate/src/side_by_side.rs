//! Files side by side: a share of them at a time on each thread, what was found in the order of the files.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::path::Path;

use faultline_contract::{Artifact, Shard};
use faultline_runtime::Inputs;
use faultline_table::{CheckError, FolderCheck, Known, Room, SharedFile};
use rayon::prelude::*;

use crate::ValidateError;
use crate::run::Job;

/// Shares of a thread: more than one, so that none waits long for the last.
const SHARES_PER_THREAD: usize = 4;

/// A raw file: its name, where it is, and what is known of it.
type RawFile<'a> = (&'a str, &'a Path, &'a Artifact);

/// Checks every raw file, and hands what was found of each to `take`, in the order of the names, with a reader whose next bytes are its
/// quarantine records. These wait in files without a name in `scratch`, so memory does not grow with the rows.
pub(crate) fn check_files(
    job: &Job,
    inputs: &Inputs,
    scratch: &Path,
    mut take: impl FnMut(SharedFile, &mut BufReader<File>) -> Result<(), CheckError<io::Error>>,
) -> Result<(), ValidateError> {
    let files: Vec<RawFile<'_>> = inputs.below("raw/").collect();
    let sizes: Vec<u64> = files.iter().map(|(_, _, artifact)| artifact.bytes).collect();
    let wanted = rayon::current_num_threads() * SHARES_PER_THREAD;
    let shares: Vec<Shard> = Shard::all(wanted.min(files.len()).try_into().unwrap_or(u32::MAX)).collect();
    let rooms = Room::of_each(&sizes, shares.len());
    let check = |share: Shard| {
        let files_of_share = share.share(&sizes);
        check_share(job, &files[files_of_share.clone()], &rooms[files_of_share], scratch)
    };
    let found: Vec<_> = shares.into_par_iter().map(check).collect();
    for share in found {
        let (found, mut quarantine) = share?;
        for file in found {
            take(file, &mut quarantine).map_err(failed)?;
        }
    }
    Ok(())
}

fn check_share(
    job: &Job,
    files: &[RawFile<'_>],
    rooms: &[Room],
    scratch: &Path,
) -> Result<(Vec<SharedFile>, BufReader<File>), ValidateError> {
    let mut quarantine = tempfile::tempfile_in(scratch)?;
    let mut check = FolderCheck::new(&job.schema, job.purpose, quarantine.try_clone()?);
    let mut found = Vec::with_capacity(files.len());
    for ((name, path, artifact), room) in files.iter().zip(rooms) {
        let opened = File::open(path).map_err(|source| ValidateError::Read { name: (*name).to_owned(), source })?;
        let known = Known { sha256: artifact.sha256, blake3: job.blake3s.get(&artifact.name).copied() };
        found.push(check.check_share(opened, name, known, *room).map_err(failed)?);
    }
    check.finish()?;
    quarantine.seek(SeekFrom::Start(0))?;
    Ok((found, BufReader::new(quarantine)))
}

fn failed(error: CheckError<io::Error>) -> ValidateError {
    match error {
        CheckError::Read { file, source } => ValidateError::Read { name: file, source },
        CheckError::Sink { source, .. } => ValidateError::Write(source),
    }
}
