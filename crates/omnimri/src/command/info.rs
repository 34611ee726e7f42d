//! `omnimri info`

use std::process::ExitCode;

use omnimri_image::{
    FrameData, Info as FileInfo, Input, InputKind, KSpaceOptions, OpenOptions, RawHeader, Zyx,
    detect, open, open_raw,
};
use omnimri_workflow::Engine;

use crate::cli::Info;
use crate::output;

/// Name of the embedded model.
const EMBEDDED: &str = "nano";

/// Says what a file, a folder or a checkpoint is.
pub fn run(args: &Info) -> anyhow::Result<ExitCode> {
    if args.path.join("config.json").is_file() {
        model(&Engine::from_dir(&args.path)?, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.path.as_os_str() == EMBEDDED && !args.path.exists() {
        model(&Engine::embedded()?, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let kspace = KSpaceOptions {
        axes: args.axes.clone(),
        mask: None,
    };
    let options = OpenOptions {
        kspace,
        ..OpenOptions::default()
    };
    if detect(&args.path)? == InputKind::KSpace {
        let raw = open_raw(&args.path, &options)?;
        // A whole slice can be looked at; of a scan the header says what there is.
        let slice = raw.len() == 1 && matches!(raw.frame(0)?.data, FrameData::Cartesian(_));
        if !slice {
            return header(&raw.header, args.json);
        }
    }
    let infos: Vec<FileInfo> = match open(&args.path, &options)? {
        Input::KSpace(k) => vec![FileInfo::from_kspace(&args.path, &k)],
        Input::Volumes(v) => v
            .iter()
            .map(|v| FileInfo::from_volume(&args.path, v))
            .collect(),
    };
    match (args.json, infos.as_slice()) {
        (true, [one]) => output::json(one)?,
        (true, all) => output::json(&all)?,
        (false, all) => {
            let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
            output::line(texts.join("\n").trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn header(h: &RawHeader, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        let zyx = |s: Zyx<usize>| [s.z, s.y, s.x];
        output::json(&serde_json::json!({
            "path": h.path.display().to_string(), "kind": "kspace", "format": h.format, "n_coils": h.n_coils,
            "encoded": zyx(h.encoded), "recon": zyx(h.recon), "frames": h.frames.len(),
            "noise_samples": h.noise.as_ref().map(|n| n.n_samples), "warnings": h.warnings,
        }))?;
    } else {
        output::line(h.to_string().trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn model(engine: &Engine, json: bool) -> anyhow::Result<()> {
    let p = engine.predictor();
    let c = p.config();
    if json {
        return output::json(&serde_json::json!({
            "kind": "model", "name": p.name(), "version": p.version(), "sha256": p.sha256(),
            "licences": c.licences, "history": c.history, "model": c.model,
        }));
    }
    output::line(format_args!(
        "model {} (version {}, sha256 {})",
        p.name(),
        p.version(),
        p.sha256()
    ))?;
    output::line("trained on:")?;
    for (name, licence) in &c.licences {
        output::line(format_args!("  {name}: {licence}"))?;
    }
    for line in &c.history {
        output::line(line)?;
    }
    output::line("Not a medical device; for research only.")
}
