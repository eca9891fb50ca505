//! Which instructions the kernels run on, and how a generic kernel is instantiated for them.
//!
//! Every number of a result is computed by the same operations in the same order whatever rows stand beside it, so a
//! text's vector does not depend on what it is batched with.

use super::matrix::Precision;

/// Which instructions the kernels run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isa {
    /// Found on this CPU by [`Isa::best`], which alone makes it.
    #[cfg(target_arch = "x86_64")]
    Avx512(FoundAvx512),
    /// Found on this CPU by [`Isa::best`] and [`Isa::narrow`], which alone make it.
    #[cfg(target_arch = "x86_64")]
    Avx2(FoundAvx2),
    /// Plain Rust.
    Portable,
}

/// Proof that the CPU has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FoundAvx2(());

/// Proof that the CPU has AVX-512 (F, BW, DQ and VL, which all but the first have together), AVX2 and FMA, and the
/// extension said.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FoundAvx512(Extension);

/// What multiplies narrow numbers; each has those before it.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extension {
    None,
    /// Integers multiplied and summed by one instruction.
    Vnni,
    /// The same of bfloat16.
    Bf16,
}

#[cfg(target_arch = "x86_64")]
impl FoundAvx512 {
    pub(super) fn has(self, extension: Extension) -> bool {
        self.0 >= extension
    }
}

/// Instantiates a generic kernel for the instruction set, inside a function that has it enabled. `@pairs`, `@bytes` and
/// `@halves` name the narrow numbers that it multiplies: AVX-512 has instructions of their own for them, and bytes and
/// halves run on AVX2 where it lacks those.
macro_rules! dispatch {
    (@pairs $isa:expr, $($call:tt)*) => {
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::fast::isa::Isa::Avx512(found)
                if found.has($crate::fast::isa::Extension::Vnni) =>
            {
                $crate::fast::isa::on!(
                    "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma",
                    $crate::fast::vector::Avx512<{ $crate::fast::vector::VNNI }>,
                    $($call)*
                )
            }
            isa => $crate::fast::isa::dispatch!(isa, $($call)*),
        }
    };
    (@bytes $isa:expr, $($call:tt)*) => {
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::fast::isa::Isa::Avx512(found)
                if found.has($crate::fast::isa::Extension::Vnni) =>
            {
                $crate::fast::isa::on!(
                    "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma",
                    $crate::fast::vector::Avx512<{ $crate::fast::vector::VNNI }>,
                    $($call)*
                )
            }
            isa => $crate::fast::isa::eight_lanes!(isa, $($call)*),
        }
    };
    (@halves $isa:expr, $($call:tt)*) => {
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::fast::isa::Isa::Avx512(found)
                if found.has($crate::fast::isa::Extension::Bf16) =>
            {
                $crate::fast::isa::on!(
                    "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma",
                    $crate::fast::vector::Avx512<{ $crate::fast::vector::BF16 }>,
                    $($call)*
                )
            }
            isa => $crate::fast::isa::eight_lanes!(isa, $($call)*),
        }
    };
    ($isa:expr, $($call:tt)*) => {
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::fast::isa::Isa::Avx512(_) => $crate::fast::isa::on!(
                "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma",
                $crate::fast::vector::Avx512<{ $crate::fast::vector::PLAIN }>,
                $($call)*
            ),
            isa => $crate::fast::isa::eight_lanes!(isa, $($call)*),
        }
    };
}

/// The same on vectors of eight lanes.
macro_rules! eight_lanes {
    ($isa:expr, $($call:tt)*) => {
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::fast::isa::Isa::Avx512(_) | $crate::fast::isa::Isa::Avx2(_) => {
                $crate::fast::isa::on!("avx2,fma", $crate::fast::vector::Avx2, $($call)*)
            }
            $crate::fast::isa::Isa::Portable => {
                $crate::fast::isa::plain!($($call)*)
            }
        }
    };
}

