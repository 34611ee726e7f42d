//! What the catalogue promises as a whole, and what its entries may say of one another.

use std::collections::BTreeSet;

use omnimri_corpus::catalogue::{Kind, Use, Verified};
use omnimri_corpus::{CatalogueEntry, catalogue, find};

fn count(wanted: impl Fn(&&CatalogueEntry) -> bool) -> usize {
    catalogue().iter().filter(wanted).count()
}

#[test]
fn it_is_as_large_and_as_wide_as_promised() {
    let readable = |e: &&CatalogueEntry| e.adapter.is_some();
    assert!(count(readable) >= 62, "{} readable", count(readable));
    assert!(count(|e| e.kind == Kind::Paired) >= 8);
    assert!(count(|e| e.kind == Kind::Instruction) >= 5);
    assert!(count(|e| e.kspace && e.adapter.is_some()) >= 6);
    let anatomies: BTreeSet<_> = catalogue().iter().flat_map(|e| &e.anatomy).collect();
    assert!(anatomies.len() >= 8, "{anatomies:?}");
}

#[test]
fn names_of_other_entries_exist() {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    for e in catalogue() {
        for name in &e.images_from {
            let other = find(name).unwrap_or_else(|_| panic!("{}: images_from {name}", e.name));
            assert!(
                other.images_from.is_empty(),
                "{}: {name} is itself a copy: name what it copies",
                e.name
            );
        }
        // Lower-case words are names of this catalogue, anything else is a collection outside it.
        for name in e.overlaps_with.iter().filter(|n| n.chars().all(plain)) {
            assert!(find(name).is_ok(), "{}: overlaps_with {name}", e.name);
        }
        assert!(e.overlaps().all(|name| name != e.name), "{}", e.name);
    }
}

#[test]
fn what_is_called_verified_was_read() {
    for e in catalogue() {
        let c = &e.counts;
        let counted = c.subjects.or(c.volumes).or(c.images).is_some();
        if e.verified == Verified::Yes {
            assert!(e.licence.read && counted, "{}", e.name);
        }
        let from_memory = e.layout_from.starts_with("from memory");
        assert!(
            !from_memory || e.verified != Verified::Yes,
            "{}: its layout was not read",
            e.name
        );
        for text in [&e.citation, &e.layout, &e.layout_from, &e.licence.plain] {
            assert!(text.len() > 7, "{}: {text:?} says nothing", e.name);
        }
    }
}

#[test]
fn licences_admit_what_their_names_say() {
    for e in catalogue() {
        let (licence, name) = (&e.licence, e.licence.name.as_str());
        if name.starts_with("CC BY-NC") {
            assert!(licence.admits <= Use::Research, "{}", e.name);
        }
        if name.starts_with("CC0") || name == "CC BY 4.0" {
            assert_eq!(licence.admits, Use::Commercial, "{}", e.name);
        }
        let alike = name.contains("-SA");
        assert!(!alike || licence.share_alike, "{}", e.name);
    }
}

#[test]
fn the_documented_table_is_the_computed_one() {
    let table = omnimri_corpus::totals::catalogue_table().to_string();
    let docs = include_str!("../../../../docs/catalogue.md");
    assert!(
        docs.contains(&table),
        "docs/catalogue.md: put this in its place:\n{table}"
    );
}
