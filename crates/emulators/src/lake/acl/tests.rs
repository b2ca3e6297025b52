//! The model of access control, by the vendor's own tables and algorithm.

use super::{text::parse_acl, *};
use crate::lake::failure::Code;

const OWNER: &str = "11111111-1111-1111-1111-111111111111";
const ALICE: &str = "22222222-2222-2222-2222-222222222222";
const GROUP: &str = "33333333-3333-3333-3333-333333333333";
const STAFF: &str = "44444444-4444-4444-4444-444444444444";

fn control(acl: &str) -> AccessControl {
    let base = AccessControl {
        owner: OWNER.into(),
        group: GROUP.into(),
        ..AccessControl::of_superuser(true)
    };
    set_access_control(&base, acl, true).unwrap()
}

fn rwx(text: &str) -> Rwx {
    Rwx::parse(text).unwrap()
}

fn code<T: std::fmt::Debug>(result: Result<T, crate::lake::failure::Failure>) -> Code {
    result.unwrap_err().code()
}

#[test]
fn permissions_are_read_in_both_forms_and_printed_in_one() {
    for (text, expected) in [
        ("rwxr-x---", "rwxr-x---"),
        ("0750", "rwxr-x---"),
        ("0766", "rwxrw-rw-"),
        ("1777", "rwxrwxrwt"),
        ("rwxrwxrwT", "rwxrwxrwT"),
        ("1776", "rwxrwxrwT"),
        ("0000", "---------"),
    ] {
        assert_eq!(Permissions::parse(text).unwrap().to_string(), expected, "{text}");
    }
    for text in ["", "750", "0850", "2750", "rwxr-x--", "rwxr-x---+", "xwrr-x---", "rwxrwxr\u{e9}"]
    {
        assert_eq!(Permissions::parse(text), None, "{text}");
    }
}

// The example of the vendor's page on Path - Create.
#[test]
fn the_umask_takes_its_bits_away() {
    let permissions = Permissions::parse("0777").unwrap();
    let umask = Permissions::parse_octal("0057").unwrap();
    assert_eq!(permissions.without(umask), Permissions::parse("0720").unwrap());
    assert_eq!(AccessControl::of_superuser(true).permissions(), "rwxr-x---");
    assert_eq!(AccessControl::of_superuser(false).permissions(), "rw-r-----");
}

#[test]
fn an_acl_is_printed_whole_and_in_one_order() {
    let text = format!("other::--x,user:{ALICE}:r--,group::r-x,user::rwx,default:user:{ALICE}:rwx");
    assert_eq!(
        control(&text).to_string(),
        format!(
            "user::rwx,user:{ALICE}:r--,group::r-x,mask::r-x,other::--x,default:user::rwx,\
             default:user:{ALICE}:rwx,default:group::r-x,default:mask::rwx,default:other::--x"
        )
    );
    assert_eq!(control(&text).permissions(), "rwxr-x--x+");
    assert_eq!(control("user::rwx,group::r-x,other::---").permissions(), "rwxr-x---");
}

#[test]
fn what_is_no_acl_is_refused() {
    for text in [
        "",
        ",",
        "user::rwx",
        "user::rwx,group::r-x",
        "user::rwx,group::r-x,other::r-",
        "user::rwx,group::r-x,other::---,user::r--",
        "user::rwx,group::r-x,other:x:---",
        "user::rwx,group::r-x,other::---,mask:x:rwx",
        "user::rwx,group::r-x,other::---,default:default:user::rwx",
        "user::rwx,group::r-x,other::---,nobody:x:rwx",
        "user::rwx,group::r-x,other::---,user:a b:rwx",
        "user::rwx,group::r-x,other",
    ] {
        let base = AccessControl::of_superuser(true);
        let result = set_access_control(&base, text, true);
        assert_eq!(code(result), Code::InvalidAccessControlList, "{text}");
    }
    let many: Vec<_> = (0..29).map(|id| format!("user:{id}:r--")).collect();
    let text = format!("user::rwx,group::r-x,other::---,{}", many.join(","));
    let result = set_access_control(&AccessControl::of_superuser(true), &text, true);
    assert_eq!(code(result), Code::InvalidAccessControlList);
    assert!(parse_acl(&text).is_ok());
}

#[test]
fn a_file_has_no_default_acl() {
    let text = "user::rw-,group::r--,other::---,default:user::rwx";
    let base = AccessControl::of_superuser(false);
    assert_eq!(code(set_access_control(&base, text, false)), Code::InvalidAccessControlList);
    // Below a directory the same list is for whatever is there.
    let mode = AclMode::parse("set", text).unwrap().unwrap();
    assert_eq!(mode.apply(&base, false).unwrap().default, None);
    assert!(mode.apply(&base, true).unwrap().default.is_some());
}

