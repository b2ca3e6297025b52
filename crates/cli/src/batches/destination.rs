//! Where the result goes: stdout, or a file that appears whole or not at all.

use std::{
    fs::File,
    io::{self, BufWriter, Stdout, Write},
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempPath};

use super::writer::WriteError;
use crate::{cli::OutputFormat, failure::Failure, printer::Printer};

/// Chooses the form: what `-o` says, or, while it says nothing, what the file's name says.
pub(super) fn format(asked: OutputFormat, file: Option<&Path>) -> Result<OutputFormat, Failure> {
    let Some(file) = file.filter(|_| asked == OutputFormat::Table) else {
        return Ok(asked);
    };
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    Ok(match ending.to_ascii_lowercase().as_str() {
        "arrow" | "arrows" => OutputFormat::Arrow,
        "csv" => OutputFormat::Csv,
        "json" => OutputFormat::Json,
        "parquet" => OutputFormat::Parquet,
        "tsv" => OutputFormat::Tsv,
        _ => {
            return Err(Failure::usage(format!("the form of `{}` is not clear", file.display()))
                .with_hint("end its name in .parquet, .arrow, .csv, .json or .tsv, or add `-o`"));
        }
    })
}

/// The place of the result.
pub(super) struct Destination {
    /// The file's name and its content so far; stdout if absent.
    file: Option<(PathBuf, TempPath)>,
    writer: Option<Output>,
}

/// The open end of a destination.
pub(super) enum Output {
    File(BufWriter<File>),
    Stdout(BufWriter<Stdout>),
}

impl Destination {
    pub(super) fn open(path: Option<PathBuf>, printer: Printer) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self { file: None, writer: Some(Output::Stdout(printer.stdout())) });
        };
        let failed = |error| cannot_write(&path, &error);
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let (file, temporary) = new_file(directory).map_err(failed)?.into_parts();
        let writer = Output::File(BufWriter::with_capacity(256 << 10, file));
        Ok(Self { file: Some((path, temporary)), writer: Some(writer) })
    }

    /// Where to write; once.
    pub(super) fn writer(&mut self) -> Output {
        self.writer.take().unwrap_or_else(|| Output::Stdout(BufWriter::new(io::stdout())))
    }

    /// The failure for an error while writing.
    pub(super) fn failure(&self, error: WriteError) -> Failure {
        match (error, &self.file) {
            (WriteError::Io(error), None) => Failure::stdout(&error),
            (WriteError::Io(error), Some((path, _))) => cannot_write(path, &error),
            (WriteError::Encode(error), _) => {
                Failure::from_error("cannot write the result in this form", &error)
            }
            (WriteError::Parquet(error), _) => {
                Failure::from_error("cannot write the result as Parquet", &error)
            }
        }
    }

    /// Gives the file its name, in place of one that may be there.
    pub(super) fn publish(self) -> Result<(), Failure> {
        let Some((path, temporary)) = self.file else {
            return Ok(());
        };
        temporary.persist(&path).map_err(|error| cannot_write(&path, &error.error))
    }
}

/// A file beside the final one, so that renaming stays within a file system.
fn new_file(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".azconnect-").suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What any program would give a new file; the umask takes its part away.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::from_error(format!("cannot write `{}`", path.display()), error)
}

impl Output {
    /// Makes sure that all of it has arrived; for a file, on the disk.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        match self {
            Self::File(writer) => writer.get_ref().sync_all(),
            Self::Stdout(_) => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(writer) => writer.write(bytes),
            Self::Stdout(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(writer) => writer.flush(),
            Self::Stdout(writer) => writer.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_chooses_the_form_unless_asked_otherwise() {
        let path = |name| Some(Path::new(name));
        let table = OutputFormat::Table;
        assert_eq!(format(table, path("a/b.Parquet")).unwrap(), OutputFormat::Parquet);
        assert_eq!(format(table, path("b.csv")).unwrap(), OutputFormat::Csv);
        assert_eq!(format(OutputFormat::Arrow, path("b.csv")).unwrap(), OutputFormat::Arrow);
        assert_eq!(format(table, None).unwrap(), table);
        assert!(format(table, path("b")).is_err());
    }

    #[test]
    fn a_file_appears_only_when_it_is_published() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.csv");
        std::fs::write(&path, "old").unwrap();
        let printer = Printer::new(OutputFormat::Csv);

        let mut dropped = Destination::open(Some(path.clone()), printer).unwrap();
        dropped.writer().write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");

        let mut destination = Destination::open(Some(path.clone()), printer).unwrap();
        let mut output = destination.writer();
        output.write_all(b"new").unwrap();
        output.finish().unwrap();
        destination.publish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
