//! `omnimri node`

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use omnimri_serve::node::{Node, NodeConfig};

use crate::cli;

/// Stores, reads and sends until ctrl-c or a request to end.
pub fn run(args: &cli::Node) -> anyhow::Result<ExitCode> {
    let mut config = match &args.config {
        Some(path) => NodeConfig::from_file(path)?,
        None => NodeConfig::default(),
    };
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(aet) = &args.aet {
        config.aet.clone_from(aet);
    }
    // What is wrong with it is said before the weights are loaded.
    config.validate()?;
    let title = config.aet.clone();
    let engine = Arc::new(super::engine(&args.model)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let node = Node::start(config, &args.data, engine)?;
    eprintln!(
        "omnimri: node {title} on {}{}; ctrl-c stops. Not a medical device.",
        node.address(),
        match node.web_address() {
            Some(web) => format!(", DICOMweb on {web}/dicom-web"),
            None => String::new(),
        }
    );
    runtime.block_on(asked_to_stop());
    eprintln!("omnimri: a reading under way is finished first");
    drop(node);
    eprintln!("omnimri: stopped");
    Ok(ExitCode::SUCCESS)
}

/// Done on ctrl-c, or on the signal with which service managers end a program.
async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
