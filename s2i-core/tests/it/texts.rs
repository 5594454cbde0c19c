//! Properties of what is shown of a stream of text.

use proptest::{collection::vec, prelude::*};
use s2i_core::text::{Filter, Printable};

/// Bytes as hostile programs write them: introducers, parameters, terminators, parts of characters.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let parts: &[&[u8]] = &[
        b"\x1b",
        b"[",
        b"]",
        b"P",
        b"\\",
        b"\x07",
        b"\xc2\x9b",
        b"\xc2\x9d",
        b"\xc2\x9c",
        b"\x9b",
        b"31;1",
        b"m",
        b"(",
        b"text",
        b"\n",
        b"\r",
        b"\t",
        b"\0",
        b"\x08",
        b"\x18",
        b"\x7f",
        b"\xe2",
        b"\x80",
        b"\xae",
        b"\xe2\x80\xae",
        b"\xc3\xa9",
        b"\xf0\x9f\x98\x80",
        b"\xff",
    ];
    let byte = any::<u8>().prop_map(|byte| vec![byte]);
    let part = prop_oneof![
        4 => proptest::sample::select(parts.to_vec()).prop_map(<[u8]>::to_vec),
        1 => byte,
    ];
    vec(part, 0..40).prop_map(|parts| parts.concat())
}

fn shown<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut filter = Filter::default();
    let pieces = pieces.into_iter();
    let shown: String = pieces.map(|piece| filter.push(piece)).collect();
    shown + &filter.finish()
}

proptest! {
    #[test]
    fn pieces_do_not_matter(stream in stream(), size in 1_usize..5) {
        prop_assert_eq!(shown(stream.chunks(size)), shown([&stream[..]]));
    }

    #[test]
    fn printable_text_is_unchanged(stream in stream()) {
        let once = shown([&stream[..]]);
        prop_assert_eq!(shown([once.as_bytes()]), &once[..]);
        for form in [Printable::lines, Printable::line] {
            let once = form(&once);
            prop_assert_eq!(&form(once.as_str()), &once);
        }
    }

    #[test]
    fn no_control_character_is_shown(stream in stream()) {
        let shown = shown([&stream[..]]);
        let is_bad = |c: char| (c.is_control() && !"\t\n\r".contains(c)) || ('\u{202a}'..='\u{202e}').contains(&c);
        prop_assert!(!shown.contains(is_bad), "{:?}", shown);
        prop_assert!(!Printable::lines(&shown).as_str().contains('\r'));
        prop_assert!(!Printable::line(&shown).as_str().contains(['\r', '\n']));
    }

    #[test]
    fn every_line_end_is_shown(stream in stream()) {
        let count = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count();
        prop_assert_eq!(count(shown([&stream[..]]).as_bytes()), count(&stream));
    }

    #[test]
    fn plain_text_is_shown_as_it_is(text in "[ -~\t\n\réü漢😀]{0,40}") {
        prop_assert_eq!(Filter::strip(&text), text);
    }
}
