//! A MongoDB database: a document per row.

mod batch;
mod document;
mod failure;
mod options;
mod retry;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use faultline_contract::Digest;
use futures::{StreamExt, TryStreamExt};
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::IndexOptions;
use mongodb::{Client, Collection, IndexModel};
use tokio::runtime::{Builder, Runtime};

use crate::error::RecordsError;
use crate::mongo::batch::{BATCH_BYTES, Item, batches};
use crate::mongo::document::{Key, Names, Shape, key, layout_document, stored};
use crate::mongo::failure::{is_taken, taken};
use crate::mongo::options::{Credentials, Target};
use crate::mongo::retry::Retry;
use crate::record::{Record, Stored};
use crate::records::{Records, Upserted, one_reading_per_name};

const RECORDS: &str = "records";
const LAYOUTS: &str = "layouts";
const KEY_INDEX: &str = "records_key";
/// What a server takes as one document.
const MAX_DOCUMENT_BYTES: usize = 16 << 20;
/// A page ends with the document that reaches this.
const PAGE_BYTES: usize = BATCH_BYTES;
/// How often a batch is looked up anew because other writers write the same rows.
const ROUNDS: u32 = 10;
/// The pause before the second look; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Documents that are replaced at once, each on a connection of its own.
const REPLACEMENTS: usize = 8;

/// The backend of `mongodb://` and `mongodb+srv://`.
pub(crate) struct MongoRecords {
    retry: Retry,
    records: Collection<RawDocumentBuf>,
    layouts: Collection<Document>,
    runtime: &'static Runtime,
}

/// What stands in the database under the key of an item.
#[derive(Clone, Copy)]
struct Found {
    /// The content is the item's.
    is_same: bool,
    /// The document is the one that this writer sent.
    is_own: bool,
}

/// The database that a connection string means.
pub(crate) fn database(url: &str) -> Result<String, RecordsError> {
    Ok(Target::parse(url, None)?.place.database)
}

impl MongoRecords {
    /// Connects, and makes the index that keeps each row single.
    pub(crate) fn open(url: &str) -> Result<Self, RecordsError> {
        let target = Target::parse(url, Credentials::from_env(url)?.as_ref())?;
        let place = target.place.clone();
        let runtime = runtime().map_err(|source| RecordsError::Failed {
            action: "open",
            uri: place.uri.clone(),
            source: Box::new(source),
        })?;
        let retry = Retry { place, deadline: target.deadline };
        let options = runtime.block_on(retry.send("open", async || target.options().await))?;
        let client = {
            // The driver starts tasks of its own.
            let _guard = runtime.enter();
            Client::with_options(options).map_err(|error| retry.place.failed("open", &error))?
        };
        let database = client.database(&retry.place.database);
        let (records, layouts) = (database.collection(RECORDS), database.collection(LAYOUTS));
        let opened = Self { retry, records, layouts, runtime };
        runtime.block_on(opened.make_index())?;
        Ok(opened)
    }

    /// Does nothing where the index is there. Sparse: documents of other programs, which have no such fields, are let be. A partial index
    /// would let be those with some of the fields too, but not every server looks rows up by one, and those of earlier versions are sparse.
    async fn make_index(&self) -> Result<(), RecordsError> {
        let keys = doc! { "dataset": 1, "source_sha256": 1, "row": 1 };
        let options = IndexOptions::builder().name(KEY_INDEX.to_owned()).unique(true).sparse(true).build();
        let index = IndexModel::builder().keys(keys).options(options).build();
        self.retry.send("open", async || self.records.create_index(index.clone()).await).await?;
        Ok(())
    }

    async fn write(
        &self,
        dataset: &str,
        feature_names: &[String],
        records: &[Record],
    ) -> Result<Upserted, RecordsError> {
        let shape = Shape::new(dataset, feature_names).map_err(|error| self.malformed("write", error.to_string()))?;
        self.add_layout(&shape, feature_names).await?;
        let mut upserted = Upserted::default();
        for batch in batches(&shape, records) {
            upserted += self.write_batch(&shape, batch).await?;
        }
        Ok(upserted)
    }

    async fn add_layout(&self, shape: &Shape<'_>, feature_names: &[String]) -> Result<(), RecordsError> {
        let layout = layout_document(shape.layout, feature_names);
        let id = doc! { "_id": layout.get("_id") };
        let known = async || self.layouts.count_documents(id.clone()).await;
        if self.retry.send("write", known).await? > 0 {
            return Ok(());
        }
        let add = async || match self.layouts.insert_one(&layout).await {
            Err(error) if !is_taken(&error) => Err(error),
            _ => Ok(()),
        };
        self.retry.send("write", add).await
    }

