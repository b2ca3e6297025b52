//! Flush: the draft of a file becomes part of what readers see.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
};

use super::{Place, Store, draft::Draft, entry::Entry, staging::StagedFile};
use crate::lake::{
    conditions::Conditions,
    failure::{Code, Failure},
    properties::ContentHeaders,
};

/// What a flush starts from.
struct Begun {
    file_id: u64,
    length: u64,
    draft: Option<Arc<Draft>>,
    /// The published file, if the draft continues one that is not empty.
    published: Option<fs::File>,
}

impl Store {
    /// Publishes what was appended up to `position`, which is the length of the file then.
    ///
    /// `retain`: keep what was appended beyond it, for a later flush.
    pub(crate) fn flush(
        &self,
        place: &Place,
        position: u64,
        retain: bool,
        conditions: &Conditions,
        headers: ContentHeaders,
    ) -> Result<Entry, Failure> {
        let begun = self.begin_flush(place, conditions)?;
        let turn = begun.draft.as_ref().map(|draft| draft.turn());
        let end = begun.draft.as_ref().map_or(begun.length, |draft| draft.contiguous_end());
        if !(begun.length..=end).contains(&position) {
            return Err(Failure::new(Code::InvalidFlushPosition));
        }
        let was_sealed_with_writers = begun.draft.as_ref().is_some_and(|draft| draft.seal());
        let result = self
            .prepare(&begun, position, retain, was_sealed_with_writers)
            .map_err(|error| Failure::io("flush", &error))
            .and_then(|prepared| {
                self.end_flush(place, &begun, position, conditions, headers, prepared)
            });
        if let (Err(_), Some(draft)) = (&result, &begun.draft) {
            draft.unseal();
        }
        drop(turn);
        result
    }

    fn begin_flush(&self, place: &Place, conditions: &Conditions) -> Result<Begun, Failure> {
        let now = self.clock.now();
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let disk_path = filesystem.disk_path(&place.path);
            conditions.check_lease(Some(filesystem.existing(&place.path)?), now)?;
            let (stamp, file) = filesystem.existing_file_mut(&place.path)?;
            conditions.check_write(Some(*stamp))?;
            let published = match &file.draft {
                Some(draft) if draft.base > 0 => Some(
                    fs::File::options()
                        .write(true)
                        .open(disk_path)
                        .map_err(|error| Failure::io("open a file", &error))?,
                ),
                _ => None,
            };
            let draft = file.draft.clone();
            Ok(Begun { file_id: file.id, length: file.length, draft, published })
        })
    }

    /// Does the work on bytes. A draft that continues a published file is copied behind its end,
    /// where readers do not look yet.
    fn prepare(
        &self,
        begun: &Begun,
        position: u64,
        retain: bool,
        has_writers: bool,
    ) -> io::Result<Prepared> {
        let Some(draft) = &begun.draft else { return Ok(Prepared::default()) };
        let mut prepared = Prepared::default();
        if retain {
            prepared.retained = self.retained(draft, position)?;
        }
        let new_bytes = position - draft.base;
        if let Some(published) = &begun.published {
            let mut to = published;
            let copied = to
                .seek(SeekFrom::Start(draft.base))
                .and_then(|_| io::copy(&mut draft.staged.open()?.take(new_bytes), &mut to));
            if copied.is_err() {
                published.set_len(begun.length)?;
            }
            // What an earlier failed flush may have left behind the end goes too.
            copied.and_then(|_| published.set_len(position))?;
        } else if new_bytes > 0 {
            // Whoever still writes into the staging file must not write into the published one.
            let replacement = if has_writers {
                let (staged, mut file) = self.staging.file()?;
                io::copy(&mut draft.staged.open()?.take(new_bytes), &mut file)?;
                Some(staged)
            } else {
                draft.staged.open()?.set_len(new_bytes)?;
                None
            };
            prepared.whole = Some(replacement);
        }
        Ok(prepared)
    }

    fn retained(&self, draft: &Draft, position: u64) -> io::Result<Option<Arc<Draft>>> {
        let ranges = draft.written_beyond(position);
        if ranges.is_empty() {
            return Ok(None);
        }
        let (staged, mut to) = self.staging.file()?;
        let mut from = draft.staged.open()?;
        let rest = Draft::new(staged, position);
        for range in ranges {
            from.seek(SeekFrom::Start(range.start - draft.base))?;
            to.seek(SeekFrom::Start(range.start - position))?;
            io::copy(&mut from.by_ref().take(range.end - range.start), &mut to)?;
            rest.release(&range, true);
        }
        Ok(Some(Arc::new(rest)))
    }

    fn end_flush(
        &self,
        place: &Place,
        begun: &Begun,
        position: u64,
        conditions: &Conditions,
        headers: ContentHeaders,
        prepared: Prepared,
    ) -> Result<Entry, Failure> {
        let now = self.clock.next();
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let disk_path = filesystem.disk_path(&place.path);
            conditions.check_lease(Some(filesystem.existing(&place.path)?), now)?;
            let (stamp, file) = filesystem.existing_file_mut(&place.path)?;
            conditions.check_write(Some(*stamp))?;
            // Somebody replaced or flushed the file meanwhile: its appended data is not ours.
            if file.id != begun.file_id || !same_draft(&file.draft, &begun.draft) {
                return Err(Failure::new(Code::InvalidFlushPosition));
            }
            if let (Some(replacement), Some(draft)) = (&prepared.whole, &begun.draft) {
                let staged = replacement.as_ref().unwrap_or(&draft.staged);
                fs::rename(staged.path(), disk_path)
                    .map_err(|error| Failure::io("publish a file", &error))?;
                file.id = self.file_id();
            }
            file.length = position;
            file.headers.update(headers);
            file.blocks = Arc::default();
            file.draft = prepared.retained;
            *stamp = now;
            filesystem.existing_mut(&place.path)?.lease.after_write(now);
            filesystem.date(&place.path, now)?;
            filesystem.existing(&place.path).cloned()
        })
    }
}

/// The outcome of [`Store::prepare`].
#[derive(Debug, Default)]
struct Prepared {
    /// Set if the draft is the whole file: what to publish, the draft's own file if `None`.
    whole: Option<Option<StagedFile>>,
    retained: Option<Arc<Draft>>,
}

fn same_draft(one: &Option<Arc<Draft>>, other: &Option<Arc<Draft>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
