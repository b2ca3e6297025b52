//! `azconnect lake`.

mod names;
mod parquet;

use std::{fs, io::Write, path::Path, process::Stdio};

use azconnect_emulators::{Config, Service};

use crate::world::{Outcome, World};

const ROOT: &str = "abfss://raw@lakedemo.dfs.core.windows.net/";

fn url(path: &str) -> String {
    [ROOT, path].concat()
}

/// Bytes that no compression or repetition could fake.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(length)
    .collect()
}

fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn put(world: &World, path: &str, content: &[u8]) {
    let local = world.path("put");
    fs::write(&local, content).unwrap();
    world.run(["lake", "cp", "put", &url(path), "-o", "none"]).done();
    fs::remove_file(local).unwrap();
}

#[test]
fn a_file_goes_there_and_back_and_is_shown() {
    let world = World::new();
    let content = noise(20_000_000);
    fs::write(world.path("big file.bin"), &content).unwrap();
    let there = world.run(["lake", "cp", "big file.bin", &url("in/"), "-o", "json"]).json();
    assert_eq!(there[0]["to"], url("in/big file.bin"));
    assert_eq!(there[0]["bytes"], 20_000_000);

    let stat = world.run(["lake", "stat", &url("in/big file.bin"), "-o", "json"]).json();
    assert_eq!((&stat["type"], &stat["size"]), (&"file".into(), &20_000_000.into()));
    let https = "https://lakedemo.dfs.core.windows.net/raw/in/big%20file.bin";
    assert_eq!(world.run(["lake", "stat", https, "-o", "json"]).json(), stat);

    let back = world.run(["lake", "cp", https, "deep/copy.bin", "-o", "json"]).json();
    assert_eq!(back[0]["bytes"], 20_000_000);
    assert!(fs::read(world.path("deep/copy.bin")).unwrap() == content);
    let cat = world.run(["lake", "cat", https]).done();
    assert!(cat.bytes() == content);
    let cp = world.run(["lake", "cp", https, "-"]).done();
    assert!(cp.bytes() == content);
}

#[test]
fn a_listing_has_names_below_the_directory() {
    let world = World::new();
    put(&world, "d/b.txt", b"12345");
    put(&world, "d/e/a.txt", b"");
    let names = |arguments: &[&str]| -> Vec<String> {
        let listed = world.run([arguments, &["-o", "json"]].concat()).json();
        let name = |entry: &serde_json::Value| entry["name"].as_str().unwrap().to_owned();
        listed.as_array().unwrap().iter().map(name).collect()
    };
    assert_eq!(names(&["lake", "ls", &url("d")]), ["b.txt", "e/"]);
    assert_eq!(names(&["lake", "ls", "-r", &url("d")]), ["b.txt", "e/", "e/a.txt"]);
    assert_eq!(names(&["lake", "ls", &url("d/b.txt")]), ["b.txt"]);
    assert_eq!(names(&["lake", "ls", ROOT]), ["d/"]);
    let table = world.run(["lake", "ls", &url("d")]).done().stdout();
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].trim_start().starts_with("size"), "{table}");
    assert!(lines[1].contains("5 B") && lines[1].ends_with("b.txt"), "{table}");
    assert!(lines[2].ends_with("e/"), "{table}");
}

#[test]
fn what_exists_stays_unless_told_otherwise() {
    let world = World::new();
    put(&world, "a", b"old");
    fs::write(world.path("a"), "new").unwrap();
    let refused = ["exists", "\nhint: ", "--overwrite"];
    world.run(["lake", "cp", "a", &url("a")]).failed(1, &refused);
    assert_eq!(world.run(["lake", "cat", &url("a")]).done().stdout(), "old");
    world.run(["lake", "cp", &url("a"), "a"]).failed(1, &["`a`", "exists", "\nhint: "]);
    assert_eq!(fs::read(world.path("a")).unwrap(), b"new");

    world.run(["lake", "cp", "--overwrite", "a", &url("a")]).done();
    assert_eq!(world.run(["lake", "cat", &url("a")]).done().stdout(), "new");
    put(&world, "b", b"newest");
    world.run(["lake", "cp", "--overwrite", &url("b"), "a"]).done();
    assert_eq!(fs::read(world.path("a")).unwrap(), b"newest");
}

#[test]
fn a_directory_goes_there_and_back_with_all_that_is_below() {
    let world = World::new();
    for directory in ["tree/a/b", "tree/empty"] {
        fs::create_dir_all(world.path(directory)).unwrap();
    }
    for (name, content) in [("x", "1"), ("a/y z", "22"), ("a/b/ü#%", "333")] {
        fs::write(world.path("tree").join(name), content).unwrap();
    }
    world.run(["lake", "cp", "tree", &url("t")]).failed(2, &["is a directory", "--recursive"]);
    let copied = world.run(["lake", "cp", "-r", "tree", &url("t"), "-o", "json"]).json();
    assert_eq!(copied.as_array().unwrap().len(), 3);
    world.run(["lake", "cp", &url("t"), "back"]).failed(2, &["is a directory", "--recursive"]);
    world.run(["lake", "cp", "-r", &url("t"), "back"]).done();
    assert_eq!(names_in(&world.path("back")), ["a", "empty", "x"]);
    for (name, content) in [("x", "1"), ("a/y z", "22"), ("a/b/ü#%", "333")] {
        assert_eq!(fs::read_to_string(world.path("back").join(name)).unwrap(), content);
    }
    assert_eq!(names_in(&world.path("back/empty")), [""; 0]);
}

