//! Taking a part of an archive, under other names, with its owners.

use std::os::unix::fs::MetadataExt;

use cap_std::{ambient_authority, fs::Dir};
use s2i_core::archive::{Entry, Limits, Selection, UnpackError, Unpacked, unpack_selected};

use crate::{
    raw::{Block, dir, file, hard_link, link, padded, tar},
    sandbox::{Sandbox, outcome},
};

fn unpack(
    sandbox: &Sandbox,
    archive: &[u8],
    strip: usize,
    mut wants: impl FnMut(&Entry) -> bool,
) -> Result<Unpacked, UnpackError> {
    let jail = Dir::open_ambient_dir(sandbox.jail(), ambient_authority()).unwrap();
    let selection = Selection {
        wants: &mut wants,
        strip,
        keeps_owners: false,
    };
    unpack_selected(&mut &*archive, &jail, &Limits::default(), selection)
}

#[track_caller]
fn check(parts: &[Vec<u8>], strip: usize, leaves_out: &str, expected: &str) {
    let sandbox = Sandbox::new();
    let wants = |entry: &Entry| entry.name != leaves_out.as_bytes();
    let result = unpack(&sandbox, &tar(parts), strip, wants);
    assert_eq!(outcome(&sandbox, &result), expected);
    sandbox.assert_untouched();
}

#[test]
fn what_is_declined_is_read_over() {
    let hostile = [
        file("../outside/secret", "x"),
        file("/outside/secret", "x"),
        file("a\\b", "x"),
        file("", "x"),
        hard_link("../x", "a"),
        link("../y", "/"),
    ];
    for bad in hostile {
        let sandbox = Sandbox::new();
        let archive = tar(&[bad.clone(), file("ok", "1")]);
        let result = unpack(&sandbox, &archive, 0, |entry| entry.name == b"ok");
        assert_eq!(outcome(&sandbox, &result), "ok=1", "{bad:?}");
        let sandbox = Sandbox::new();
        let result = unpack(&sandbox, &archive, 0, |_| true);
        assert!(result.is_err_and(|err| err.is_refusal()), "{bad:?}");
        sandbox.assert_untouched();
    }
}

#[test]
fn leading_components_go() {
    let parts = [
        dir("a/"),
        file("a/b", "1"),
        dir("a/c/"),
        file("a/c/d", "2"),
        hard_link("a/c/e", "a/c/d"),
        file("x", "3"),
    ];
    check(&parts, 1, "", "b=1, c/, c/d=2, c/e=2");
    check(&parts, 2, "", "d=2, e=2");
    check(&parts, 3, "", "");
    check(&parts, 1, "a/b", "c/, c/d=2, c/e=2");
}

#[test]
fn nothing_leads_out_with_fewer_components() {
    let climb = [file("a/../../outside/secret", "x")];
    check(
        &climb,
        2,
        "",
        "the archive's entry `a/../../outside/secret` climbs with `..`",
    );
    let absolute = [file("/a/b", "x")];
    check(
        &absolute,
        1,
        "",
        "the archive's entry `/a/b` has an absolute name",
    );
    let above = [file("a/b", "1"), hard_link("a/c", "b")];
    check(
        &above,
        1,
        "",
        "the archive's entry `a/c` is a hard link to `b`, which is no regular file",
    );
    let below_link = [link("a/l", "../outside"), file("a/l/secret", "x")];
    check(
        &below_link,
        1,
        "",
        "the archive's entry `a/l/secret` lies below `l`, which is a symbolic link",
    );
}

#[test]
fn owners_are_kept_for_root_alone_and_on_request() {
    let owned = |name: &str| {
        let mut block = Block::new(b'0', name.as_bytes(), 1);
        block.put(108, b"0002322\0").put(116, b"0004451\0");
        [block.done(), padded(b"1")].concat()
    };
    let mut directory = Block::new(b'5', b"d/", 0);
    directory.put(108, b"0002322\0").put(116, b"0004451\0");
    let archive = tar(&[owned("f"), directory.done(), owned("d/g")]);
    let sandbox = Sandbox::new();
    let own = sandbox.jail().metadata().unwrap();
    for (keeps_owners, expected) in [(false, (own.uid(), own.gid())), (true, (1234, 2345))] {
        let sandbox = Sandbox::new();
        let jail = Dir::open_ambient_dir(sandbox.jail(), ambient_authority()).unwrap();
        let selection = Selection {
            wants: &mut |_| true,
            strip: 0,
            keeps_owners,
        };
        let result = unpack_selected(&mut &*archive, &jail, &Limits::default(), selection);
        if keeps_owners && own.uid() != 0 {
            assert!(
                matches!(result, Err(UnpackError::Write { .. })),
                "{result:?}"
            );
            continue;
        }
        result.unwrap();
        for name in ["f", "d", "d/g"] {
            let meta = sandbox.jail().join(name).metadata().unwrap();
            assert_eq!((meta.uid(), meta.gid()), expected, "{name}");
        }
    }
}