    /// Looks which rows are there, adds the others and replaces those with another content, until each row is accounted for. Another
    /// writer may come in between at any point: the unique index keeps each row single, and another look tells what became of it.
    async fn write_batch(&self, shape: &Shape<'_>, mut batch: Vec<Item<'_>>) -> Result<Upserted, RecordsError> {
        if let Some(item) = batch.iter().find(|item| item.document.as_bytes().len() > MAX_DOCUMENT_BYTES) {
            let (bytes, record) = (item.document.as_bytes().len(), item.record);
            return Err(self.malformed(
                "write",
                format!(
                    "row {} of {} is a document of {bytes} bytes, expected at most {MAX_DOCUMENT_BYTES}",
                    record.row, record.source_file
                ),
            ));
        }
        let mut upserted = Upserted::default();
        let mut pause = FIRST_PAUSE;
        for _ in 0..ROUNDS {
            let found = self.find(shape, &batch).await?;
            let (mut missing, mut other) = (Vec::new(), Vec::new());
            for item in batch {
                match found.get(&item.key()) {
                    None => missing.push(item),
                    // Another writer may have replaced it since: then that one was later, and wins.
                    Some(found) if item.is_sent && found.is_own => upserted.added += 1,
                    Some(found) if !found.is_same => other.push(item),
                    Some(_) if item.is_replaced => upserted.changed += 1,
                    Some(_) => upserted.unchanged += 1,
                }
            }
            batch = self.insert(missing, &mut upserted).await?;
            batch.extend(self.replace(shape, other, &mut upserted).await?);
            if batch.is_empty() {
                return Ok(upserted);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(RecordsError::Busy { action: "write", uri: self.retry.place.uri.clone() })
    }

    /// What is there of the batch.
    async fn find(&self, shape: &Shape<'_>, batch: &[Item<'_>]) -> Result<HashMap<Key, Found>, RecordsError> {
        let items: HashMap<Key, &Item<'_>> = batch.iter().map(|item| (item.key(), item)).collect();
        let filter = filter(shape, items.keys());
        let look = async || {
            let (mut found, mut names) = (HashMap::new(), Names::default());
            let mut cursor = self.records.find(filter.clone()).await?;
            while cursor.advance().await? {
                let document = cursor.current();
                let Some((key, item)) = key(document).and_then(|key| items.get_key_value(&key)) else { continue };
                let is_same = stored(document, &mut names)
                    .is_ok_and(|stored| stored.layout == shape.layout && stored.record == *item.record);
                let is_own = document.get_object_id("_id").is_ok_and(|id| id == item.id);
                found.insert(*key, Found { is_same, is_own });
            }
            Ok(found)
        };
        self.retry.send("write", look).await
    }

    /// Adds documents; returns those whose key was taken in the meantime, by another writer or by an attempt of this one whose answer
    /// was lost.
    async fn insert<'a>(
        &self,
        mut items: Vec<Item<'a>>,
        upserted: &mut Upserted,
    ) -> Result<Vec<Item<'a>>, RecordsError> {
        if items.is_empty() {
            return Ok(items);
        }
        for item in &mut items {
            item.is_sent = true;
        }
        let add = async || {
            let documents = items.iter().map(|item| &item.document);
            match self.records.insert_many(documents).ordered(false).await {
                Ok(_) => Ok(Vec::new()),
                Err(error) => taken(&error).ok_or(error),
            }
        };
        let taken: BTreeSet<usize> = self.retry.send("write", add).await?.into_iter().collect();
        upserted.added += (items.len() - taken.len()) as u64;
        let left = items.into_iter().enumerate().filter(|(index, _)| taken.contains(index));
        Ok(left.map(|(_, item)| item).collect())
    }

    /// Replaces documents; returns those that were gone in the meantime.
    async fn replace<'a>(
        &self,
        shape: &Shape<'_>,
        items: Vec<Item<'a>>,
        upserted: &mut Upserted,
    ) -> Result<Vec<Item<'a>>, RecordsError> {
        let replaced = futures::stream::iter(items).map(async |mut item| {
            item.is_replaced = true;
            let (filter, document) = (shape.filter(item.key()), shape.document(None, item.record));
            let replace = async || self.records.replace_one(filter.clone(), &document).await;
            let result = self.retry.send("write", replace).await?;
            Ok::<_, RecordsError>((item, result))
        });
        let replaced: Vec<_> = replaced.buffer_unordered(REPLACEMENTS).try_collect().await?;
        let mut left = Vec::new();
        for (item, result) in replaced {
            if result.matched_count == 0 {
                left.push(item);
            } else if result.modified_count == 0 {
                upserted.unchanged += 1;
            } else {
                upserted.changed += 1;
            }
        }
        Ok(left)
    }

    async fn read(
        &self,
        dataset: &str,
        source_sha256: Digest,
        after_row: u64,
        limit: usize,
    ) -> Result<Vec<Stored>, RecordsError> {
        let source = source_sha256.to_string();
        let filter = doc! { "dataset": dataset, "source_sha256": source, "row": { "$gt": after_row as i64 } };
        let look = async || {
            let (mut page, mut bytes) = (Vec::new(), 0);
            let find = self.records.find(filter.clone()).sort(doc! { "row": 1 });
            let mut cursor = find.limit(limit.try_into().unwrap_or(i64::MAX)).await?;
            while bytes < PAGE_BYTES && cursor.advance().await? {
                bytes += cursor.current().as_bytes().len();
                page.push(cursor.current().to_owned());
            }
            Ok(page)
        };
        let page: Vec<RawDocumentBuf> = self.retry.send("read", look).await?;
        let mut names = Names::default();
        let records = page.iter().map(|document| stored(document, &mut names));
        records.collect::<Result<_, _>>().map_err(|reason| self.malformed("read", reason))
    }

    fn malformed(&self, action: &'static str, reason: String) -> RecordsError {
        RecordsError::Malformed { action, uri: self.retry.place.uri.clone(), reason }
    }
}