#[test]
fn the_first_class_that_fits_decides() {
    let base = "user::r--,group::rw-,other::rwx";
    let named = format!("{base},user:{ALICE}:-wx,group:{STAFF}:--x,mask::rw-");
    let group = [GROUP.to_owned()];
    let staff = [STAFF.to_owned()];
    let both = [GROUP.to_owned(), STAFF.to_owned()];
    let rows: [(&str, &str, &[String], &str); 10] = [
        // The owner is not helped by what others have, and not limited by the mask.
        (base, OWNER, &group, "r--"),
        (&named, OWNER, &both, "r--"),
        (base, ALICE, &group, "rw-"),
        (base, ALICE, &[], "rwx"),
        // A named user is not helped by its groups.
        (&named, ALICE, &both, "-w-"),
        (&named, "somebody", &group, "rw-"),
        (&named, "somebody", &staff, "---"),
        (&named, "somebody", &both, "rw-"),
        // By the vendor's algorithm the mask limits even the others.
        (&named, "somebody", &[], "rw-"),
        (base, "somebody", &staff, "rwx"),
    ];
    for (acl, who, groups, expected) in rows {
        let control = control(acl);
        for bits in ["r--", "-w-", "--x"] {
            let letter = bits.trim_matches('-');
            assert_eq!(
                control.allows(who, groups, rwx(bits)),
                expected.contains(letter),
                "{acl} {who} {groups:?} {bits}"
            );
        }
        assert!(control.allows(who, groups, rwx(expected)), "{acl} {who}");
    }
}

#[test]
fn ids_compare_without_regard_to_case() {
    let id = "ABCDEF00-0000-0000-0000-000000000000";
    let control = control(&format!("user::rwx,group::---,other::---,user:{id}:r--"));
    assert!(control.allows(&id.to_lowercase(), &[], Rwx::READ));
    assert!(control.allows(id, &[], Rwx::READ));
}

#[test]
fn a_child_takes_the_default_acl_and_no_umask() {
    let parent = control(&format!(
        "user::rwx,group::r-x,other::---,default:user::rwx,default:user:{ALICE}:rwx,\
         default:group::r-x,default:other::r-x"
    ));
    let new = NewAccess::by(ALICE);
    let directory = new.make(&parent, true).unwrap();
    assert_eq!(directory.default, parent.default);
    assert_eq!(Some(&directory.access), parent.default.as_ref());
    assert_eq!((directory.owner.as_str(), directory.group.as_str()), (ALICE, GROUP));
    let file = new.make(&parent, false).unwrap();
    assert_eq!(
        file.to_string(),
        format!("user::rw-,user:{ALICE}:rwx,group::r-x,mask::rw-,other::r--")
    );
}

#[test]
fn modify_keeps_what_it_does_not_name_and_computes_the_mask_anew() {
    let before = control(&format!("user::rwx,group::r--,other::---,user:{ALICE}:r--"));
    let apply = |mode: &str, acl: &str| {
        AclMode::parse(mode, acl).unwrap().unwrap().apply(&before, true).unwrap().to_string()
    };
    assert_eq!(
        apply("modify", &format!("group:{STAFF}:-wx,user::r-x")),
        format!("user::r-x,user:{ALICE}:r--,group::r--,group:{STAFF}:-wx,mask::rwx,other::---")
    );
    assert_eq!(
        apply("modify", &format!("user:{ALICE}:rwx,mask::r--")),
        format!("user::rwx,user:{ALICE}:rwx,group::r--,mask::r--,other::---")
    );
    assert_eq!(
        apply("modify", "default:other::r--"),
        format!(
            "user::rwx,user:{ALICE}:r--,group::r--,mask::r--,other::---,default:user::rwx,\
             default:group::r--,default:other::r--"
        )
    );
    assert_eq!(
        apply("remove", &format!("mask,user:{ALICE},group:{STAFF}:,default:user")),
        "user::rwx,group::r--,other::---"
    );
}

#[test]
fn the_classes_that_every_acl_has_cannot_be_removed() {
    let before = AccessControl::of_superuser(true);
    for text in ["user", "group:", "other::"] {
        let mode = AclMode::parse("remove", text).unwrap().unwrap();
        assert_eq!(code(mode.apply(&before, true)), Code::InvalidAccessControlList, "{text}");
    }
    assert!(AclMode::parse("remove", "user:x:rwx").unwrap().is_err());
    assert!(AclMode::parse("replace", "user:x:rwx").is_none());
}

#[test]
fn permissions_change_the_mask_where_there_is_one() {
    let mut control = control(&format!("user::rwx,group::r-x,other::---,user:{ALICE}:rwx"));
    control.set_permissions(Permissions::parse("1740").unwrap());
    assert_eq!(
        control.to_string(),
        format!("user::rwx,user:{ALICE}:rwx,group::r-x,mask::r--,other::---")
    );
    assert_eq!(control.permissions(), "rwxr----T+");
}
