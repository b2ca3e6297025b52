//! The ODBC driver manager and two drivers, unpacked into `target/` and registered there only.
//!
//! Microsoft's driver comes in a PyPI wheel whose licence lets developers install it to test with;
//! FreeTDS and unixODBC are Debian's packages, unpacked without being installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::python::Python;
use crate::shell;

/// A folder with drivers and the configuration that names them.
pub(crate) struct OdbcKit {
    folder: PathBuf,
    libraries: PathBuf,
}

impl OdbcKit {
    /// Fetches and unpacks what is missing.
    pub(crate) fn prepare(folder: &Path, python: &Python) -> Result<Self> {
        let root = folder.join("root");
        let mark = folder.join("unpacked.txt");
        let wanted = DEBIAN_PACKAGES.join("\n");
        if !fs::read_to_string(&mark).is_ok_and(|unpacked| unpacked == wanted) {
            fetch_debian_packages(folder, &root)?;
            fs::write(&mark, &wanted)?;
        }
        let libraries = find_parent(&root, "libodbc.so.2")
            .with_context(|| format!("no libodbc.so.2 below {}", root.display()))?;
        let freetds = libraries.join("odbc/libtdsodbc.so");
        let microsoft = microsoft_driver(python)?;
        fs::write(
            folder.join("odbcinst.ini"),
            format!(
                "[ODBC Driver 18 for SQL Server]\nDriver={}\n\n[FreeTDS]\nDriver={}\n",
                microsoft.display(),
                freetds.display()
            ),
        )?;
        fs::write(folder.join("odbc.ini"), "")?;
        Ok(Self { folder: folder.to_owned(), libraries })
    }

    /// Lets a command find the driver manager and the drivers.
    pub(crate) fn add_environment(&self, command: &mut Command) {
        command
            .env("ODBCSYSINI", &self.folder)
            .env("ODBCINSTINI", "odbcinst.ini")
            .env("LD_LIBRARY_PATH", &self.libraries);
    }
}

const DEBIAN_PACKAGES: [&str; 7] =
    ["freetds-common", "libct4", "libltdl7", "libodbc2", "libodbcinst2", "libsybdb5", "tdsodbc"];

fn fetch_debian_packages(folder: &Path, root: &Path) -> Result<()> {
    if !shell::is_installed("apt-get") {
        bail!(
            "the ODBC checks unpack Debian packages ({}) and `apt-get` is not on this system",
            DEBIAN_PACKAGES.join(", ")
        );
    }
    let folder = std::path::absolute(folder)?;
    for part in ["lists/partial", "cache/archives/partial", "packages"] {
        fs::create_dir_all(folder.join(part))?;
    }
    // Package lists of our own: needs no root and leaves the system's lists alone.
    let apt = || {
        let mut command = Command::new("apt-get");
        command
            .arg("--quiet=2")
            .arg(format!("-oDir::State::lists={}", folder.join("lists").display()))
            .arg(format!("-oDir::Cache={}", folder.join("cache").display()))
            .arg("-oDebug::NoLocking=1")
            .arg("-oAPT::Sandbox::User=")
            .current_dir(folder.join("packages"));
        command
    };
    eprintln!("xtask: unpacking {} into {}", DEBIAN_PACKAGES.join(", "), root.display());
    shell::run(apt().arg("update"))?;
    shell::run(apt().arg("download").args(DEBIAN_PACKAGES))?;
    for entry in fs::read_dir(folder.join("packages"))? {
        shell::run(Command::new("dpkg-deb").arg("--extract").arg(entry?.path()).arg(root))?;
    }
    fs::remove_dir_all(folder.join("lists"))?;
    Ok(())
}

fn microsoft_driver(python: &Python) -> Result<PathBuf> {
    let libraries = python.packages()?.join("mssql_python_odbc/libs/linux/debian_ubuntu");
    let folder = libraries.join(std::env::consts::ARCH).join("lib");
    for entry in fs::read_dir(&folder)
        .with_context(|| format!("no driver of Microsoft's at {}", folder.display()))?
    {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libmsodbcsql")) {
            return Ok(path);
        }
    }
    bail!("{} holds no libmsodbcsql", folder.display())
}

fn find_parent(folder: &Path, name: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if entry.file_name() == name {
            return Some(folder.to_owned());
        }
        if path.is_dir()
            && !path.is_symlink()
            && let Some(found) = find_parent(&path, name)
        {
            return Some(found);
        }
    }
    None
}
