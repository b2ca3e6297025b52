//! Node.js with the packages that the JavaScript suites need.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::shell;

/// A folder in which `npm` has installed the packages of one `package.json`.
pub(crate) struct Node {
    folder: PathBuf,
}

impl Node {
    /// Installs the packages, or takes what the same `package.json` installed before.
    ///
    /// `scripts`: the folder of the scripts and their `package.json`. All of it is copied into `folder`, since
    /// Node.js looks for the packages of a module at and above the module's own place.
    pub(crate) fn prepare(folder: &Path, scripts: &Path) -> Result<Self> {
        let node = Self { folder: folder.to_owned() };
        let wanted = fs::read_to_string(scripts.join("package.json"))?;
        let mark = folder.join("installed-package.json");
        if !fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
            node.install(&wanted)?;
            fs::write(mark, wanted)?;
        }
        for entry in fs::read_dir(scripts)? {
            let script = entry?.path();
            let name = script.file_name().context("a file in a folder has a name")?;
            fs::copy(&script, folder.join(name))
                .with_context(|| format!("cannot copy {}", script.display()))?;
        }
        Ok(node)
    }

    fn install(&self, package_json: &str) -> Result<()> {
        if !["node", "npm"].into_iter().all(shell::is_installed) {
            bail!("Node.js 20 or newer is missing; install it with `apt-get install nodejs npm`");
        }
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        fs::create_dir_all(&self.folder)?;
        fs::write(self.folder.join("package.json"), package_json)?;
        eprintln!("xtask: installing npm packages into {}", self.folder.display());
        let mut npm = Command::new("npm");
        // No package needs to run anything to be installed, and none is trusted to.
        npm.args(["install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"])
            // A version of Node.js that is too old is told now, not by a script that fails somewhere.
            .args(["--engine-strict", "--loglevel=error"])
            .current_dir(&self.folder);
        shell::run(&mut npm)
    }

    /// Appends Node.js and a script to `command`.
    ///
    /// Node.js brings its own certificate authorities. Told to use OpenSSL's, it reads `SSL_CERT_FILE`, in which
    /// `azconnect-emulate run` names the emulators' CA, before the first script starts.
    pub(crate) fn append_script(&self, command: &mut Command, script: &str) {
        command.args(["node", "--use-openssl-ca"]).arg(self.folder.join(script));
    }
}
