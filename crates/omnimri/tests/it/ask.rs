//! Questions about images, one and many.

use std::path::Path;

use serde_json::Value;

use crate::support::{arg, blank_png, head_nifti, head_png, noise_png, omnimri};

const QUESTION: &str = "Is there a tumour?";

#[test]
fn one_question_has_one_answer_on_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let image = head_png(dir.path(), "head.png");
    let ran = omnimri(["ask", arg(&image), QUESTION]).done();
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
    let json = omnimri(["ask", "--json", arg(&image), QUESTION])
        .done()
        .json();
    assert_eq!(json["answer"].as_str().unwrap(), ran.out.trim_end());
    assert!((0.0..=1.0).contains(&json["probability"].as_f64().unwrap()));
    // A stack of slices is asked in the same way.
    let (volume, _) = head_nifti(dir.path(), "head.nii.gz");
    assert!(
        !omnimri(["ask", arg(&volume), "Which plane is this?"])
            .done()
            .out
            .is_empty()
    );
}

#[test]
fn the_answer_depends_on_the_image() {
    let dir = tempfile::tempdir().unwrap();
    let answer = |image: &Path| omnimri(["ask", arg(image), QUESTION]).done().out;
    let head = answer(&head_png(dir.path(), "head.png"));
    for (name, image) in [
        ("blank", blank_png(dir.path())),
        ("noise", noise_png(dir.path())),
    ] {
        let said = answer(&image);
        assert_ne!(said, head, "{name}");
        assert!(said.contains(name), "the refusal says why: {said}");
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn a_batch_answers_every_question_it_can_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let head = head_png(dir.path(), "head.png");
    let blank = blank_png(dir.path());
    let csv = dir.path().join("questions.csv");
    let long = "why ".repeat(1200);
    let rows = format!(
        "\u{feff}id,image,question\n\
         a,{head},Is there a tumour?\n\
         b,missing.png,Is there a tumour?\n\
         c,blank.png,\"Which plane, axial or coronal?\"\n\
         d,{head},{long}\n\
         e,{head},Which plane is this?\n\
         f,{blank},Which plane is this?\n",
        head = head.display(),
        blank = blank.display(),
    );
    std::fs::write(&csv, rows).unwrap();
    let ran = omnimri(["ask", "--batch", arg(&csv)]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let answers = lines(&ran.out);
    let ids: Vec<&str> = answers.iter().map(|a| a["id"].as_str().unwrap()).collect();
    // A path may be named from the folder of the CSV; the question that is too long fails alone.
    assert_eq!(ids, ["a", "c", "e", "f"]);
    for a in &answers {
        let checked = [
            "agrees",
            "replaced",
            "unchecked",
            "independent",
            "unsure",
            "out_of_scope",
        ];
        assert!(checked.iter().any(|c| a["checked"] == *c), "{a}");
        assert!(
            a["answer"].is_string() && a["probability"].is_number(),
            "{a}"
        );
    }
    assert!(ran.err.contains("missing.png: no such file"), "{}", ran.err);
    assert!(
        ran.err.contains("question d:") && ran.err.contains("shorter"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("2 of 6 questions"), "{}", ran.err);
    assert_eq!(
        answers[1]["answer"], answers[3]["answer"],
        "a blank is refused whatever is asked"
    );
}

#[test]
fn a_batch_without_failures_ends_with_0() {
    let dir = tempfile::tempdir().unwrap();
    blank_png(dir.path());
    let csv = dir.path().join("questions.csv");
    std::fs::write(
        &csv,
        "id, image, question\n1, blank.png, Is there a tumour?\n",
    )
    .unwrap();
    let ran = omnimri(["ask", "--batch", arg(&csv)]).done();
    assert_eq!(lines(&ran.out)[0]["id"], "1");
}

#[test]
fn a_bad_csv_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("questions.csv");
    omnimri(["ask", "--batch", arg(&csv)]).failed(1, &["questions.csv", "id,image,question"]);
    for (text, words) in [
        ("", ["expected CSV columns id,image,question", "found"]),
        (
            "a,b\n1,2\n",
            ["expected CSV columns id,image,question", "found \"a,b\""],
        ),
        (
            "id,image,question\n1,x.png\n",
            ["id,image,question", "line"],
        ),
        (
            "id,image,question\n1,x.png,\u{fffd}\"\n\u{1b}[31m",
            ["questions.csv", "line"],
        ),
    ] {
        std::fs::write(&csv, text).unwrap();
        let ran = omnimri(["ask", "--batch", arg(&csv)]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            words.iter().all(|w| ran.err.contains(w)),
            "{words:?} in {ran:?}"
        );
        assert!(
            ran.err.lines().all(|l| l.starts_with("omnimri: ")),
            "{ran:?}"
        );
    }
}
