//! `omnimri serve`

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use omnimri_serve::{Limits, bind, serve};

use crate::cli::Serve;

/// Answers requests until ctrl-c.
pub fn run(args: &Serve) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(async {
        // The address first: a wrong one is refused before the weights are loaded.
        let listener = bind(args.listen).await?;
        let engine = Arc::new(super::engine(&args.model)?);
        let model = engine.model_info();
        eprintln!(
            "omnimri: listening on http://{} with model {} ({}); ctrl-c stops. Not a medical device.",
            listener.local_addr()?,
            model.name,
            model.sha256.get(..12).unwrap_or_default(),
        );
        serve(listener, engine, Limits::default(), interrupted()).await?;
        eprintln!("omnimri: stopped");
        Ok(ExitCode::SUCCESS)
    })
}

/// Done when the user asks to stop.
async fn interrupted() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("omnimri: ctrl-c is not heard ({error}); end the process to stop");
        std::future::pending::<()>().await;
    }
}
