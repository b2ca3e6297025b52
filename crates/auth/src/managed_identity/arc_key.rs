//! The proof that the agent of Azure Arc asks for: the contents of a file that only some users may read.
//!
//! Whoever listens at the agent's port could name any file of this machine and be sent its contents. So the file must
//! lie in the agent's own folder, be a plain file with the agent's ending, and be small.
//!
//! Spec: <https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tokio::{fs, io::AsyncReadExt};
use zeroize::Zeroizing;

use crate::error::{ErrorKind, Failure};

/// Reads the key that a challenge (`Basic realm=PATH`) names.
pub(super) async fn read(challenge: Option<&str>, folder: &Path) -> Result<SecretString, Failure> {
    let path = challenge.and_then(path_of).ok_or_else(|| {
        Failure::new(ErrorKind::InvalidResponse, "the agent asks for a proof without saying which")
    })?;
    let refused = |why: &str| {
        let message = format!("the agent asks for the contents of `{}`, {why}", path.display());
        Failure::new(ErrorKind::InvalidResponse, message)
    };
    if path.parent() != Some(folder) || path.extension().is_none_or(|ending| ending != "key") {
        return Err(refused(&format!("which is no `.key` file in `{}`", folder.display())));
    }
    let unreadable = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            _ => ErrorKind::InvalidResponse,
        };
        Failure::new(kind, format!("cannot read the agent's key `{}`", path.display()))
            .hint("run as a member of the group `himds`, or as root")
            .source(error)
    };
    let metadata = fs::symlink_metadata(&path).await.map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(refused("which is no plain file"));
    }
    let mut key = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let file = fs::File::open(&path).await.map_err(unreadable)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut key).await.map_err(unreadable)?;
    match std::str::from_utf8(&key) {
        _ if key.len() > MAX_BYTES => Err(refused("which is larger than 4096 bytes")),
        Ok(text) if !text.trim().is_empty() => Ok(SecretString::from(text.trim())),
        _ => Err(refused("which holds no text")),
    }
}

fn path_of(challenge: &str) -> Option<PathBuf> {
    let (scheme, rest) = challenge.trim().split_once(' ')?;
    let (name, path) = rest.trim_start().split_once('=')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic") && name.eq_ignore_ascii_case("realm");
    is_basic.then(|| PathBuf::from(path.trim().trim_matches('"')))
}

const MAX_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    async fn read_at(challenge: &str, folder: &Path) -> Result<String, String> {
        match read(Some(challenge), folder).await {
            Ok(key) => Ok(key.expose_secret().to_owned()),
            Err(failure) => Err(failure.message.clone()),
        }
    }

    #[tokio::test]
    async fn only_a_small_key_file_of_the_agents_own_folder_is_read() {
        let root = std::env::temp_dir().join(format!("arc-key-{}", uuid::Uuid::new_v4()));
        let folder = root.join("tokens");
        std::fs::create_dir_all(folder.join("folder.key")).unwrap();
        let write =
            |name: &str, contents: &str| std::fs::write(folder.join(name), contents).unwrap();
        write("a.key", "the key\n");
        write("a.txt", "canary-4711");
        write("empty.key", "\n");
        write("large.key", &"canary-4711".repeat(400));
        std::fs::write(root.join("outside.key"), "canary-4711").unwrap();
        let at = |name: &str| folder.join(name).display().to_string();

        for realm in [at("a.key"), format!("\"{}\"", at("a.key"))] {
            let key = read_at(&format!("Basic realm={realm}"), &folder).await;
            assert_eq!(key.as_deref(), Ok("the key"));
        }
        for (challenge, why) in [
            (String::new(), "without saying which"),
            (format!("Bearer realm={}", at("a.key")), "without saying which"),
            (format!("Basic realm={}", at("a.txt")), "no `.key` file"),
            (format!("Basic realm={}", at("../outside.key")), "no `.key` file"),
            ("Basic realm=/etc/passwd".to_owned(), "no `.key` file"),
            (format!("Basic realm={}", at("none.key")), "cannot read"),
            (format!("Basic realm={}", at("folder.key")), "no plain file"),
            (format!("Basic realm={}", at("empty.key")), "no text"),
            (format!("Basic realm={}", at("large.key")), "larger than 4096"),
        ] {
            let error = read_at(&challenge, &folder).await.unwrap_err();
            assert!(error.contains(why) && !error.contains("canary"), "{challenge}: {error}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.join("outside.key"), folder.join("link.key")).unwrap();
            let error = read_at(&format!("Basic realm={}", at("link.key")), &folder).await;
            assert!(error.unwrap_err().contains("no plain file"));
        }
        std::fs::remove_dir_all(root).unwrap();
    }
}
