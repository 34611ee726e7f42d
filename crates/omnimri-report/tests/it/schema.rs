//! Results against the published schema.

use omnimri_findings::{AnatomyEntry, Label, Side};
use omnimri_image::Zyx;
use omnimri_report::ResultDoc;
use omnimri_report::result::{JSON_SCHEMA, ReconstructionInfo};
use serde_json::{Value, json};

use crate::made_up::{head, result};

fn schema() -> Value {
    serde_json::from_str(JSON_SCHEMA).unwrap()
}

fn errors(instance: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    validator
        .iter_errors(instance)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect()
}

#[test]
fn the_schema_is_a_schema() {
    assert!(jsonschema::meta::is_valid(&schema()));
}

#[test]
fn results_validate_and_survive() {
    for (size, trusted) in [(Zyx::new(1, 61, 53), false), (Zyx::new(7, 53, 61), true)] {
        let (volume, labels) = head(size, trusted);
        let mut doc = result(&volume, &labels);
        doc.anatomy.push(AnatomyEntry {
            label: Label::VertebraL3,
            value: Label::VertebraL3.value(),
            area_px: Some(3),
            volume_ml: None,
            file: "segmentation.png".to_owned(),
        });
        doc.reconstruction = Some(ReconstructionInfo {
            method: "sense".to_owned(),
            acceleration: 4.0,
        });
        let value = serde_json::to_value(&doc).unwrap();
        assert_eq!(errors(&value), Vec::<String>::new());
        assert_eq!(serde_json::from_value::<ResultDoc>(value).unwrap(), doc);
    }
}

#[test]
fn wrong_results_are_refused() {
    let (volume, labels) = head(Zyx::new(1, 61, 53), false);
    let right = serde_json::to_value(result(&volume, &labels)).unwrap();
    let wrong: [(&str, Value); 9] = [
        ("/schema", json!("omnimri.result/2")),
        ("/findings", Value::Null),
        ("/findings/0/probability", Value::Null),
        ("/findings/0/box", json!([1, 2, 3])),
        ("/findings/0/location", json!("up")),
        ("/diagnosis/0/probability", json!(1.5)),
        ("/acquisition/plane/value", json!("oblique")),
        ("/report/sections", json!({ "conclusion": "" })),
        ("/input/sha256", json!("abc")),
    ];
    for (at, value) in wrong {
        let mut doc = right.clone();
        *doc.pointer_mut(at).unwrap() = value;
        assert!(!errors(&doc).is_empty(), "{at}");
    }
    let mut more = right.clone();
    more["surprise"] = json!(1);
    assert!(!errors(&more).is_empty());
    assert!(serde_json::from_value::<ResultDoc>(more).is_err());
}

#[test]
fn the_schema_lists_the_vocabulary() {
    let schema = schema();
    let listed = |at: &str| -> Vec<String> {
        let values = schema.pointer(at).unwrap().as_array().unwrap();
        values
            .iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    };
    let (findings, anatomy): (Vec<Label>, Vec<Label>) =
        Label::ALL.into_iter().partition(|l| l.is_finding());
    let names = |labels: Vec<Label>| -> Vec<String> {
        labels.iter().map(|l| l.name().to_owned()).collect()
    };
    let label = |what: &str| listed(&format!("/properties/{what}/items/properties/label/enum"));
    assert_eq!(label("findings"), names(findings));
    assert_eq!(label("anatomy"), names(anatomy));
    let sides: Vec<String> = Side::ALL.iter().map(|s| s.name().to_owned()).collect();
    assert_eq!(
        listed("/properties/findings/items/properties/location/enum"),
        sides
    );
}
