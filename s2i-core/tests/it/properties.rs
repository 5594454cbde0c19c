//! Properties of the small grammars.

use std::str::FromStr;

use proptest::{collection::vec, option, prelude::*};
use s2i_core::{
    ContainerPath, EnvVar, ImageRef,
    environment::{merge, parse_file},
    mapping::{Mapping, MappingList},
};

fn image() -> impl Strategy<Value = String> {
    let registry = "(localhost|[a-z0-9]{1,4}\\.[a-z]{2,3})(:[0-9]{1,5})?/";
    // A first component with a dot in it would be a registry.
    let repository =
        "[a-z0-9]{1,4}((_|__|-{1,3})[a-z0-9]{1,3}){0,2}(/[a-z0-9]{1,4}(\\.[a-z0-9]{1,3})?){0,2}";
    let (tag, digest) = (":[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", "@sha256:[0-9a-f]{64}");
    (
        option::of(registry),
        repository,
        option::of(tag),
        option::of(digest),
    )
        .prop_map(|(registry, repository, tag, digest)| {
            [
                registry.unwrap_or_default(),
                repository,
                tag.unwrap_or_default(),
                digest.unwrap_or_default(),
            ]
            .concat()
        })
}

fn variables() -> impl Strategy<Value = Vec<EnvVar>> {
    vec(("[A-C]{1,2}", "[a-z= ]{0,6}"), 0..6).prop_map(|list| {
        list.iter()
            .map(|(name, value)| EnvVar::new(name, value).unwrap())
            .collect()
    })
}

/// The value that a list gives a name in the end.
fn last<'a>(list: &'a [EnvVar], name: &str) -> Option<&'a str> {
    list.iter()
        .rev()
        .find(|variable| variable.name() == name)
        .map(EnvVar::value)
}

#[test]
fn the_longest_name_has_a_full_form() {
    for (prefix, most) in [
        ("", 247),
        ("a/", 253),
        ("example.org/", 255),
        ("docker.io/", 247),
    ] {
        let name = |length| format!("{prefix}{}", "n".repeat(length));
        let longest = ImageRef::from_str(&name(most)).unwrap();
        assert!(ImageRef::from_str(&longest.normalised()).is_ok());
        assert!(ImageRef::from_str(&name(most + 1)).is_err(), "{prefix}");
    }
}

proptest! {
    #[test]
    fn an_image_is_shown_as_it_was_typed(typed in image()) {
        let image = ImageRef::from_str(&typed).unwrap();
        prop_assert_eq!(image.to_string(), &typed[..]);
        prop_assert_eq!(&ImageRef::from_str(&image.to_string()).unwrap(), &image);
        prop_assert!(typed.starts_with(&image.name()));
    }

    #[test]
    fn the_full_form_of_an_image_is_its_own_full_form(typed in image()) {
        let image = ImageRef::from_str(&typed).unwrap();
        let full = ImageRef::from_str(&image.normalised()).unwrap();
        prop_assert_eq!(full.normalised(), image.normalised());
        prop_assert_eq!(full.digest(), image.digest());
        prop_assert!(full.registry().is_some());
    }

    #[test]
    fn no_text_breaks_the_parser_of_images(typed in "[a-zA-Z0-9:/@._ -]{0,20}|\\PC{0,12}") {
        if let Ok(image) = ImageRef::from_str(&typed) {
            prop_assert_eq!(image.to_string(), typed);
            prop_assert!(ImageRef::from_str(&image.normalised()).is_ok(), "{}", image.normalised());
        }
    }

    #[test]
    fn a_mapping_is_shown_as_it_is_read(text in "[a-c/.:;]{0,20}") {
        let Ok(list) = MappingList::from_str(&text) else { return Ok(()) };
        for mapping in &list.0 {
            prop_assert_eq!(&Mapping::from_str(&mapping.to_string()).unwrap(), mapping);
        }
        let joined: Vec<_> = list.0.iter().map(ToString::to_string).collect();
        prop_assert_eq!(MappingList::from_str(&joined.join(";")).unwrap(), list);
    }

    #[test]
    fn an_artifact_stays_where_it_belongs(text in "[a/.]{0,10}:[a/.]{0,10}") {
        let mapping = Mapping::from_str(&text).unwrap();
        if mapping.check_artifact().is_ok() {
            prop_assert!(ContainerPath::from_str(&mapping.source).is_ok());
            let work: ContainerPath = "/work".parse().unwrap();
            prop_assert!(work.contains(&work.join(&mapping.destination).unwrap()));
        }
    }

    #[test]
    fn a_path_stays_normalised(base in "/[a-c/.]{0,12}", relative in "[a-c/.]{0,12}") {
        let Ok(base) = ContainerPath::from_str(&base) else { return Ok(()) };
        let Ok(joined) = base.join(&relative) else { return Ok(()) };
        let text = joined.as_str();
        prop_assert!(text.starts_with('/') && (text == "/" || !text.ends_with('/')));
        prop_assert!(text[1..].is_empty() || text[1..].split('/').all(|part| !matches!(part, "" | "." | "..")));
        prop_assert_eq!(&ContainerPath::from_str(text).unwrap(), &joined);
        prop_assert!(relative.starts_with('/') || base.contains(&joined));
        prop_assert!(ContainerPath::root().contains(&joined));
        prop_assert_eq!(&ContainerPath::root().join(joined.relative()).unwrap(), &joined);
    }

    #[test]
    fn containing_is_an_order(a in "(/[ab]{1,2}){0,3}", b in "(/[ab]{1,2}){0,3}", c in "(/[ab]{1,2}){0,3}") {
        let [a, b, c] = [a, b, c].map(|text| ContainerPath::from_str(&format!("/{text}")).unwrap());
        prop_assert!(a.contains(&a));
        prop_assert!(!(a.contains(&b) && b.contains(&a)) || a == b);
        prop_assert!(!(a.contains(&b) && b.contains(&c)) || a.contains(&c));
    }

    #[test]
    fn a_file_of_entries_gives_the_variables_back(list in variables()) {
        let entries: Vec<_> = list.iter().map(EnvVar::to_entry).collect();
        let text = entries.join("\n");
        let (read, diagnostics) = parse_file("f", &text);
        prop_assert_eq!(diagnostics, []);
        let trimmed = list.iter().map(|variable| EnvVar::new(variable.name(), variable.value().trim()).unwrap());
        prop_assert_eq!(read, trimmed.collect::<Vec<_>>());
    }

    #[test]
    fn every_line_of_a_file_is_a_variable_a_comment_or_reported(text in "([A-C=# /]{0,5}\n){0,6}|\\PC{0,20}") {
        let (read, diagnostics) = parse_file("f", &text);
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !(line.is_empty() || line.starts_with('#') || line.starts_with("//")));
        prop_assert_eq!(read.len() + diagnostics.len(), lines.count());
    }

    #[test]
    fn merging_keeps_the_last_value_of_each_name_once(a in variables(), b in variables()) {
        let merged = merge([&a[..], &b[..]]);
        let all = [a, b].concat();
        for variable in &all {
            let kept: Vec<_> = merged.iter().filter(|kept| kept.name() == variable.name()).collect();
            prop_assert_eq!(kept.len(), 1);
            prop_assert_eq!(Some(kept[0].value()), last(&all, variable.name()));
        }
        prop_assert!(merged.iter().all(|kept| all.contains(kept)));
        prop_assert_eq!(&merge([&merged[..], &merged[..]]), &merged);
    }
}
