//! What the measurements ran on: processor, its instructions, load, memory and processor time.

use serde::{Deserialize, Serialize};

/// The machine and the program, as a result must name them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor; absent where the system does not tell.
    pub cpu: Option<String>,
    /// Its instruction sets that matter for embedding, by the names of Rust (and of Linux for AMX, which stable Rust cannot
    /// ask for).
    pub cpu_features: Vec<String>,
    /// Processors that this process may use.
    pub cpus: usize,
    /// Load average of the last minute before the measurement; absent where the system does not tell.
    pub load: Option<f64>,
    /// syntopic's version.
    pub version: String,
    /// `release`, or `debug`, whose figures mean little.
    pub build: String,
}

impl Machine {
    /// This machine, now.
    #[must_use]
    pub fn now() -> Self {
        let build = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        Self {
            cpu: cpu_line("model name"),
            cpu_features: cpu_features(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            load: load(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: build.to_owned(),
        }
    }
}

/// Names of the features given that this CPU has.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! detected {
    ($ask:ident: $($name:tt),*) => {{
        let mut found = Vec::new();
        $(if std::arch::$ask!($name) {
            found.push(String::from($name));
        })*
        found
    }};
}

fn cpu_features() -> Vec<String> {
    #[cfg(target_arch = "x86_64")]
    {
        let mut found = detected!(is_x86_feature_detected: "avx2", "fma", "f16c", "avxvnni", "avx512f", "avx512bw",
            "avx512vl", "avx512vnni", "avx512bf16", "avx512fp16");
        let flags = cpu_line("flags").unwrap_or_default();
        let amx = flags
            .split_whitespace()
            .filter(|flag| flag.starts_with("amx"));
        found.extend(amx.map(str::to_owned));
        found
    }
    #[cfg(target_arch = "aarch64")]
    {
        detected!(is_aarch64_feature_detected: "neon", "dotprod", "fp16", "bf16", "i8mm", "sve")
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    Vec::new()
}

/// What `/proc/cpuinfo` says of the first processor.
fn cpu_line(key: &str) -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Processor time of this process over all its threads, where `/proc` tells (in hundredths of a second).
pub(super) fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command's name, in brackets, may hold spaces; user and system time are the 12th and 13th field after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

/// Most memory that this process ever held, in MB of 10^6 bytes, where `/proc` tells.
pub(super) fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kb: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kb * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_named() {
        let machine = Machine::now();
        assert!(machine.cpus >= 1);
        assert_eq!(machine.version, env!("CARGO_PKG_VERSION"));
        #[cfg(target_arch = "x86_64")]
        assert_eq!(
            machine.cpu_features.contains(&String::from("avx2")),
            is_x86_feature_detected!("avx2")
        );
        if cfg!(target_os = "linux") {
            assert!(cpu_seconds().is_some() && peak_rss_mb().is_some_and(|mb| mb > 1.0));
        }
    }
}
