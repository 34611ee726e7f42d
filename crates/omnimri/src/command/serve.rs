//! `omnimri serve`

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use omnimri_serve::{Config, Limits, Server, Tls, Tokens, bind};

use crate::cli::Serve;

/// Answers requests until it is told to stop.
pub fn run(args: &Serve) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let done = runtime.block_on(serve(args));
    // A reader that is still in the middle of a job does not keep the program: the job is in the queue again.
    runtime.shutdown_background();
    done
}

async fn serve(args: &Serve) -> anyhow::Result<ExitCode> {
    let tokens = args.tokens.as_deref().map(Tokens::from_file).transpose()?;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Some(Tls::from_files(cert, key)?),
        _ => None,
    };
    // The address first: a wrong one is refused before the weights are loaded.
    let listener = bind(args.listen, tokens.is_some(), tls.is_some(), args.insecure).await?;
    let defaults = Limits::default();
    let limits = Limits {
        max_file_bytes: args.max_file,
        max_job_bytes: defaults.max_job_bytes.max(args.max_file),
        memory: args.memory,
        readers: args.workers,
        queued: args.queue,
        rate: args.rate,
        grace: Duration::from_secs(args.grace),
        ..defaults
    };
    let config = Config {
        data: args.data.clone(),
        limits,
        tokens,
        keep: args
            .keep
            .map(|days| Duration::from_secs_f64(days * 24.0 * 3600.0)),
        local: args.listen.ip().is_loopback(),
    };
    let engine = Arc::new(super::engine(&args.model)?);
    let model = engine.model_info();
    let server = Server::start(engine, config)?;
    eprintln!(
        "omnimri: listening on {}://{} with model {} ({}), store {}; ctrl-c stops. Not a medical device.",
        if tls.is_some() { "https" } else { "http" },
        listener.local_addr()?,
        model.name,
        model.sha256.get(..12).unwrap_or_default(),
        args.data.display(),
    );
    server.serve(listener, tls, told_to_stop()).await?;
    eprintln!("omnimri: stopped");
    Ok(ExitCode::SUCCESS)
}

/// Done when the user or the system asks to stop.
async fn told_to_stop() {
    let interrupted = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            eprintln!("omnimri: ctrl-c is not heard ({error}); end the process to stop");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => {
                tokio::select! {
                    () = interrupted => {}
                    _ = terminated.recv() => {}
                }
            }
            Err(_) => interrupted.await,
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
}
