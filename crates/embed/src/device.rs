//! Where a model runs: the CPU, or an NVIDIA GPU where this build has CUDA (the cargo feature `cuda`).
//!
//! Not for: what runs there (`gpu/`, `fast/`, `stock/`).

use crate::EmbedError;

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// The CPU.
    #[default]
    Cpu,
    /// The GPU of that number, as CUDA counts them from 0.
    Cuda(usize),
}

impl Device {
    /// That this build can run models there.
    ///
    /// # Errors
    /// [`EmbedError::NoCuda`] for a GPU in a build without CUDA.
    pub fn check(self) -> Result<(), EmbedError> {
        match self {
            Device::Cuda(_) if !cfg!(feature = "cuda") => Err(EmbedError::NoCuda(self)),
            _ => Ok(()),
        }
    }

    /// Whether it is a GPU.
    #[must_use]
    pub fn is_gpu(self) -> bool {
        self != Device::Cpu
    }

    /// Candle's own, and what a report calls it: `cuda:0 (NVIDIA H100 PCIe)`, say.
    pub(crate) fn open(self) -> Result<(candle_core::Device, String), EmbedError> {
        self.check()?;
        match self {
            Device::Cpu => Ok((candle_core::Device::Cpu, self.to_string())),
            Device::Cuda(number) => {
                let failed = |source| EmbedError::Device {
                    device: self,
                    source,
                };
                let device = candle_core::Device::new_cuda(number).map_err(failed)?;
                let name = match product(&device) {
                    Some(product) => format!("{self} ({product})"),
                    None => self.to_string(),
                };
                Ok((device, name))
            }
        }
    }
}

/// What its maker calls a GPU, where the driver tells.
#[cfg(feature = "cuda")]
fn product(device: &candle_core::Device) -> Option<String> {
    let device = device.as_cuda_device().ok()?;
    device.cuda_stream().context().name().ok()
}

#[cfg(not(feature = "cuda"))]
fn product(_: &candle_core::Device) -> Option<String> {
    None
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl std::str::FromStr for Device {
    type Err = EmbedError;

    /// `cpu`, `cuda` (the first GPU) or `cuda:N`.
    fn from_str(name: &str) -> Result<Self, EmbedError> {
        let unknown = || EmbedError::UnknownDevice(name.to_owned());
        match name.split_once(':') {
            None if name == "cpu" => Ok(Device::Cpu),
            None if name == "cuda" => Ok(Device::Cuda(0)),
            // A sign is no part of a number here.
            Some(("cuda", number)) if number.bytes().all(|b| b.is_ascii_digit()) => {
                number.parse().map(Device::Cuda).map_err(|_| unknown())
            }
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        for (text, device) in [
            ("cpu", Device::Cpu),
            ("cuda", Device::Cuda(0)),
            ("cuda:0", Device::Cuda(0)),
            ("cuda:12", Device::Cuda(12)),
        ] {
            assert_eq!(text.parse::<Device>().expect(text), device);
            assert_eq!(device.to_string().parse::<Device>().expect(text), device);
        }
        for wrong in [
            "",
            "gpu",
            "CUDA",
            "cpu:0",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "cuda:x",
            "cuda:0:1",
            "cuda:99999999999999999999",
        ] {
            let error = wrong.parse::<Device>().expect_err(wrong).to_string();
            let expected = format!(
                "unknown device {wrong:?}: expected cpu, cuda (the first GPU) or cuda:N (the GPU of that number, from 0)"
            );
            assert_eq!(error, expected);
        }
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_build_without_cuda_says_how_to_make_one_with_it() {
        let error = Device::Cuda(1).open().expect_err("refused").to_string();
        assert_eq!(
            error,
            "this syntopic was built without CUDA and cannot run a model on cuda:1: build it with \
             `cargo build --release --features cuda`, which needs NVIDIA's CUDA toolkit, or leave --device out to run on the CPU"
        );
        assert!(Device::Cpu.open().is_ok() && Device::Cpu.check().is_ok());
    }
}
