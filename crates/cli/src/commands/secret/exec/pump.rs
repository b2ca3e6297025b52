//! From the program's pipes to our own output, through a masker each.

use std::{
    io::{self, PipeReader, PipeWriter, Read, Write},
    process::Child,
    thread::{self, JoinHandle},
};

use zeroize::Zeroizing;

use super::masker::{CHUNK_BYTES, Masker};

/// Two threads, for stdout and stderr.
pub(super) struct Pumps {
    threads: Vec<JoinHandle<()>>,
    /// Open as long as the program runs.
    running: PipeWriter,
}

impl Pumps {
    /// Starts to read what the program writes.
    pub(super) fn start(child: &mut Child, masker: impl Fn() -> Masker) -> io::Result<Self> {
        let (ended, running) = io::pipe()?;
        let mut threads = Vec::new();
        if let Some(source) = child.stdout.take() {
            let (masker, ended) = (masker(), ended.try_clone()?);
            threads.push(thread::spawn(move || pump(source, &ended, io::stdout(), masker)));
        }
        if let Some(source) = child.stderr.take() {
            let masker = masker();
            threads.push(thread::spawn(move || pump(source, &ended, io::stderr(), masker)));
        }
        Ok(Self { threads, running })
    }

    /// Passes on what is left, now that the program has ended. Whatever it left running in the background keeps the
    /// pipes open, and is not waited for.
    pub(super) fn finish(self) {
        drop(self.running);
        for thread in self.threads {
            // A thread that panicked has nothing more to pass on.
            let _ = thread.join();
        }
    }
}

fn pump(mut source: impl Source, ended: &PipeReader, mut sink: impl Write, mut masker: Masker) {
    let mut chunk = Zeroizing::new(vec![0; CHUNK_BYTES]);
    let mut out = Vec::new();
    while source.wait(ended) {
        let length = match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        out.clear();
        masker.push(chunk.get(..length).unwrap_or_default(), &mut out);
        // Nobody reads our output any more. Without us nobody reads the program's, which it is told as it would be
        // if it wrote there itself.
        if sink.write_all(&out).and_then(|()| sink.flush()).is_err() {
            return;
        }
    }
    out.clear();
    masker.finish(&mut out);
    let _ = sink.write_all(&out).and_then(|()| sink.flush());
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
