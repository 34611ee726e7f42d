//! `omnimri demo`

use std::process::ExitCode;
use std::time::Instant;

use omnimri_workflow::demo;

use crate::cli::Demo;
use crate::output;

/// Runs the demo and says what it does.
pub fn run(args: &Demo) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let engine = super::engine(&args.model)?;
    let done = demo::run(&engine, &args.out, args.seed, |step| {
        eprintln!("[{:5.1} s] {step}", started.elapsed().as_secs_f64());
    })?;
    output::line(&done.description)?;
    output::line(format_args!(
        "\nReconstruction ({:.1}-fold undersampled), error against the simulated truth:",
        done.acceleration
    ))?;
    for r in &done.reconstructions {
        output::line(format_args!(
            "  {:<12} NRMSE {:.3}   {:.2} s",
            r.method, r.nrmse, r.seconds
        ))?;
    }
    output::line("\nDiagnosis, alternatives:")?;
    for d in &done.result.diagnosis {
        output::line(format_args!("  {:<18} {:.2}", d.label, d.probability))?;
    }
    output::line(format_args!(
        "\nOutlined lesion against the simulated one: Dice {:.3}",
        done.lesion_dice
    ))?;
    let facts = &done.result.report.facts;
    output::line("\nReport:")?;
    for (title, text) in &done.result.report.sections.0 {
        output::line(format_args!("  {title}: {text}"))?;
    }
    let verified = facts.iter().filter(|f| f.verified).count();
    output::line(format_args!(
        "\n{verified} of {} statements verified against masks, geometry, header and class heads.",
        facts.len()
    ))?;
    output::line(format_args!(
        "Open {}",
        done.folder.join("report.html").display()
    ))?;
    output::line(format_args!(
        "{:.1} s in all. Not a medical device; for research only.",
        started.elapsed().as_secs_f64()
    ))?;
    Ok(ExitCode::SUCCESS)
}
