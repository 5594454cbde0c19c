//! Names of images.

use s2i_core::ImageRef;

/// A name is shown as it was typed, its full form is its own full form, and neither has anything in it
/// that a terminal, a path or a URL would take for something else.
pub(crate) fn check(input: &[u8]) {
    let Ok(typed) = str::from_utf8(input) else {
        return;
    };
    let Ok(image) = typed.parse::<ImageRef>() else {
        return;
    };
    assert_eq!(image.to_string(), typed);
    assert!(typed.starts_with(&image.name()));
    let full = image.normalised();
    let again: ImageRef = full.parse().expect("the full form is a name");
    assert_eq!(again.normalised(), full);
    assert_eq!(again.digest(), image.digest());
    assert!(again.registry().is_some());
    assert!(again.tag().is_some() || again.digest().is_some());
    assert!(full.len() <= typed.len() + "docker.io/library/:latest".len());
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || b"-_.:/@".contains(&c);
    assert!(full.bytes().all(is_plain), "{full}");
    let parts = |text: &str| text.split('/').all(|part| !matches!(part, "" | "." | ".."));
    assert!(parts(&full), "{full}");
    let json = serde_json::to_string(&image).expect("a text");
    assert_eq!(
        serde_json::from_str::<ImageRef>(&json).expect("a name"),
        image
    );
}