impl fmt::Debug for MongoRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoRecords").field("uri", &self.retry.place.uri).finish_non_exhaustive()
    }
}

impl Records for MongoRecords {
    fn uri(&self) -> &str {
        &self.retry.place.uri
    }

    fn upsert(&self, dataset: &str, feature_names: &[String], batch: &[Record]) -> Result<Upserted, RecordsError> {
        one_reading_per_name(feature_names, batch).map_err(|reason| self.malformed("write", reason))?;
        self.runtime.block_on(self.write(dataset, feature_names, batch))
    }

    fn page(
        &self,
        dataset: &str,
        source_sha256: Digest,
        after_row: u64,
        limit: usize,
    ) -> Result<Vec<Stored>, RecordsError> {
        self.runtime.block_on(self.read(dataset, source_sha256, after_row, limit))
    }
}

/// One for the process. It never ends, so a database may be dropped wherever its last user stands.
fn runtime() -> std::io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("records").enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// The documents with these keys. Where the rows of a file lie close together it is their range, which servers serve much faster than
/// a list; it may take in some rows more.
fn filter<'a>(shape: &Shape<'_>, keys: impl Iterator<Item = &'a Key>) -> Document {
    let mut rows_of: BTreeMap<Digest, BTreeSet<i64>> = BTreeMap::new();
    for (source, row) in keys {
        rows_of.entry(*source).or_default().insert(*row as i64);
    }
    let files = rows_of.into_iter().map(|(source, rows)| {
        let range = rows.first().copied().unwrap_or_default()..=rows.last().copied().unwrap_or_default();
        let wanted = if range.end() - range.start() < 2 * rows.len() as i64 {
            doc! { "$gte": range.start(), "$lte": range.end() }
        } else {
            doc! { "$in": rows.into_iter().collect::<Vec<_>>() }
        };
        doc! { "dataset": shape.dataset, "source_sha256": source.to_string(), "row": wanted }
    });
    doc! { "$or": files.map(Bson::Document).collect::<Vec<_>>() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_rows_are_looked_up_as_a_range() {
        let shape = Shape::new("d", &[]).unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let keys = [(a, 3), (a, 5), (a, 4), (b, 1), (b, 900)];
        let filter = filter(&shape, keys.iter());
        let clauses = filter.get_array("$or").unwrap();
        let of = |source: Digest| {
            let mut clauses = clauses.iter().map(|clause| clause.as_document().unwrap());
            clauses.find(|clause| clause.get_str("source_sha256").unwrap() == source.to_string()).unwrap()
        };
        assert_eq!(of(a).get_document("row").unwrap(), &doc! { "$gte": 3_i64, "$lte": 5_i64 });
        assert_eq!(of(b).get_document("row").unwrap(), &doc! { "$in": [1_i64, 900_i64] });
    }
}
