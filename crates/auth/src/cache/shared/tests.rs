//! Sharing between caches that know of each other by the folder alone, as processes do.

use std::{fs, path::Path, time::Duration as StdDuration};

use azure_core::http::Context;
use tokio::sync::Notify;

use super::*;
use crate::{
    cache::{
        TokenCache,
        tests::{Source, Step, wanted},
    },
    clock::Clock,
};

struct TestFolder(PathBuf);

impl TestFolder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("shared-tokens-{}", uuid::Uuid::new_v4())))
    }

    /// A cache as a new process has one.
    fn process(
        &self,
        owner: &'static str,
        steps: impl IntoIterator<Item = Step>,
    ) -> TokenCache<Source> {
        let source = Source::of(owner, steps);
        TokenCache::new(source, Some(SharedTokenCache::open(&self.0).unwrap()))
    }

    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn get(cache: &TokenCache<Source>, scope: &str) -> String {
    cache.get(wanted(scope), &Context::new()).await.unwrap().token.secret().to_owned()
}

#[tokio::test]
async fn a_token_of_one_process_serves_the_next_and_another_owner_has_his_own() {
    let folder = TestFolder::new();
    let first = folder.process("a", [Step::Token("of a", 3600)]);
    assert_eq!(get(&first, "scope").await, "of a");
    let second = folder.process("a", []);
    assert_eq!(get(&second, "scope").await, "of a");
    let other = folder.process("b", [Step::Token("of b", 3600), Step::Token("other", 3600)]);
    assert_eq!(get(&other, "scope").await, "of b");
    assert_eq!(get(&other, "other scope").await, "other");
    assert_eq!(folder.files("token").len(), 3);
}

#[tokio::test]
async fn fifty_processes_that_start_at_once_ask_once() {
    let folder = TestFolder::new();
    let (begun, proceed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = Step::TokenWhenTold("shared", 3600, Arc::clone(&begun), Arc::clone(&proceed));
    let mut processes = vec![folder.process("a", [slow])];
    // Each of these would panic if it asked.
    processes.extend((1..50).map(|_| folder.process("a", [])));
    let mut tasks = Vec::new();
    for process in processes {
        tasks.push(tokio::spawn(async move { get(&process, "scope").await }));
        if tasks.len() == 1 {
            begun.notified().await;
        }
    }
    proceed.notify_one();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "shared");
    }
}

#[tokio::test]
async fn an_aging_token_is_renewed_by_one_for_all() {
    let folder = TestFolder::new();
    let first = folder.process("a", [Step::Token("first", 600), Step::Token("second", 3600)]);
    get(&first, "scope").await;
    // In its own time it is due, so a new process does not take it over.
    let later = StdDuration::from_secs(400);
    let second = folder.process("a", [Step::Token("second", 3600)]);
    second.source().clock.advance(later);
    assert_eq!(get(&second, "scope").await, "second");
    first.source().clock.advance(later);
    assert_eq!(get(&first, "scope").await, "first", "renewed in the background");
    while get(&first, "scope").await == "first" {
        tokio::time::sleep(StdDuration::from_millis(1)).await;
    }
    assert_eq!(first.source().requests(), 1, "the renewed one came from the folder");
}

#[tokio::test]
async fn what_cannot_be_decrypted_is_fetched_anew() {
    let folder = TestFolder::new();
    get(&folder.process("a", [Step::Token("canary-4711", 3600)]), "scope").await;
    let [file] = folder.files("token").try_into().unwrap();
    let sealed = fs::read(&file).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("canary"));
    let mut flipped = sealed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [Vec::new(), sealed[..11].to_vec(), sealed[..40].to_vec(), flipped] {
        fs::write(&file, damaged).unwrap();
        assert_eq!(get(&folder.process("a", [Step::Token("new", 3600)]), "scope").await, "new");
    }
    // A file under another name is another token, and not taken for this one.
    get(&folder.process("a", [Step::Token("other", 3600)]), "other scope").await;
    let other = folder.files("token").into_iter().find(|found| *found != file).unwrap();
    fs::copy(other, &file).unwrap();
    assert_eq!(get(&folder.process("a", [Step::Token("own", 3600)]), "scope").await, "own");
    // The key of another folder, or of another boot, opens nothing.
    fs::write(folder.0.join("key"), [7; 32]).unwrap();
    assert_eq!(get(&folder.process("a", [Step::Token("rekeyed", 3600)]), "scope").await, "rekeyed");
}

#[tokio::test]
async fn a_folder_that_is_gone_or_locked_by_a_stuck_process_fails_nobody() {
    let folder = TestFolder::new();
    let process = folder.process("a", [Step::Token("first", 3600), Step::Token("second", 3600)]);
    get(&process, "scope").await;
    let [lock] = folder.files("lock").try_into().unwrap();
    let stuck = fs::File::open(lock).unwrap();
    stuck.lock().unwrap();
    fs::remove_file(&folder.files("token")[0]).unwrap();
    let waiting = folder.process("a", [Step::Token("own", 3600)]);
    assert_eq!(get(&waiting, "scope").await, "own");
    assert!(waiting.source().clock.elapsed() >= MAX_WAIT, "by the clock of the test");
    fs::remove_dir_all(&folder.0).unwrap();
    assert_eq!(get(&process, "another scope").await, "second");
}

#[cfg(unix)]
#[test]
fn only_this_user_can_read_what_is_there() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = TestFolder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(get(&folder.process("a", [Step::Token("t", 3600)]), "scope"));
    assert_eq!(mode(&folder.0), 0o700);
    let files: Vec<_> =
        fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "key, lock and token: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_get_at_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let kind = |path: &Path| SharedTokenCache::open(path).unwrap_err().kind();
    let folder = TestFolder::new();
    fs::create_dir(&folder.0).unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o750)).unwrap();
    assert_eq!(kind(&folder.0), ErrorKind::PermissionDenied);
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(SharedTokenCache::open(&folder.0).is_ok());
    // A link could lead to a folder of somebody else's choice.
    let link = folder.0.join("link");
    std::os::unix::fs::symlink(&folder.0, &link).unwrap();
    assert_eq!(kind(&link), ErrorKind::InvalidInput);
    fs::write(folder.0.join("key"), "short").unwrap();
    assert_eq!(kind(&folder.0), ErrorKind::InvalidInput);
    assert_eq!(kind(&folder.0.join("no/such")), ErrorKind::InvalidInput);
    assert_eq!(kind(Path::new("/dev/null")), ErrorKind::InvalidInput);
}

#[test]
fn debug_shows_the_folder_only() {
    let folder = TestFolder::new();
    let cache = SharedTokenCache::open(&folder.0).unwrap();
    assert_eq!(format!("{cache:?}"), format!("SharedTokenCache({:?})", folder.0));
}
