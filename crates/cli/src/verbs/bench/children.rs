//! Measurements that need a process of their own: this program started again.

use crate::args::BenchEmbedArguments;
use crate::bars::Bars;
use crate::exit;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Instant;
use syntopic_library::Device;
use syntopic_library::bench::{self, ColdReport, Configuration, FirstVector, Measured, find_model};
use syntopic_library::models::ModelSources;

/// Starts of `--cold` unless `--repeat` says.
const STARTS: usize = 11;

/// A process that failed: what it said, and its exit code.
pub(super) struct Failed {
    pub(super) why: String,
    pub(super) code: u8,
}

impl Failed {
    fn new(why: impl ToString) -> Self {
        Self {
            why: why.to_string(),
            code: exit::FAILED,
        }
    }

    /// Says it as our own error, and gives the exit code.
    pub(super) fn told(&self, bars: &Bars) -> u8 {
        bars.line(&format!("error: {}", self.why));
        self.code
    }
}

/// One pass over one configuration.
pub(super) fn measure(
    verb: &BenchEmbedArguments,
    configuration: &Configuration,
) -> Result<Measured, Failed> {
    let mut command = command(configuration, verb.on.device).map_err(Failed::new)?;
    command.args(["--json", "--repeat", "1"]);
    if let Some(n) = verb.n {
        command.args(["-n", &n.to_string()]);
    }
    if verb.latency {
        command.arg("--latency");
    }
    if let Some(file) = &verb.file {
        command.arg("--").arg(file);
    }
    let output = command.output().map_err(Failed::new)?;
    if !output.status.success() {
        return Err(failed(&output.stderr, output.status));
    }
    Ok(if verb.latency {
        Measured::Latency(Box::new(read(&output.stdout)?))
    } else {
        Measured::Throughput(Box::new(read(&output.stdout)?))
    })
}

/// Starts processes that make one vector each.
pub(super) fn cold(
    verb: &BenchEmbedArguments,
    bars: &Bars,
) -> anyhow::Result<Result<ColdReport, Failed>> {
    let configuration = Configuration {
        model: verb.model.first().cloned(),
        mode: verb
            .mode
            .first()
            .cloned()
            .unwrap_or_else(|| String::from("auto")),
        threads: verb.threads.first().copied(),
        batch_tokens: verb.batch_tokens.first().copied(),
    };
    let sources = ModelSources::from_env();
    find_model(configuration.model.as_deref(), &sources, &mut |event| {
        bars.show(event)
    })?;
    bars.clear();
    let starts = verb.repeat.unwrap_or(STARTS);
    bars.remark(&format!(
        "starting {} processes, the first to warm up …",
        starts + 1
    ));
    Ok(bench::cold(starts, &mut || {
        start(&configuration, verb.on.device)
    }))
}

/// Milliseconds from the start of a process to its first vector, and what it says.
fn start(configuration: &Configuration, device: Device) -> Result<(f64, FirstVector), Failed> {
    let mut command = command(configuration, device).map_err(Failed::new)?;
    command
        .arg("--first-vector")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn().map_err(Failed::new)?;
    let (mut line, mut said) = (Vec::new(), Vec::new());
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout)
            .read_until(b'\n', &mut line)
            .map_err(Failed::new)?;
    }
    let ms = start.elapsed().as_secs_f64() * 1e3;
    // Quiet as it is, it says no more than fits a pipe.
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_end(&mut said).map_err(Failed::new)?;
    }
    let status = child.wait().map_err(Failed::new)?;
    if !status.success() {
        return Err(failed(&said, status));
    }
    Ok((ms, read(&line)?))
}

/// This program, asked to run one configuration on a device.
fn command(configuration: &Configuration, device: Device) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "embed", "--quiet", "--mode", &configuration.mode]);
    command.args(["--device", &device.to_string()]);
    if let Some(model) = &configuration.model {
        command.args(["--model", model]);
    }
    if let Some(threads) = configuration.threads {
        let threads = threads.to_string();
        command.args(["--threads", &threads]);
        // Candle has a pool of its own for some of its work, and counts on rayon's for the rest.
        command.env("CANDLE_NUM_THREADS", &threads);
        command.env("RAYON_NUM_THREADS", &threads);
    }
    if let Some(tokens) = configuration.batch_tokens {
        command.args(["--batch-tokens", &tokens.to_string()]);
    }
    command.stdin(Stdio::null());
    Ok(command)
}

fn failed(stderr: &[u8], status: std::process::ExitStatus) -> Failed {
    let text = String::from_utf8_lossy(stderr);
    let text = text.trim();
    let why = match text.strip_prefix("error: ").unwrap_or(text) {
        "" => status.to_string(),
        why => why.to_owned(),
    };
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Failed {
        why,
        code: code.unwrap_or(exit::FAILED),
    }
}

fn read<R: DeserializeOwned>(json: &[u8]) -> Result<R, Failed> {
    serde_json::from_slice(json)
        .map_err(|error| Failed::new(format!("a process of this program gave no report: {error}")))
}
