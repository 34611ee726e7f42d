//! A plan says what the model is and what a batch asks of it. No time is held against anything.

use omnimri_model::ModelConfig;
use omnimri_train::config::{Kind, Part};
use omnimri_train::plan::plan;

use crate::{config, ingredient, turn};

#[test]
fn a_plan_counts_parts_and_kinds() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), 10);
    config.mixture = vec![
        ingredient(Kind::Dense, 3.0),
        ingredient(Kind::Reconstruct, 1.0),
    ];
    config.learn.push(Part::Unrolled);
    let planned = plan(&config).unwrap();
    let of = |part: Part| planned.parts.iter().find(|p| p.part == part).unwrap();
    assert_eq!(
        planned.parameters,
        planned.parts.iter().map(|p| p.parameters).sum::<u64>()
    );
    let resting = of(Part::Connector).parameters + of(Part::Language).parameters;
    assert_eq!(planned.learning, planned.parameters - resting);
    let [dense, reconstruct] = planned.batches.as_slice() else {
        panic!("{planned:?}");
    };
    assert_eq!((dense.slices, dense.share), (2, 0.75));
    assert_eq!(dense.backward_macs, 2 * dense.forward_macs);
    assert!(dense.seconds.unwrap() > 0.0 && reconstruct.seconds.is_none());
    assert_eq!(planned.kept_bytes, 2 * dense.kept_bytes);
    // A frozen encoder is only run forward.
    config.mixture.truncate(1);
    config.learn = vec![Part::Dense];
    let frozen = plan(&config).unwrap();
    assert!(frozen.batches[0].backward_macs < 2 * frozen.batches[0].forward_macs);
    assert!(frozen.state_bytes < planned.state_bytes);
    let told = planned.to_string();
    assert!(
        told.contains("time not planned") && told.contains("tiny"),
        "{told}"
    );
    config.model = "huge".into();
    assert!(plan(&config).unwrap_err().to_string().contains("huge"));
    assert!(ModelConfig::preset("large").is_some());
}
