//! The `omnimri` command. Results go to stdout or `--out`, progress and messages to stderr.
//! Exit codes: 0 done, 1 some inputs failed (the others are done) or the command failed, 2 usage.

mod cli;
mod command;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

// Large short-lived buffers come and go with every step: this allocator returns them faster than the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    limits_are_errors();
    panics_are_one_line();
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("OMNIMRI_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .init();
    let done = match cli.command {
        Command::Demo(args) => command::demo::run(&args),
        Command::Read(args) => command::read::run(&args),
        Command::Bids(args) => command::bids::run(&args),
        Command::Ask(args) => command::ask::run(&args),
        Command::Recon(args) => command::recon::run(&args),
        Command::Corpus(args) => command::corpus::run(&args),
        Command::Train(args) => command::train::run(&args),
        Command::Plan(args) => command::plan::run(&args),
        Command::Info(args) => command::info::run(&args),
        Command::Eval(args) => command::eval::run(&args),
        Command::Serve(args) => command::serve::run(&args),
        Command::Node(args) => command::node::run(&args),
        Command::Completions { shell } => command::completions(shell),
    };
    match done {
        Ok(code) => code,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// A file that reaches the limit of its size fails to be written, instead of ending the program with half a file behind it.
fn limits_are_errors() {
    #[cfg(unix)]
    #[expect(
        unsafe_code,
        reason = "the standard library has no safe way to ignore a signal"
    )]
    // SAFETY: called first in `main`, before any thread exists; ignoring a signal runs no code of ours.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// A defect is told in one line, as every other message.
fn panics_are_one_line() {
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map(|l| format!(" at {l}"))
            .unwrap_or_default();
        let what = info.payload_as_str().unwrap_or("no message");
        output::problem(format_args!("the program failed{place}: {what}"));
    }));
}
