//! Writes PAX headers.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    Entry,
    pax::XATTR,
    write::{FIELD, MAX_ID, MAX_LARGE},
};

/// The text of a PAX header with the values that a POSIX header has no room for; empty if it has room for all.
pub(super) fn text(entry: &Entry) -> Vec<u8> {
    let mut text = Vec::new();
    for (key, value) in records(entry) {
        let rest = key.len() + value.len() + b" =\n".len();
        let guess = rest + rest.to_string().len();
        // One digit more can make it one digit more.
        let length = rest + guess.to_string().len();
        text.extend(format!("{length} ").into_bytes());
        text.extend([&key, &b"="[..], &value, b"\n"].concat());
    }
    text
}

fn records(entry: &Entry) -> BTreeMap<Cow<'static, [u8]>, Cow<'_, [u8]>> {
    let number = |number: i128| Cow::Owned(number.to_string().into_bytes());
    let mut records = BTreeMap::new();
    let mut add = |is_needed, key: &'static str, value| {
        if is_needed {
            records.insert(Cow::Borrowed(key.as_bytes()), value);
        }
    };
    let (name, target) = (&entry.name[..], &entry.target[..]);
    add(name.len() > FIELD, "path", name.into());
    add(target.len() > FIELD, "linkpath", target.into());
    add(entry.uid > MAX_ID, "uid", number(entry.uid.into()));
    add(entry.gid > MAX_ID, "gid", number(entry.gid.into()));
    add(entry.size > MAX_LARGE, "size", number(entry.size.into()));
    let seconds = entry.mtime.seconds;
    let is_late = u64::try_from(seconds).map_or(true, |seconds| seconds > MAX_LARGE);
    add(is_late, "mtime", number(seconds.into()));
    for (name, value) in &entry.xattrs {
        records.insert([XATTR, name].concat().into(), value.into());
    }
    records
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Kind, Time, pax::Pax},
        *,
    };

    #[test]
    fn records_count_themselves() {
        for length in (0..120).chain(970..1010).chain(9970..10010) {
            let value = vec![b'v'; length];
            let entry = Entry {
                xattrs: vec![(b"user.a".to_vec(), value.clone())],
                ..Entry::new(Kind::File, *b"a")
            };
            let pax = Pax::parse(&text(&entry), |_| true).unwrap();
            assert_eq!(pax.xattrs[&b"user.a"[..]], value);
        }
    }

    #[test]
    fn only_what_the_header_has_no_room_for_has_a_record() {
        let name = [b'n'; FIELD];
        let entry = Entry {
            target: name.to_vec(),
            mtime: Time::whole(MAX_LARGE.cast_signed()),
            size: MAX_LARGE,
            uid: MAX_ID,
            gid: MAX_ID,
            ..Entry::new(Kind::File, name)
        };
        assert_eq!(text(&entry), b"");
        let name = [b'n'; FIELD + 1];
        let entry = Entry {
            target: name.to_vec(),
            mtime: Time::whole(-1),
            size: MAX_LARGE + 1,
            uid: MAX_ID + 1,
            gid: u32::MAX - 1,
            ..Entry::new(Kind::File, name)
        };
        let long = "n".repeat(FIELD + 1);
        let expected = format!(
            "18 gid=4294967294\n115 linkpath={long}\n12 mtime=-1\n111 path={long}\n\
             19 size=8589934592\n15 uid=2097152\n"
        );
        assert_eq!(String::from_utf8(text(&entry)).unwrap(), expected);
    }
}
