//! `omnimri bids`

use std::process::ExitCode;

use omnimri_report::bids::{bids_inputs, write_bids_description};
use omnimri_workflow::ReadOptions;

use crate::cli::{Bids, BidsLevel};
use crate::output;

/// Reads the anatomical images of a BIDS dataset one after the other; 1 if some failed.
pub fn run(args: &Bids) -> anyhow::Result<ExitCode> {
    let BidsLevel::Participant = args.level;
    let inputs = bids_inputs(&args.dataset, &args.participant_label)?;
    write_bids_description(&args.out, Some(&args.dataset))?;
    let engine = super::engine(&args.model)?;
    let options = ReadOptions::default();
    let bar = super::counter(inputs.len());
    let mut failed = 0;
    for input in &inputs {
        let result = engine.read_bids(input, &args.out, &options);
        bar.inc(1);
        bar.suspend(|| match result {
            Ok(_) => eprintln!("{}: {}", input.relative, input.name.stem()),
            Err(error) => {
                failed += 1;
                output::problem(error);
            }
        });
    }
    bar.finish_and_clear();
    eprintln!(
        "{} of {} images read into {}. Not a medical device.",
        inputs.len() - failed,
        inputs.len(),
        args.out.display(),
    );
    Ok(if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
