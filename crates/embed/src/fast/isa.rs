//! Which instructions the kernels run on, and how a generic kernel is instantiated for them.
//!
//! Every number of a result is computed by the same operations in the same order whatever rows stand beside it, so a
//! text's vector does not depend on what it is batched with.

/// Which instructions the kernels run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isa {
    /// Found on this CPU by [`Isa::best`], which alone makes it.
    #[cfg(target_arch = "x86_64")]
    Avx2(FoundAvx2),
    /// Plain Rust.
    Portable,
}

/// Proof that the CPU has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FoundAvx2(());

/// Instantiates a generic kernel for the instruction set, inside a function that has it enabled.
macro_rules! dispatch {
    ($isa:expr, $kernel:ident $(<$generic:ty>)? ($($name:ident: $type:ty),*) $(-> $result:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($($name: $type),*) $(-> $result)? {
            // SAFETY: the function's own features are those that `Avx2` needs; the lengths were checked by the caller.
            unsafe { $kernel::<$crate::fast::vector::Avx2 $(, $generic)?>($($name),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant holds the proof that the CPU has AVX2 and FMA.
            $crate::fast::isa::Isa::Avx2(_) => unsafe { avx2($($name),*) },
            // SAFETY: every CPU runs `Portable`; the lengths were checked by the caller.
            $crate::fast::isa::Isa::Portable => unsafe {
                $kernel::<$crate::fast::vector::Portable $(, $generic)?>($($name),*)
            },
        }
    }};
}

pub(super) use dispatch;

impl Isa {
    /// The fastest that this CPU has.
    pub(super) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Isa::Avx2(FoundAvx2(()));
        }
        Isa::Portable
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => "AVX2",
            Isa::Portable => "portable",
        }
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

    /// What this CPU has, the plain twin among them.
    pub(in crate::fast) fn every_isa() -> Vec<Isa> {
        let mut all = vec![Isa::Portable];
        if Isa::best() != Isa::Portable {
            all.push(Isa::best());
        }
        all
    }
}