#[test]
fn stdin_becomes_a_file() {
    let world = World::new();
    let content = noise(9_000_000);
    let mut command = world.command(&["lake", "cp", "-", &url("piped"), "-o", "json"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&content).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(world.run(["lake", "cat", &url("piped")]).done().bytes() == content);
    world.run(["lake", "cp", "-", &url("d/")]).failed(2, &["is a directory"]);
}

#[test]
fn a_file_goes_alone_and_a_directory_only_with_a_yes() {
    let world = World::new();
    for name in ["a", "d/b", "d/e/c"] {
        put(&world, name, b"x");
    }
    world.run(["lake", "rm", &url("a")]).done();
    world.run(["lake", "stat", &url("a")]).failed(1, &["404"]);
    let directory = url("d");
    world.run(["lake", "rm", &directory]).failed(2, &["is a directory", "--recursive --yes"]);
    world.run(["lake", "rm", "-r", &directory]).failed(2, &["--yes"]);
    let dry = world.run(["lake", "rm", "-r", "--dry-run", &directory, "-o", "json"]).json();
    assert_eq!((&dry[0]["action"], &dry[0]["url"]), (&"would delete".into(), &directory.into()));
    world.run(["lake", "stat", &url("d/e/c")]).done();
    // A mistake in one of them deletes nothing.
    world.run(["lake", "rm", &url("d/b"), &url("absent")]).failed(1, &["404"]);
    world.run(["lake", "stat", &url("d/b")]).done();
    world.run(["lake", "rm", "-r", "--yes", &url("d")]).done();
    world.run(["lake", "stat", &url("d")]).failed(1, &["404", "\nhint: "]);
    world.run(["lake", "rm", "-r", "--yes", ROOT]).failed(2, &["whole filesystem"]);
}

#[test]
fn mistakes_in_the_ends_of_a_copy_are_named() {
    let world = World::new();
    fs::write(world.path("a"), "x").unwrap();
    world.run(["lake", "cp", "a", "b"]).failed(2, &["neither end", "abfss://"]);
    world.run(["lake", "cp", &url("a"), &url("b")]).failed(2, &["both ends"]);
    world.run(["lake", "cp", "a", "s3://raw/a"]).failed(2, &["`s3` is not one of the data lake"]);
    world.run(["lake", "ls", "raw/a"]).failed(2, &["no scheme"]);
    world.run(["lake", "cp", "absent", &url("a")]).failed(1, &["`absent`", "No such file"]);
    let elsewhere = "abfss://raw@lakedemo.dfs.core.chinacloudapi.cn/a";
    world.run(["lake", "ls", elsewhere]).failed(2, &["no host of the cloud", "--cloud"]);
}

#[test]
fn a_missing_role_is_named_with_the_account() {
    let config = Config::from_json(r#"{"role_assignments": []}"#).unwrap();
    let world = World::with(config);
    let parts = ["403", "\nhint: ", "Storage Blob Data Reader", "`lakedemo`"];
    world.run(["lake", "ls", ROOT]).failed(1, &parts);
    world.run(["lake", "cat", &url("a")]).failed(1, &parts);
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    let world = World::new();
    put(&world, "big", &noise(3_000_000));
    fs::write(world.path("copy"), "old").unwrap();
    // 1,024,000 bytes at most, without the signal that would end the process.
    let script = r#"trap '' XFSZ; ulimit -f 2000; exec "$0" "$@""#;
    let inner = world.command(&["lake", "cp", "--overwrite", &url("big"), "copy"]);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", script]).arg(inner.get_program()).args(inner.get_args());
    limited.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(world.folder.path());
    Outcome::of(limited).failed(1, &["cannot write `copy`", "File too large"]);
    assert_eq!(fs::read(world.path("copy")).unwrap(), b"old");
    assert!(names_in(world.folder.path()).iter().all(|name| !name.ends_with(".part")));
}

#[test]
fn a_cut_connection_is_taken_up() {
    let world = World::new();
    let content = noise(3_000_000);
    put(&world, "a", &content);
    world.emulators.faults().cut_lake_body(Some(1_000_000));
    world.run(["lake", "cp", &url("a"), "copy"]).done();
    assert!(fs::read(world.path("copy")).unwrap() == content);
    world.emulators.faults().throttle(Service::LakeBlob, 1);
    assert!(world.run(["lake", "cat", &url("a")]).done().bytes() == content);
}
