//! A virtual environment with the packages that the scripts need.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::shell;

/// A Python interpreter with the packages of one requirements file.
pub(crate) struct Python {
    folder: PathBuf,
}

impl Python {
    /// Makes the environment, or takes the one that the same requirements made before.
    pub(crate) fn prepare(folder: &Path, requirements: &Path) -> Result<Self> {
        let python = Self { folder: folder.to_owned() };
        let wanted = fs::read_to_string(requirements)?;
        let mark = folder.join("installed-requirements.txt");
        if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
            return Ok(python);
        }
        if !shell::is_installed("python3") {
            bail!("Python 3 is missing; install it with `apt-get install python3 python3-venv`");
        }
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        eprintln!("xtask: installing Python packages into {}", folder.display());
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(folder)).map_err(|error| {
            error.context("Python's venv module is missing: `apt-get install python3-venv`")
        })?;
        shell::run(
            Command::new(python.interpreter())
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .arg("--requirement")
                .arg(requirements),
        )?;
        fs::write(mark, wanted)?;
        Ok(python)
    }

    pub(crate) fn interpreter(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// A command that runs a script.
    pub(crate) fn script(&self, script: &Path) -> Command {
        let mut command = Command::new(self.interpreter());
        command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// The folder that holds the installed packages.
    pub(crate) fn packages(&self) -> Result<PathBuf> {
        for entry in fs::read_dir(self.folder.join("lib"))? {
            let packages = entry?.path().join("site-packages");
            if packages.is_dir() {
                return Ok(packages);
            }
        }
        bail!("{} holds no site-packages", self.folder.display())
    }
}
