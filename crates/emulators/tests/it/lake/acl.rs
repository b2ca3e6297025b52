//! Owners, groups, permissions and ACLs: who is let in by them, what new entries begin with, and
//! every change of them.

use azconnect_emulators::{Config, GroupConfig, ManagedIdentityConfig, Role, RoleAssignmentConfig};
use reqwest::{Method, RequestBuilder};

use super::{Answer, BLOB, DFS, LakeFixture, VERSION, send, token};

const MISMATCH: &str = "AuthorizationPermissionMismatch";
const INVALID_ACL: &str = "InvaldAccessControlList";

/// `ada` has no role; `ben` has none and is in the group; `cleo` contributes.
struct World {
    lake: LakeFixture,
    ada: Person,
    ben: Person,
    cleo: Person,
    group: String,
}

struct Person {
    id: String,
    token: String,
}

impl World {
    async fn start() -> Self {
        let mut config = Config::default();
        let group = uuid::Uuid::new_v4();
        let mut ids = Vec::new();
        for name in ["ada", "ben", "cleo"] {
            let object_id = uuid::Uuid::new_v4();
            ids.push(object_id.to_string());
            config.managed_identities.push(ManagedIdentityConfig {
                name: name.into(),
                client_id: uuid::Uuid::new_v4(),
                object_id,
                resource_id: Some(format!("/subscriptions/s/identities/{name}")),
            });
        }
        config.groups =
            vec![GroupConfig { object_id: group, members: vec!["ben".into(), "uami-demo".into()] }];
        config.role_assignments.push(RoleAssignmentConfig {
            principal: "cleo".into(),
            role: Role::StorageBlobDataContributor,
            resource: "lakedemo".into(),
        });
        let lake = LakeFixture::with(config).await;
        let mut people = ["ada", "ben", "cleo"]
            .into_iter()
            .zip(ids)
            .map(|(name, id)| Person { id, token: token(&lake.emulators, name) });
        let (ada, ben, cleo) =
            (people.next().unwrap(), people.next().unwrap(), people.next().unwrap());
        drop(people);
        Self { lake, ada, ben, cleo, group: group.to_string() }
    }

    fn by(&self, who: &Person, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        self.lake
            .http
            .request(method, url.as_ref())
            .bearer_auth(&who.token)
            .header("x-ms-version", VERSION)
            .header("content-length", "0")
    }

    fn read(&self, who: &Person, path: &str) -> RequestBuilder {
        self.by(who, Method::GET, format!("{DFS}/raw/{path}"))
    }

    async fn set(&self, path: &str, header: &'static str, value: &str) {
        let url = format!("{DFS}/raw/{path}?action=setAccessControl");
        send(self.lake.patch(url).header(header, value)).await.expect(200);
    }

    async fn acl(&self, path: &str) -> Answer {
        let url = format!("{DFS}/raw/{path}?action=getAccessControl&upn=true");
        send(self.lake.head(url)).await.expect(200)
    }

    /// Adds entries to the ACL of one path and all below it.
    fn change(&self, path: &str, query: &str, acl: &str) -> RequestBuilder {
        let url = format!("{DFS}/raw/{path}?action=setAccessControlRecursive&{query}");
        self.lake.patch(url).header("x-ms-acl", acl)
    }

    /// Adds an entry for somebody to one path only.
    async fn allow(&self, path: &str, who: &Person, bits: &str) {
        let now = self.acl(path).await.header("x-ms-acl").to_owned();
        let kept: Vec<_> = now
            .split(',')
            .filter(|entry| !entry.contains(&who.id) && !entry.starts_with("mask:"))
            .collect();
        let acl = format!("{},user:{}:{bits}", kept.join(","), who.id);
        self.set(path, "x-ms-acl", &acl).await;
    }
}

