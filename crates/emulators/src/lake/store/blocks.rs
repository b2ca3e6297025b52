//! Blocks: sent one by one in any order, then put together by a list of their ids.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
};

use super::{
    NewFile, Place, Publication, Store,
    entry::{CommittedBlock, Entry},
    staging::StagedFile,
};
use crate::lake::{
    conditions::Conditions,
    failure::{Code, Failure},
    stamp::Stamp,
};

/// The blocks that were sent for a path and not put together yet, by id.
#[derive(Debug, Default)]
pub(crate) struct BlockStage(BTreeMap<String, UncommittedBlock>);

/// A block that waits for its list.
#[derive(Debug)]
struct UncommittedBlock {
    staged: Arc<StagedFile>,
    length: u64,
}

/// A block that has been received.
#[derive(Debug)]
pub(crate) struct PendingBlock {
    /// In base64.
    pub(crate) id: String,
    pub(crate) staged: StagedFile,
    pub(crate) length: u64,
}

/// The file at a path, if there is one, and the blocks that wait there.
#[derive(Debug)]
pub(crate) struct BlockList {
    pub(crate) entry: Option<Entry>,
    /// Ids and lengths in bytes.
    pub(crate) waiting: Vec<(String, u64)>,
}

/// Where a block list wants a block from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockSource {
    Committed,
    /// Uncommitted if there is such a one, else committed.
    Latest,
    Uncommitted,
}

/// A block list resolved: what the new file consists of.
struct Resolved {
    /// The file that committed blocks come from, and its id.
    published: Option<(fs::File, u64)>,
    parts: Vec<(CommittedBlock, Part)>,
}

enum Part {
    Published { offset: u64 },
    Staged(Arc<StagedFile>),
}

impl Store {
    /// Takes a block; one with the same id is replaced.
    pub(crate) fn put_block(&self, place: &Place, block: PendingBlock) -> Result<(), Failure> {
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            if filesystem.get(&place.path).is_some_and(Entry::is_directory) {
                return Err(Failure::new(Code::ResourceTypeMismatch));
            }
            let stage = filesystem.blocks.entry(place.path.clone()).or_default();
            if stage.0.keys().next().is_some_and(|other| other.len() != block.id.len()) {
                return Err(Failure::new(Code::InvalidBlobOrBlock));
            }
            if stage.0.len() >= MAX_UNCOMMITTED_BLOCKS {
                return Err(Failure::new(Code::BlockCountExceedsLimit));
            }
            let uncommitted =
                UncommittedBlock { staged: Arc::new(block.staged), length: block.length };
            stage.0.insert(block.id, uncommitted);
            Ok(())
        })
    }

    /// What Get Block List tells of a path.
    pub(crate) fn block_list(&self, place: &Place) -> Result<BlockList, Failure> {
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.get(&place.path);
            let waiting = filesystem.blocks.get(&place.path);
            if entry.is_none() && waiting.is_none() {
                return Err(Failure::new(Code::PathNotFound));
            }
            let waiting = waiting
                .into_iter()
                .flat_map(|stage| stage.0.iter().map(|(id, block)| (id.clone(), block.length)))
                .collect();
            Ok(BlockList { entry: entry.cloned(), waiting })
        })
    }

    /// Publishes a file that consists of the listed blocks; all other waiting ones are dropped.
    pub(crate) fn put_block_list(
        &self,
        place: &Place,
        conditions: &Conditions,
        list: &[(BlockSource, String)],
        publication: Publication,
    ) -> Result<Entry, Failure> {
        let Resolved { published, parts } = self.resolve(place, conditions, list)?;
        let (staged, file) = self.stage()?;
        let stamp = self.clock.next();
        assemble(published.as_ref().map(|(file, _)| file), &parts, file, stamp)
            .map_err(|error| Failure::io("put blocks together", &error))?;
        let blocks: Vec<_> = parts.into_iter().map(|(block, _)| block).collect();
        let length = blocks.last().map_or(0, |block| block.offset + block.length);
        let new = NewFile { staged, length, publication, blocks, id: self.file_id() };
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let current = filesystem.get(&place.path).and_then(Entry::file).map(|file| file.id);
            if let Some((_, id)) = published
                && current != Some(id)
            {
                // The file whose blocks were kept is not there any more.
                return Err(Failure::new(Code::InvalidBlockList));
            }
            filesystem.put_file(&place.path, conditions, stamp, new)
        })
    }

    fn resolve(
        &self,
        place: &Place,
        conditions: &Conditions,
        list: &[(BlockSource, String)],
    ) -> Result<Resolved, Failure> {
        let unknown = || Failure::new(Code::InvalidBlockList);
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.get(&place.path);
            conditions.check_write(entry.map(|entry| entry.stamp))?;
            let published = entry.and_then(Entry::file);
            let committed: BTreeMap<&str, &CommittedBlock> = published
                .into_iter()
                .flat_map(|file| file.blocks.iter().map(|block| (block.id.as_str(), block)))
                .collect();
            let uncommitted = filesystem.blocks.get(&place.path);
            let mut parts = Vec::with_capacity(list.len());
            let (mut offset, mut keeps_committed) = (0, false);
            for (source, id) in list {
                let staged = uncommitted
                    .and_then(|stage| stage.0.get(id))
                    .filter(|_| *source != BlockSource::Committed);
                let kept = committed.get(id.as_str()).filter(|_| {
                    *source == BlockSource::Committed
                        || (*source == BlockSource::Latest && staged.is_none())
                });
                let (part, length) = match (staged, kept) {
                    (Some(block), _) => (Part::Staged(Arc::clone(&block.staged)), block.length),
                    (None, Some(block)) => {
                        keeps_committed = true;
                        (Part::Published { offset: block.offset }, block.length)
                    }
                    (None, None) => return Err(unknown()),
                };
                parts.push((CommittedBlock { id: id.clone(), offset, length }, part));
                offset += length;
            }
            let published = match published {
                Some(file) if keeps_committed => {
                    let opened = fs::File::open(filesystem.disk_path(&place.path))
                        .map_err(|error| Failure::io("open a file", &error))?;
                    Some((opened, file.id))
                }
                _ => None,
            };
            Ok(Resolved { published, parts })
        })
    }
}

/// Copies the parts into one file; the operating system may do so without us touching a byte.
fn assemble(
    published: Option<&fs::File>,
    parts: &[(CommittedBlock, Part)],
    mut to: fs::File,
    stamp: Stamp,
) -> io::Result<()> {
    for (block, part) in parts {
        let copied = match (part, published) {
            (Part::Staged(staged), _) => io::copy(&mut staged.open()?, &mut to)?,
            (Part::Published { offset }, Some(mut published)) => {
                published.seek(SeekFrom::Start(*offset))?;
                io::copy(&mut published.take(block.length), &mut to)?
            }
            (Part::Published { .. }, None) => 0,
        };
        if copied != block.length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a block is shorter now"));
        }
    }
    to.set_modified(stamp.to_system_time())
}

// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block#remarks>
pub(crate) const MAX_BLOCKS: usize = 50_000;
const MAX_UNCOMMITTED_BLOCKS: usize = 100_000;
