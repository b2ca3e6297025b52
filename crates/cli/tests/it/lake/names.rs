//! `azconnect lake mkdir`, `mv` and `du`.

use super::{put, url};
use crate::world::World;

fn names(world: &World, directory: &str) -> Vec<String> {
    let listed = world.run(["lake", "ls", "-r", &url(directory), "-o", "json"]).json();
    let name = |entry: &serde_json::Value| entry["name"].as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().map(name).collect()
}

#[test]
fn a_directory_is_made_once_and_with_those_above_it() {
    let world = World::new();
    for _ in 0..2 {
        let made = world.run(["lake", "mkdir", &url("a/b"), &url("c"), "-o", "json"]).json();
        assert_eq!(made[0]["url"], url("a/b"));
    }
    assert_eq!(names(&world, ""), ["a/", "a/b/", "c/"]);
    put(&world, "file", b"x");
    world.run(["lake", "mkdir", &url("file")]).failed(1, &["PathAlreadyExists"]);
    world.run(["lake", "mkdir", &url("file/below")]).failed(1, &["error: "]);
    assert_eq!(names(&world, ""), ["a/", "a/b/", "c/", "file"]);
}

#[test]
fn what_is_renamed_keeps_all_that_is_below_it_and_replaces_nothing_unasked() {
    let world = World::new();
    put(&world, "new/e/a.txt", b"1");
    put(&world, "old.txt", b"22");
    put(&world, "other.txt", b"333");

    let dry = world.run(["lake", "mv", "--dry-run", &url("new"), &url("2024"), "-o", "json"]);
    assert_eq!(dry.json()[0]["action"], "would rename");
    assert_eq!(names(&world, "new"), ["e/", "e/a.txt"]);
    let moved = world.run(["lake", "mv", &url("new"), &url("2024"), "-o", "json"]).json();
    assert_eq!((&moved[0]["action"], &moved[0]["to"]), (&"renamed".into(), &url("2024").into()));
    assert_eq!(names(&world, ""), ["2024/", "2024/e/", "2024/e/a.txt", "old.txt", "other.txt"]);

    // Into a directory, by its being there or by a slash.
    world.run(["lake", "mv", &url("old.txt"), &url("2024")]).done();
    world.run(["lake", "mv", &url("2024/old.txt"), &url("2024/e/")]).done();
    assert_eq!(names(&world, "2024"), ["e/", "e/a.txt", "e/old.txt"]);

    for arguments in [&["lake", "mv"][..], &["lake", "mv", "--dry-run"]] {
        let ends = [url("other.txt"), url("2024/e/a.txt")];
        let taken = world.run([arguments, &[&ends[0], &ends[1]]].concat());
        taken.failed(
            1,
            &["`abfss://raw@lakedemo.dfs.core.windows.net/2024/e/a.txt` exists", "--overwrite"],
        );
    }
    assert_eq!(world.run(["lake", "cat", &url("2024/e/a.txt")]).done().stdout(), "1");
    world.run(["lake", "mv", "--overwrite", &url("other.txt"), &url("2024/e/a.txt")]).done();
    assert_eq!(world.run(["lake", "cat", &url("2024/e/a.txt")]).done().stdout(), "333");
}

#[test]
fn a_rename_that_cannot_be_is_refused() {
    let world = World::new();
    put(&world, "d/a.txt", b"1");
    world.run(["lake", "mv", &url("d"), &url("d/e")]).failed(2, &["cannot go into itself"]);
    world.run(["lake", "mv", &url("d"), &url("d")]).failed(2, &["cannot go into itself"]);
    world.run(["lake", "mv", &url("absent"), &url("x")]).failed(1, &["PathNotFound"]);
    world.run(["lake", "mv", &url("d"), "here"]).failed(2, &["`lake cp`"]);
    let elsewhere = "abfss://raw@other.dfs.core.windows.net/x";
    world.run(["lake", "mv", &url("d"), elsewhere]).failed(2, &["stays within an account"]);
    world.run(["lake", "mv", &url("d/a.txt"), &url("no/dir/a.txt")]).failed(1, &["error: "]);
    assert_eq!(names(&world, ""), ["d/", "d/a.txt"]);
}

#[test]
fn sizes_are_summed_up_by_directory() {
    let world = World::new();
    put(&world, "d/a", b"1");
    put(&world, "d/e/b", &[0; 10]);
    put(&world, "d/e/f/c", &[0; 100]);
    let usage = |arguments: &[&str]| -> Vec<(String, u64, u64)> {
        let found = world.run([arguments, &["-o", "json"]].concat()).json();
        let line = |one: &serde_json::Value| {
            let url = one["url"].as_str().unwrap().rsplit_once(".net/").unwrap().1.to_owned();
            (url, one["files"].as_u64().unwrap(), one["bytes"].as_u64().unwrap())
        };
        found.as_array().unwrap().iter().map(line).collect()
    };
    let line = |name: &str, files, bytes| (name.to_owned(), files, bytes);
    assert_eq!(usage(&["lake", "du", &url("d")]), [line("d", 3, 111), line("d/e", 2, 110)]);
    assert_eq!(usage(&["lake", "du", "--depth", "0", &url("")]), [line("", 3, 111)]);
    assert_eq!(
        usage(&["lake", "du", &url("d/a"), &url("d/e/f")]),
        [line("d/a", 1, 1), line("d/e/f", 1, 100)]
    );
    let table = world.run(["lake", "du", "--depth", "0", &url("d")]).done().stdout();
    assert!(table.contains("111 B") && table.contains("files"), "{table}");
}
