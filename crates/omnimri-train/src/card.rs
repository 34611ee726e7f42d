//! The model card: written by the program, so that it says what was done and nothing else.

use std::fmt::Write;

use omnimri_model::CheckpointConfig;

/// The card of a checkpoint as Markdown with the YAML header that model hubs read.
pub fn model_card(c: &CheckpointConfig) -> String {
    let mut s = String::new();
    let share_alike = c.licences.values().any(|l| l.contains("SA"));
    let licence = if share_alike {
        "cc-by-sa-4.0"
    } else {
        "apache-2.0"
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        s,
        "---\nlicense: {licence}\nlibrary_name: omnimri\npipeline_tag: image-text-to-text\ntags: [mri, segmentation, reconstruction]\n---\n"
    );
    let _ = writeln!(s, "# OmniMRI {}\n", c.model.name);
    let _ = writeln!(
        s,
        "One model for MR reconstruction, segmentation, detection, diagnostic suggestion and reports, trained from random\nweights by `omnimri train` (version {}). **Not a medical device; for research only.**\n",
        c.version
    );
    let _ = writeln!(s, "## Trained on\n\n| dataset | licence |\n| --- | --- |");
    for (name, licence) in &c.licences {
        let _ = writeln!(s, "| {name} | {licence} |");
    }
    if c.licences.contains_key("spine_lumbar") {
        let _ = writeln!(
            s,
            "\nThe licence text of the original of `spine_lumbar` (MyoSegmenTUM) was not seen; see the data card."
        );
    }
    let _ = writeln!(
        s,
        "\nOnly the train split of each set was used.\n\n## Stages\n"
    );
    for line in &c.history {
        let _ = writeln!(s, "- {line}");
    }
    let _ = writeln!(
        s,
        "\n## Limits\n\nKnows only the classes in its vocabulary (glioma, meningioma, pituitary tumour; hippocampus; left ventricle cavity;\nlumbar vertebral bodies; multiple sclerosis lesions) and the few datasets above. Slices without tumour come from other\nscanners than slices with one, so \"no tumour\" may rest on style. Figures: `docs/results.md`."
    );
    s
}
