//! What a user chooses before a model embeds: the kind of text, the implementation that runs the model, the size of batches.

use crate::{Device, EmbedError};

/// Which prompt a text gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// A paper of the corpus.
    Document,
    /// Something a user asks with.
    Query,
}

/// Which implementation runs the model. [`Mode::Stock`] and [`Mode::F32`] give the same vectors up to the rounding of f32;
/// what the others give is near them, as said of each: cosines over a thousand abstracts, of all-MiniLM-L6-v2. On the CPU,
/// every mode but [`Mode::F16`] runs whatever its instructions; which are fast says [`Embedder::mode`](crate::Embedder::mode), by those that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The fastest on this CPU of those whose vectors keep a cosine of 0.999 with those of f32: [`Mode::Int16`] where the
    /// CPU has AVX2 or AVX-512 and the model's vectors are found to survive it: of five built-in texts, none may have a cosine
    /// below .9995 with its f32 vector, which is remembered in the cache. Else [`Mode::F32`]; where neither runs the model, [`Mode::Stock`].
    /// On a GPU, [`Mode::F16`], whose vectors are not compared as it loads. [`Embedder::mode`](crate::Embedder::mode) says which, [`Embedder::notes`](crate::Embedder::notes) why.
    #[default]
    Auto,
    /// The plain path on Candle's tensors, for BERT Candle's own: many times slower.
    Stock,
    /// The packed f32 encoder for CPUs: no padding, AVX-512 or AVX2 where the CPU has it.
    F32,
    /// The packed encoder with weights and activations of its linear layers rounded to bfloat16, products summed in f32:
    /// cosines of 0.999 and more. Meant for CPUs with AVX-512 BF16; slower than [`Mode::F32`] elsewhere. On a GPU: everything
    /// as bfloat16, for a model whose numbers are too large for f16.
    Bf16,
    /// The packed encoder with weights and activations of its linear layers rounded to 16-bit integers: cosines of 0.99999
    /// and more. Faster than [`Mode::F32`] where the CPU has AVX2 or AVX-512, and slower elsewhere.
    Int16,
    /// The same rounded to 8-bit integers: cosines of 0.995 on average, 0.985 and more. Meant for CPUs with AVX-512 VNNI, where it multiplies
    /// twice as many as [`Mode::Int16`]; slower than that elsewhere.
    Int8,
    /// On a GPU: weights and activations as IEEE's 16-bit floats, pooled in f32. What [`Mode::Auto`] is there.
    F16,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 7] = [
        Mode::Auto,
        Mode::F32,
        Mode::F16,
        Mode::Bf16,
        Mode::Int16,
        Mode::Int8,
        Mode::Stock,
    ];

    /// As it is asked for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mode::Auto => "auto",
            Mode::Stock => "stock",
            Mode::F32 => "f32",
            Mode::F16 => "f16",
            Mode::Bf16 => "bf16",
            Mode::Int16 => "int16",
            Mode::Int8 => "int8",
        }
    }

    /// Whether it is for devices like this one.
    #[must_use]
    pub fn runs_on(self, device: Device) -> bool {
        match self {
            Mode::Auto | Mode::F32 | Mode::Bf16 => true,
            Mode::Stock | Mode::Int16 | Mode::Int8 => !device.is_gpu(),
            Mode::F16 => device.is_gpu(),
        }
    }

    /// The error of a mode that is for another kind of device.
    pub(crate) fn not_on(self, device: Device) -> EmbedError {
        let there = Self::ALL.into_iter().filter(|mode| mode.runs_on(device));
        let names: Vec<&str> = there.map(Mode::name).collect();
        EmbedError::NotThere {
            mode: self.name(),
            device,
            modes: names.join(", "),
        }
    }
}

impl std::str::FromStr for Mode {
    type Err = EmbedError;

    /// One of the names of [`Mode::ALL`].
    fn from_str(name: &str) -> Result<Self, EmbedError> {
        let named = Mode::ALL.into_iter().find(|mode| mode.name() == name);
        named.ok_or_else(|| EmbedError::UnknownMode(name.to_owned()))
    }
}

/// How texts are batched, and by what they are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbedOptions {
    /// Most tokens in one batch, padding included; a text that is longer alone is a batch of its own. Default 256, on CPUs with
    /// AVX-512, whose L2 caches are larger, 512: a model is fastest when its activations stay in the cache. In the packed modes, where nothing is padded, it
    /// is the number of tokens that one thread runs together, and changes the time alone, no bit of a vector.
    pub batch_tokens: usize,
    /// Which implementation runs the model. Default [`Mode::Auto`].
    pub mode: Mode,
    /// Where it runs. Default [`Device::Cpu`].
    pub device: Device,
}

impl Default for EmbedOptions {
    fn default() -> Self {
        Self::on(Device::Cpu)
    }
}

impl EmbedOptions {
    /// The defaults for a device. On a GPU, 16,384 tokens are in a batch: it is fastest when it has much to do at once. If
    /// they do not fit its memory, batches are halved until they do.
    #[must_use]
    pub fn on(device: Device) -> Self {
        Self {
            batch_tokens: match device.is_gpu() {
                true => 16_384,
                false if has_a_large_cache() => 512,
                false => 256,
            },
            mode: Mode::Auto,
            device,
        }
    }
}

/// Whether this is a CPU of the kinds whose cores have an L2 cache of a MiB or more: every one with AVX-512 does.
fn has_a_large_cache() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_for_one_kind_of_device_or_both() {
        let gpu = Device::Cuda(0);
        for mode in Mode::ALL {
            let name = mode.name();
            assert_eq!(name.parse::<Mode>().expect(name), mode);
            assert!(mode.runs_on(gpu) || mode.runs_on(Device::Cpu), "{name}");
        }
        assert_eq!(
            Mode::Int16.not_on(gpu).to_string(),
            "mode int16 does not run on cuda:0: expected one of auto, f32, f16, bf16"
        );
        assert_eq!(
            Mode::F16.not_on(Device::Cpu).to_string(),
            "mode f16 does not run on cpu: expected one of auto, f32, bf16, int16, int8, stock"
        );
    }
}
