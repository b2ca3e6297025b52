//! From the program's pipes to our own output, through a masker each.

use std::{
    io::{self, PipeReader, PipeWriter, Read, Write},
    process::Child,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use zeroize::Zeroizing;

use super::masker::{CHUNK_BYTES, Masker};

/// Two threads, for stdout and stderr.
pub(super) struct Pumps {
    /// How each has ended.
    outcomes: Receiver<io::Result<()>>,
    /// What they have written so far, in bytes.
    written: Arc<AtomicU64>,
    /// Open as long as the program runs.
    running: PipeWriter,
}

/// How long to wait for whoever reads our output, now that the program has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Patience {
    /// As long as it takes.
    Endless,
    /// Until nothing is taken any more: somebody has asked for a stop, and waits for us.
    UntilStuck,
}

impl Pumps {
    /// Starts to read what the program writes.
    pub(super) fn start(child: &mut Child, masker: impl Fn() -> Masker) -> io::Result<Self> {
        let (ended, running) = io::pipe()?;
        let (sender, outcomes) = mpsc::channel();
        let written = Arc::new(AtomicU64::new(0));
        if let Some(source) = child.stdout.take() {
            let sink = Counted { sink: io::stdout(), written: Arc::clone(&written) };
            start(source, sink, masker(), ended.try_clone()?, sender.clone());
        }
        if let Some(source) = child.stderr.take() {
            let sink = Counted { sink: io::stderr(), written: Arc::clone(&written) };
            start(source, sink, masker(), ended, sender);
        }
        Ok(Self { outcomes, written, running })
    }

    /// Passes on what is left, now that the program has ended. Whatever it left running in the background keeps the
    /// pipes open, and is not waited for.
    ///
    /// Fails if something could not be written, for another reason than that nobody reads it any more.
    pub(super) fn finish(self, patience: Patience) -> io::Result<()> {
        drop(self.running);
        let mut first = Ok(());
        loop {
            let before = self.written.load(Ordering::Relaxed);
            let outcome = match patience {
                Patience::Endless => self.outcomes.recv().map_err(RecvTimeoutError::from),
                Patience::UntilStuck => self.outcomes.recv_timeout(STUCK),
            };
            match outcome {
                Ok(outcome) => first = first.and(outcome),
                // Both have ended.
                Err(RecvTimeoutError::Disconnected) => return first,
                Err(RecvTimeoutError::Timeout) => {
                    if self.written.load(Ordering::Relaxed) == before {
                        let stuck = io::Error::new(io::ErrorKind::TimedOut, "its reader is stuck");
                        return first.and(Err(stuck));
                    }
                }
            }
        }
    }
}

fn start(
    source: impl Source + Send + 'static,
    sink: impl Write + Send + 'static,
    masker: Masker,
    ended: PipeReader,
    outcomes: Sender<io::Result<()>>,
) {
    thread::spawn(move || {
        let outcome = match pump(source, &ended, sink, masker) {
            // Nobody reads our output any more, which is their business.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome,
        };
        // Whoever listened has given up waiting.
        let _ = outcomes.send(outcome);
    });
}

/// An error ends it. Without us nobody reads the program's output, which it is told as it would be if it wrote to
/// `sink` itself.
fn pump(
    mut source: impl Source,
    ended: &PipeReader,
    mut sink: impl Write,
    mut masker: Masker,
) -> io::Result<()> {
    let mut chunk = Zeroizing::new(vec![0; CHUNK_BYTES]);
    let mut out = Vec::new();
    while source.wait(ended) {
        let length = match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        out.clear();
        masker.push(chunk.get(..length).unwrap_or_default(), &mut out);
        sink.write_all(&out)?;
        sink.flush()?;
    }
    out.clear();
    masker.finish(&mut out);
    sink.write_all(&out)?;
    sink.flush()
}

/// Writes small pieces and counts them, so that a reader that is slow is told from one that is stuck.
struct Counted<W> {
    sink: W,
    written: Arc<AtomicU64>,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = bytes.get(..PIECE_BYTES).unwrap_or(bytes);
        let length = self.sink.write(piece)?;
        self.written.fetch_add(u64::try_from(length).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// A pipe of the program.
#[cfg(unix)]
trait Source: Read + Sized + std::os::fd::AsFd {
    /// Waits for something to read, be it the end. `false`: the program has ended, and nothing of what it wrote is
    /// left.
    fn wait(&self, ended: &PipeReader) -> bool {
        use rustix::event::{PollFd, PollFlags, poll};
        loop {
            let mut fds = [PollFd::new(self, PollFlags::IN), PollFd::new(ended, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) => return !fds[0].revents().is_empty(),
                Err(rustix::io::Errno::INTR) => {}
                // Then reading tells what is wrong.
                Err(_) => return true,
            }
        }
    }
}

#[cfg(unix)]
impl<T: Read + std::os::fd::AsFd> Source for T {}

#[cfg(not(unix))]
trait Source: Read {
    /// Reading waits, until everyone who could write has ended.
    fn wait(&self, _ended: &PipeReader) -> bool {
        true
    }
}

#[cfg(not(unix))]
impl<T: Read> Source for T {}

/// No reader takes so long for one piece, unless it has stopped reading.
const STUCK: Duration = Duration::from_secs(2);
/// What a pipe takes whole or not at all.
const PIECE_BYTES: usize = 4096;