/// A kernel in a function that has `features` enabled.
#[cfg(target_arch = "x86_64")]
macro_rules! on {
    (
        $features:literal, $vector:ty,
        $kernel:ident $(<$generic:ty>)? ($($name:ident: $type:ty),*) $(-> $result:ty)?
    ) => {{
        #[target_feature(enable = $features)]
        fn on($($name: $type),*) $(-> $result)? {
            // SAFETY: the function's own features are those that the vector needs; the lengths were checked by the caller.
            unsafe { $kernel::<$vector $(, $generic)?>($($name),*) }
        }
        // SAFETY: the variant that was matched holds the proof that the CPU has these features.
        unsafe { on($($name),*) }
    }};
}

macro_rules! plain {
    ($kernel:ident $(<$generic:ty>)? ($($name:ident: $type:ty),*) $(-> $result:ty)?) => {
        // SAFETY: every CPU runs `Portable`; the lengths were checked by the caller.
        unsafe { $kernel::<$crate::fast::vector::Portable $(, $generic)?>($($name),*) }
    };
}

#[cfg(target_arch = "x86_64")]
pub(super) use on;
pub(super) use {dispatch, eight_lanes, plain};

impl Isa {
    /// The fastest that this CPU has.
    pub(super) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if has_avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Isa::Avx512(FoundAvx512(extension()));
            }
            if has_avx2 {
                return Isa::Avx2(FoundAvx2(()));
            }
        }
        Isa::Portable
    }

    /// The one with vectors of eight lanes, whose sums are in the order of every other such.
    pub(super) fn narrow(self) -> Self {
        match self {
            #[cfg(target_arch = "x86_64")]
            // The CPU has AVX2 and FMA, says the variant.
            Isa::Avx512(_) => Isa::Avx2(FoundAvx2(())),
            other => other,
        }
    }

    /// What multiplies numbers of this precision, for reports.
    pub(super) fn name(self, precision: Precision) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(found) => match precision {
                Precision::Int16 | Precision::Int8 if found.0 >= Extension::Vnni => "AVX-512 VNNI",
                Precision::Bf16 if found.0 >= Extension::Bf16 => "AVX-512 BF16",
                _ => "AVX-512",
            },
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => "AVX2",
            Isa::Portable => "portable",
        }
    }

    /// The precision whose linear layers run fastest here among those whose vectors keep a cosine of 0.999 and more with
    /// those of f32, which [`Precision::Int8`] does not.
    pub(super) fn fastest(self) -> Precision {
        match self {
            // Twice as many multiply-adds an instruction as of f32. As many as of bfloat16, and nearer to f32.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(_) => Precision::Int16,
            // Twice as many, and an addition for each.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => Precision::Int16,
            Isa::Portable => Precision::F32,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn extension() -> Extension {
    if !is_x86_feature_detected!("avx512vnni") {
        Extension::None
    } else if is_x86_feature_detected!("avx512bf16") {
        Extension::Bf16
    } else {
        Extension::Vnni
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Numbers from -1 to 1 that look random and are the same every time.
    pub(in crate::fast) fn noise(seed: u64) -> impl FnMut() -> f32 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        }
    }

    /// The sizes that a test tries; under Miri, which takes a thousand times as long, few of them.
    pub(in crate::fast) fn sizes(all: impl Iterator<Item = usize>) -> Vec<usize> {
        all.step_by(if cfg!(miri) { 13 } else { 1 }).collect()
    }

    /// What this CPU has, the plain twin first; what it lacks is said.
    pub(in crate::fast) fn every_isa() -> Vec<Isa> {
        let mut all = vec![Isa::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            let best = Isa::best();
            if best.narrow() != Isa::Portable {
                all.push(best.narrow());
            }
            let found = match best {
                Isa::Avx512(found) => Some(found.0),
                _ => None,
            };
            for extension in [Extension::None, Extension::Vnni, Extension::Bf16] {
                if found.is_some_and(|found| found >= extension) {
                    all.push(Isa::Avx512(FoundAvx512(extension)));
                } else {
                    println!("skipped on this CPU: AVX-512 with {extension:?}");
                }
            }
        }
        all
    }
}
