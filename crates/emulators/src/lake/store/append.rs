//! Append: data goes to its place in the draft's sparse staging file, in any order and at once.

use std::{
    fs,
    io::{self, Seek, SeekFrom},
    ops::Range,
    sync::Arc,
};

use super::{
    Place, Store,
    draft::{Draft, Grant},
    staging::StagedFile,
};
use crate::lake::failure::{Code, Failure};

/// An append under way. Dropping it forgets what was written.
#[derive(Debug)]
pub(crate) struct Append {
    range: Range<u64>,
    target: Target,
}

#[derive(Debug)]
enum Target {
    /// Into the draft; the range is reserved until this is dropped.
    Draft { draft: Arc<Draft>, is_filled: bool },
    /// Into a file of its own, to be copied into the draft once it is known to be good.
    Aside { draft: Arc<Draft>, staged: StagedFile },
    /// Below the end of the published file: the service takes such data and never publishes it.
    Nowhere { _staged: StagedFile },
}

impl Store {
    /// Begins an append of `length` bytes at `position`; gives the file to write them to, which
    /// stands at the right place.
    pub(crate) fn begin_append(
        &self,
        place: &Place,
        position: u64,
        length: u64,
    ) -> Result<(Append, fs::File), Failure> {
        let failed = |error: io::Error| Failure::io("begin an append", &error);
        let end = position
            .checked_add(length)
            .ok_or_else(|| Failure::query("position", &position.to_string()))?;
        let range = position..end;
        loop {
            let draft = self.draft(place)?;
            if position < draft.base {
                let (staged, file) = self.stage()?;
                return Ok((Append { range, target: Target::Nowhere { _staged: staged } }, file));
            }
            match draft.reserve(range.clone()) {
                // Made before anything can fail, so that the reservation ends in any case.
                Grant::Direct => {
                    let target = Target::Draft { draft: Arc::clone(&draft), is_filled: false };
                    let append = Append { range, target };
                    let mut file = draft.staged.open().map_err(failed)?;
                    file.seek(SeekFrom::Start(position - draft.base)).map_err(failed)?;
                    return Ok((append, file));
                }
                Grant::Aside => {
                    let (staged, file) = self.stage()?;
                    return Ok((Append { range, target: Target::Aside { draft, staged } }, file));
                }
                // The flush that ended it puts another draft, or none, in its place.
                Grant::Sealed => drop(draft.turn()),
            }
        }
    }

    /// The draft of a file; a new one if it has none.
    fn draft(&self, place: &Place) -> Result<Arc<Draft>, Failure> {
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let (_, file) = filesystem.existing_file_mut(&place.path)?;
            if let Some(draft) = &file.draft {
                return Ok(Arc::clone(draft));
            }
            let draft = Arc::new(Draft::new(self.stage()?.0, file.length));
            file.draft = Some(Arc::clone(&draft));
            Ok(draft)
        })
    }
}

impl Append {
    /// Keeps what was written, for the flush to come.
    pub(crate) fn keep(mut self) -> Result<(), Failure> {
        let lost = || Failure::new(Code::InvalidFlushPosition);
        match &mut self.target {
            Target::Draft { is_filled, .. } => *is_filled = true,
            Target::Aside { draft, staged } => {
                let copied = draft.fill_with(self.range.clone(), || {
                    let mut to = draft.staged.open()?;
                    to.seek(SeekFrom::Start(self.range.start - draft.base))?;
                    io::copy(&mut staged.open()?, &mut to).map(drop)
                });
                copied
                    .ok_or_else(lost)?
                    .map_err(|error| Failure::io("keep appended data", &error))?;
            }
            Target::Nowhere { .. } => {}
        }
        Ok(())
    }
}

impl Drop for Append {
    fn drop(&mut self) {
        if let Target::Draft { draft, is_filled } = &self.target {
            draft.release(&self.range, *is_filled);
        }
    }
}
