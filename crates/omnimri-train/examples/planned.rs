//! A plan beside what the run takes: `planned CONFIG STEPS`. Pin it to one core (`taskset -c 1`) to compare: the seconds of the run are
//! those of the processor, so that others on the machine do not count. Reads /proc, so Linux only.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use omnimri_train::{TrainConfig, plan, train_until};

type Failure = Box<dyn std::error::Error>;

/// Seconds of this process on the processor, all threads together.
fn processor() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|t| t.parse::<u64>().ok())
        .sum();
    // Linux counts a hundred a second on every architecture that matters here.
    Ok(ticks as f64 / 100.0)
}

/// A line of /proc/self/status in bytes.
fn memory(name: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|l| l.starts_with(name));
    let kilobytes = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok());
    Ok(1024.0 * kilobytes.ok_or("no such line")?)
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, steps] = arguments.as_slice() else {
        return Err("usage: planned CONFIG STEPS".into());
    };
    let mut out = std::io::stdout();
    let mut config = TrainConfig::read(Path::new(path))?;
    let at = Instant::now();
    let planned = plan::plan(&config)?;
    writeln!(
        out,
        "{planned}\nplanned in {:.1} s",
        at.elapsed().as_secs_f64()
    )?;
    // One step reads the examples and warms up; the others are measured.
    config.steps = steps.parse::<u64>()? + 1;
    train_until(&config, false, 1)?;
    let (before, at) = (processor()?, Instant::now());
    let summary = train_until(&config, true, u64::MAX)?;
    let n = (summary.steps - 1) as f64;
    writeln!(
        out,
        "measured, {n} steps: {:.3} s of the processor and {:.3} s of the clock a step (reading the examples again is in both), peak {:.3} GB",
        (processor()? - before) / n,
        at.elapsed().as_secs_f64() / n,
        memory("VmHWM:")? / 1e9
    )?;
    Ok(())
}