// The rows without a role of the vendor's table, one caller each time, and each bit of them taken
// away in turn.
// Spec: <https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control-model#permissions-table-combining-azure-rbac-abac-and-acls>
#[tokio::test]
async fn without_a_role_the_vendors_table_decides() {
    let world = World::start().await;
    let lake = &world.lake;
    let levels = ["/", "Oregon", "Oregon/Portland", "Oregon/Portland/Data.txt"];
    let file = "Oregon/Portland/Data.txt";
    let list = |directory: &str| {
        let url = format!("{DFS}/raw?resource=filesystem&recursive=false&directory={directory}");
        world.by(&world.ada, Method::GET, url)
    };
    let url = format!("{DFS}/raw/{file}");
    let rows: [(&str, [&str; 4]); 7] = [
        ("read", ["--x", "--x", "--x", "r--"]),
        ("append", ["--x", "--x", "--x", "rw-"]),
        ("delete", ["--x", "--x", "-wx", "---"]),
        ("create", ["--x", "--x", "-wx", "---"]),
        ("list /", ["r-x", "---", "---", "---"]),
        ("list /Oregon", ["--x", "r-x", "---", "---"]),
        ("list /Oregon/Portland", ["--x", "--x", "r-x", "---"]),
    ];
    let request = |operation: &str| match operation {
        "read" => world.read(&world.ada, file),
        "append" => world.by(&world.ada, Method::PATCH, format!("{url}?action=flush&position=4")),
        "delete" => world.by(&world.ada, Method::DELETE, &url),
        "create" => world.by(&world.ada, Method::PUT, format!("{url}.new?resource=file")),
        "list /" => list(""),
        "list /Oregon" => list("Oregon"),
        _ => list("Oregon/Portland"),
    };
    for (operation, needed) in rows {
        lake.file(file, b"data").await;
        for missing in (0..4).filter(|level| needed[*level] != "---") {
            for letter in needed[missing].chars().filter(|bit| *bit != '-') {
                for (level, path) in levels.iter().enumerate() {
                    let mut bits = needed[level].to_owned();
                    if level == missing {
                        bits = bits.replace(letter, "-");
                    }
                    world.allow(path, &world.ada, &bits).await;
                }
                send(request(operation)).await.expect_error(403, MISMATCH);
            }
        }
        for (path, bits) in levels.iter().zip(needed) {
            world.allow(path, &world.ada, bits).await;
        }
        let answer = send(request(operation)).await;
        assert!(answer.status.is_success(), "{operation}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_role_skips_the_acls_for_what_it_is_for() {
    let world = World::start().await;
    world.lake.file("d/x", b"data").await;
    world.set("d", "x-ms-acl", "user::---,group::---,other::---").await;
    send(world.read(&world.cleo, "d/x")).await.expect(200);
    // A contributor changes the ACLs of its own entries only.
    let permissions = |who: &Person, path: &str| {
        let url = format!("{DFS}/raw/{path}?action=setAccessControl");
        world.by(who, Method::PATCH, url).header("x-ms-permissions", "0700")
    };
    send(permissions(&world.cleo, "d/x")).await.expect_error(403, MISMATCH);
    let url = format!("{DFS}/raw/d/mine?resource=file");
    send(world.by(&world.cleo, Method::PUT, &url)).await.expect(201);
    send(permissions(&world.cleo, "d/mine")).await.expect(200);
    assert_eq!(world.acl("d/mine").await.header("x-ms-owner"), world.cleo.id);
    // Only super-users give to somebody else.
    let gift = world.by(&world.cleo, Method::PUT, &url).header("x-ms-owner", &world.ada.id);
    send(gift).await.expect_error(403, MISMATCH);
    let url = format!("{DFS}/raw/d/mine?action=setAccessControl");
    for (header, id) in [("x-ms-owner", &world.ada.id), ("x-ms-group", &world.group)] {
        let gift = world.by(&world.cleo, Method::PATCH, &url).header(header, id);
        send(gift).await.expect_error(403, MISMATCH);
        send(world.lake.patch(&url).header(header, id)).await.expect(200);
    }
    let after = world.acl("d/mine").await;
    assert_eq!(after.header("x-ms-owner"), world.ada.id);
    assert_eq!(after.header("x-ms-group"), world.group);
}

#[tokio::test]
async fn an_owner_gives_its_entry_to_a_group_that_it_is_in() {
    let world = World::start().await;
    world.lake.directory("d").await;
    for who in [&world.ada, &world.ben] {
        world.set("/", "x-ms-permissions", "0751").await;
        world.set("d", "x-ms-owner", &who.id).await;
        let url = format!("{DFS}/raw/d?action=setAccessControl");
        let request = world.by(who, Method::PATCH, url).header("x-ms-group", &world.group);
        let expected = if who.id == world.ben.id { 200 } else { 403 };
        send(request).await.expect(expected);
    }
}

#[tokio::test]
async fn a_group_lets_its_members_in_as_far_as_the_mask_goes() {
    let world = World::start().await;
    world.lake.file("x", b"data").await;
    world.set("/", "x-ms-permissions", "0751").await;
    let acl = |mask: &str| {
        format!("user::rw-,group::---,group:{}:rw-,mask::{mask},other::---", world.group)
    };
    world.set("x", "x-ms-acl", &acl("r--")).await;
    send(world.read(&world.ben, "x")).await.expect(200);
    send(world.read(&world.ada, "x")).await.expect_error(403, MISMATCH);
    world.set("x", "x-ms-acl", &acl("-w-")).await;
    send(world.read(&world.ben, "x")).await.expect_error(403, MISMATCH);
    // By the blob endpoint it is the same.
    let blob = world.by(&world.ben, Method::GET, format!("{BLOB}/raw/x"));
    send(blob).await.expect_error(403, MISMATCH);
}

#[tokio::test]
async fn the_status_needs_no_more_than_the_way_there() {
    let world = World::start().await;
    world.lake.file("d/x", b"data").await;
    let head = |query: &str| world.by(&world.ada, Method::HEAD, format!("{DFS}/raw/d/x{query}"));
    send(head("?action=getStatus")).await.expect(403);
    for path in ["/", "d"] {
        world.allow(path, &world.ada, "--x").await;
    }
    send(head("?action=getStatus")).await.expect(200);
    send(head("?action=getAccessControl")).await.expect(200);
    send(head("")).await.expect(403);
    // Who may go there learns what is missing there.
    send(world.read(&world.ada, "d/y")).await.expect_error(404, "PathNotFound");
    send(world.read(&world.ada, "e/y")).await.expect_error(404, "PathNotFound");
}

#[tokio::test]
async fn no_acl_opens_the_account_or_the_filesystem() {
    let world = World::start().await;
    world.set("/", "x-ms-acl", "user::rwx,group::rwx,other::rwx").await;
    for (method, url) in [
        (Method::GET, format!("{DFS}/?resource=account")),
        (Method::HEAD, format!("{DFS}/raw?resource=filesystem")),
        (Method::DELETE, format!("{DFS}/raw?resource=filesystem")),
        (Method::PUT, format!("{DFS}/other?resource=filesystem")),
        (Method::GET, format!("{BLOB}/raw?restype=container")),
        (Method::GET, format!("{BLOB}/raw?restype=container&comp=list&showonly=deleted")),
    ] {
        let answer = send(world.by(&world.ada, method, &url)).await.expect(403);
        assert_eq!(answer.header("x-ms-error-code"), MISMATCH, "{url}");
    }
    send(world.by(&world.ada, Method::GET, format!("{BLOB}/raw?restype=container&comp=list")))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_sticky_directory_lets_only_the_owner_take_something_away() {
    let world = World::start().await;
    world.lake.directory("tmp").await;
    world.set("/", "x-ms-permissions", "0751").await;
    world.set("tmp", "x-ms-permissions", "1777").await;
    assert_eq!(world.acl("tmp").await.header("x-ms-permissions"), "rwxrwxrwt");
    let url = format!("{DFS}/raw/tmp/x");
    send(world.by(&world.ada, Method::PUT, format!("{url}?resource=file"))).await.expect(201);
    let rename = |who: &Person| {
        world
            .by(who, Method::PUT, format!("{DFS}/raw/tmp/y?mode=posix"))
            .header("x-ms-rename-source", "/raw/tmp/x")
    };
    send(world.by(&world.ben, Method::DELETE, &url)).await.expect_error(403, MISMATCH);
    send(rename(&world.ben)).await.expect_error(403, MISMATCH);
    send(rename(&world.ada)).await.expect(201);
    // Nor may another entry be put in its place.
    send(world.by(&world.ben, Method::PUT, format!("{url}?resource=file"))).await.expect(201);
    send(rename(&world.ben)).await.expect_error(403, MISMATCH);
    send(world.by(&world.ada, Method::DELETE, format!("{DFS}/raw/tmp/y"))).await.expect(200);
    // Without the bit whoever may write may delete.
    world.set("tmp", "x-ms-permissions", "0777").await;
    send(world.by(&world.ada, Method::DELETE, &url)).await.expect(200);
}

#[tokio::test]
async fn a_tree_is_deleted_by_whom_every_directory_of_it_allows() {
    let world = World::start().await;
    world.lake.file("a/b/c/x", b"data").await;
    world.allow("/", &world.ada, "-wx").await;
    for path in ["a", "a/b"] {
        world.allow(path, &world.ada, "rwx").await;
    }
    let url = format!("{DFS}/raw/a?recursive=true");
    send(world.by(&world.ada, Method::DELETE, &url)).await.expect_error(403, MISMATCH);
    world.allow("a/b/c", &world.ada, "rwx").await;
    send(world.by(&world.ada, Method::DELETE, &url)).await.expect(200);
    assert!(world.lake.names("recursive=true").await.is_empty());
}

#[tokio::test]
async fn what_is_made_begins_with_what_the_request_says() {
    let world = World::start().await;
    let lake = &world.lake;
    let cases = [
        ("directory", vec![], "rwxr-x---"),
        ("file", vec![], "rw-r-----"),
        ("directory", vec![("x-ms-permissions", "0777"), ("x-ms-umask", "0057")], "rwx-w----"),
        ("directory", vec![("x-ms-permissions", "rwxrwxrwt")], "rwxr-x--T"),
        ("file", vec![("x-ms-permissions", "0666"), ("x-ms-umask", "0000")], "rw-rw-rw-"),
        ("file", vec![("x-ms-acl", "user::rw-,group::---,other::r--")], "rw----r--"),
        ("file", vec![("x-ms-owner", world.ada.id.as_str())], "rw-r-----"),
    ];
    for (index, (resource, headers, permissions)) in cases.into_iter().enumerate() {
        let path = format!("made/{index}");
        let mut request = lake.put(format!("{DFS}/raw/{path}?resource={resource}"));
        let is_given = headers.iter().any(|(name, _)| *name == "x-ms-owner");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        send(request).await.expect(201);
        let made = world.acl(&path).await;
        assert_eq!(made.header("x-ms-permissions"), permissions, "{index}");
        assert_eq!(made.header("x-ms-owner") == world.ada.id, is_given);
        assert_eq!(made.header("x-ms-group"), "$superuser");
    }
    let url = format!("{DFS}/raw?resource=filesystem&recursive=true");
    let listed = send(lake.get(url)).await.expect(200).json();
    assert_eq!(listed["paths"][1]["permissions"], "rwxr-x---");
    assert_eq!(listed["paths"][7]["owner"], world.ada.id.as_str());
}

#[tokio::test]
async fn what_is_wrong_with_a_new_entrys_access_leaves_nothing_behind() {
    let world = World::start().await;
    for (headers, code) in [
        (vec![("x-ms-permissions", "777")], "InvalidHeaderValue"),
        (vec![("x-ms-umask", "rwxrwxrwx")], "InvalidHeaderValue"),
        (vec![("x-ms-owner", "a,b")], "InvalidHeaderValue"),
        (vec![("x-ms-acl", "user::rwx")], INVALID_ACL),
        (
            vec![("x-ms-acl", "user::rw-,group::---,other::r--"), ("x-ms-permissions", "0777")],
            "InvalidHeaderValue",
        ),
        (vec![("x-ms-acl", "user::rwx,group::---,other::---,default:user::rwx")], INVALID_ACL),
    ] {
        let mut request = world.lake.put(format!("{DFS}/raw/deep/in/x?resource=file"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        send(request).await.expect_error(400, code);
        assert!(world.lake.names("recursive=true").await.is_empty());
    }
}

#[tokio::test]
async fn what_is_made_takes_the_default_acl_of_its_directory() {
    let world = World::start().await;
    world.lake.directory("d").await;
    let id = &world.ada.id;
    let default = format!(
        "default:user::rwx,default:user:{id}:r-x,default:group::r-x,\
                           default:mask::r-x,default:other::---"
    );
    world.set("d", "x-ms-acl", &format!("user::rwx,group::r-x,other::---,{default}")).await;
    world.lake.file("d/new/x", b"data").await;
    let access = format!("user::rwx,user:{id}:r-x,group::r-x,mask::r-x,other::---");
    assert_eq!(world.acl("d/new").await.header("x-ms-acl"), format!("{access},{default}"));
    assert_eq!(
        world.acl("d/new/x").await.header("x-ms-acl"),
        format!("user::rw-,user:{id}:r-x,group::r-x,mask::r--,other::---")
    );
    assert_eq!(world.acl("d/new/x").await.header("x-ms-permissions"), "rw-r-----+");
    world.allow("/", &world.ada, "--x").await;
    world.allow("d", &world.ada, "--x").await;
    send(world.read(&world.ada, "d/new/x")).await.expect(200);
    // An overwrite is of the bytes, not of who may read them.
    world.lake.file("d/new/x", b"other").await;
    send(world.read(&world.ada, "d/new/x")).await.expect(200);
}

#[tokio::test]
async fn a_new_filesystem_belongs_to_whom_made_it() {
    let world = World::start().await;
    let url = format!("{DFS}/own?resource=filesystem");
    send(world.by(&world.cleo, Method::PUT, url)).await.expect(201);
    let url = format!("{DFS}/own/?action=getAccessControl");
    let root = send(world.by(&world.cleo, Method::HEAD, url)).await.expect(200);
    assert_eq!(root.header("x-ms-owner"), world.cleo.id);
    assert_eq!(root.header("x-ms-group"), world.cleo.id);
    assert_eq!(world.acl("/").await.header("x-ms-owner"), "$superuser");
}

#[tokio::test]
async fn a_tree_is_changed_in_pages_and_counted() {
    let world = World::start().await;
    for path in ["t/a/1", "t/a/2", "t/b", "u"] {
        world.lake.file(path, b"data").await;
    }
    let entry = format!("user:{}:r-x,default:user:{}:r-x", world.ada.id, world.ada.id);
    let (mut directories, mut files, mut pages) = (0, 0, 0);
    let mut token = String::new();
    loop {
        let query = format!(
            "mode=modify&maxRecords=2&continuation={}",
            percent_encoding::utf8_percent_encode(&token, percent_encoding::NON_ALPHANUMERIC)
        );
        let answer = send(world.change("t", &query, &entry)).await.expect(200);
        let json = answer.json();
        directories += json["directoriesSuccessful"].as_u64().unwrap();
        files += json["filesSuccessful"].as_u64().unwrap();
        assert_eq!(json["failureCount"], 0);
        assert_eq!(json["failedEntries"], serde_json::json!([]));
        pages += 1;
        match answer.has("x-ms-continuation") {
            true => token = answer.header("x-ms-continuation").to_owned(),
            false => break,
        }
    }
    assert_eq!((directories, files, pages), (2, 3, 3));
    assert!(world.acl("t/a/2").await.header("x-ms-acl").contains(&world.ada.id));
    assert!(world.acl("t/a").await.header("x-ms-acl").contains("default:user"));
    assert!(!world.acl("u").await.header("x-ms-acl").contains(&world.ada.id));

    let removal = format!(
        "mask,user:{0},default:user,default:group,default:other,\
                           default:mask,default:user:{0}",
        world.ada.id
    );
    send(world.change("t", "mode=remove", &removal)).await.expect(200);
    let after = world.acl("t/a").await;
    assert_eq!(after.header("x-ms-acl"), "user::rwx,group::r-x,other::---");
    let set = "user::r--,group::r--,other::---";
    let answer = send(world.change("", "mode=set", set)).await.expect(200);
    assert_eq!(answer.json()["filesSuccessful"], 4);
    assert_eq!(world.acl("u").await.header("x-ms-permissions"), "r--r-----");
}

#[tokio::test]
async fn what_cannot_be_changed_in_a_tree_is_named() {
    let world = World::start().await;
    for path in ["t/a", "t/b", "t/c"] {
        world.lake.file(path, b"data").await;
    }
    world.set("/", "x-ms-permissions", "0751").await;
    for path in ["t", "t/a", "t/c"] {
        world.set(path, "x-ms-owner", &world.ada.id).await;
    }
    let change = |force: &str| {
        let url = format!(
            "{DFS}/raw/t?action=setAccessControlRecursive&mode=modify&maxRecords=3&forceFlag={force}"
        );
        world.by(&world.ada, Method::PATCH, url).header("x-ms-acl", "other::r--")
    };
    let answer = send(change("false")).await.expect(200);
    let json = answer.json();
    assert_eq!((&json["directoriesSuccessful"], &json["filesSuccessful"]), (&1.into(), &1.into()));
    assert_eq!(json["failureCount"], 1);
    let failed = &json["failedEntries"][0];
    assert_eq!((&failed["name"], &failed["type"]), (&"t/b".into(), &"FILE".into()));
    assert!(failed["errorMessage"].as_str().unwrap().contains("not authorized"), "{failed}");
    assert!(!answer.has("x-ms-continuation"));
    let answer = send(change("true")).await.expect(200);
    assert!(answer.has("x-ms-continuation"));
    assert_eq!(answer.json()["failureCount"], 1);
}

#[tokio::test]
async fn wrong_changes_are_refused_and_change_nothing() {
    let world = World::start().await;
    world.lake.file("x", b"data").await;
    let before = world.acl("x").await.header("x-ms-acl").to_owned();
    let whole = "user::rwx,group::rwx,other::rwx";
    for (query, acl, status, code) in [
        ("mode=set", "user::rwx", 400, INVALID_ACL),
        ("mode=set", "", 400, INVALID_ACL),
        ("mode=modify", "user::rw", 400, INVALID_ACL),
        ("mode=remove", "user:x:rwx", 400, INVALID_ACL),
        ("mode=melt", whole, 400, "InvalidQueryParameterValue"),
        ("", whole, 400, "MissingRequiredQueryParameter"),
        ("mode=set&maxRecords=0", whole, 400, "OutOfRangeQueryParameterValue"),
        ("mode=set&maxRecords=x", whole, 400, "InvalidQueryParameterValue"),
        ("mode=set&forceFlag=maybe", whole, 400, "InvalidQueryParameterValue"),
        ("mode=set&continuation=abc", whole, 400, "InvalidQueryParameterValue"),
    ] {
        send(world.change("x", query, acl)).await.expect_error(status, code);
    }
    send(world.change("nowhere", "mode=set", whole)).await.expect_error(404, "PathNotFound");
    let url = format!("{DFS}/raw/x?action=setAccessControl");
    for (headers, code) in [
        (vec![], "MissingRequiredHeader"),
        (vec![("x-ms-permissions", "0999")], "InvalidHeaderValue"),
        (vec![("x-ms-permissions", "0700"), ("x-ms-acl", whole)], "InvalidHeaderValue"),
        (vec![("x-ms-acl", "user::rwx,group::rwx,other::rwx,default:other::r--")], INVALID_ACL),
    ] {
        let mut request = world.lake.patch(&url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        send(request).await.expect_error(400, code);
    }
    let stale = world.lake.patch(&url).header("x-ms-acl", whole).header("if-match", "\"0x1\"");
    send(stale).await.expect_error(412, "ConditionNotMet");
    assert_eq!(world.acl("x").await.header("x-ms-acl"), before);
}
