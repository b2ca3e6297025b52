//! Several directories listed at a time: each page read may add directories to list.

use std::collections::VecDeque;

use futures::{
    FutureExt, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream, FuturesUnordered},
};

use super::{PathEntry, page::Pages};
use crate::error::{ErrorKind, Result};

/// What a walk does with an entry.
pub(crate) enum Visit<T> {
    /// Lists what is in it.
    Enter(Pages, T),
    Skip,
    Yield,
    YieldAndEnter(Pages, T),
}

/// A walk under way. It gets on only when the next entry is asked for, and holds at most as many
/// pages as it lists directories at a time.
pub(crate) struct Walk<T> {
    waiting: Vec<Step<T>>,
    running: FuturesUnordered<Reading<T>>,
    ready: VecDeque<PathEntry>,
    parallelism: usize,
    visit: Visitor<T>,
}

/// What is told the tag of a directory and an entry of it, and decides about the entry.
type Visitor<T> = Box<dyn FnMut(T, &PathEntry) -> Visit<T> + Send>;

/// A page on its way.
type Reading<T> = BoxFuture<'static, Result<Read<T>>>;

/// A directory to list on, and what the walk knows of it.
struct Step<T> {
    pages: Pages,
    tag: T,
    /// Whether a directory that is not there counts as empty: one that was listed a moment ago may
    /// have been deleted.
    forgives_absence: bool,
}

struct Read<T> {
    step: Step<T>,
    entries: VecDeque<PathEntry>,
}

impl<T: Copy + Send + 'static> Walk<T> {
    /// `visit` is told the tag of the directory that an entry is in.
    pub(crate) fn new(
        first: Pages,
        tag: T,
        parallelism: usize,
        visit: impl FnMut(T, &PathEntry) -> Visit<T> + Send + 'static,
    ) -> Self {
        Self {
            waiting: vec![Step { pages: first, tag, forgives_absence: false }],
            running: FuturesUnordered::new(),
            ready: VecDeque::new(),
            parallelism: parallelism.max(1),
            visit: Box::new(visit),
        }
    }

    /// Takes the first directory for an empty one if it is not there.
    pub(crate) fn forgiving_absence(mut self) -> Self {
        for step in &mut self.waiting {
            step.forgives_absence = true;
        }
        self
    }

    /// The entries that are yielded; it ends after the first error.
    pub(crate) fn into_stream(self) -> BoxStream<'static, Result<PathEntry>> {
        stream::try_unfold(self, |mut walk| async move {
            let entries = walk.next_entries().await?;
            Ok(entries.map(|entries| (stream::iter(entries).map(Ok), walk)))
        })
        .try_flatten()
        .boxed()
    }

    async fn next_entries(&mut self) -> Result<Option<VecDeque<PathEntry>>> {
        loop {
            while self.running.len() < self.parallelism
                && let Some(step) = self.waiting.pop()
            {
                self.running.push(read(step).boxed());
            }
            let Some(read) = self.running.next().await else { return Ok(None) };
            let Read { step, entries } = read?;
            for entry in entries {
                let mut enter = |pages, tag| {
                    self.waiting.push(Step { pages, tag, forgives_absence: true });
                };
                match (self.visit)(step.tag, &entry) {
                    Visit::Enter(pages, tag) => enter(pages, tag),
                    Visit::Skip => {}
                    Visit::Yield => self.ready.push_back(entry),
                    Visit::YieldAndEnter(pages, tag) => {
                        enter(pages, tag);
                        self.ready.push_back(entry);
                    }
                }
            }
            if !step.pages.is_over() {
                // The last in is the first out: what was begun is ended first.
                self.waiting.push(step);
            }
            if !self.ready.is_empty() {
                return Ok(Some(std::mem::take(&mut self.ready)));
            }
        }
    }
}

async fn read<T>(mut step: Step<T>) -> Result<Read<T>> {
    match step.pages.page().await {
        Ok(entries) => Ok(Read { step, entries: entries.unwrap_or_default() }),
        Err(error) if step.forgives_absence && error.kind() == ErrorKind::NotFound => {
            step.pages.end();
            Ok(Read { step, entries: VecDeque::new() })
        }
        Err(error) => Err(error),
    }
}
