//! Memory in cache lines, and numbers seen in it without a copy.
//!
//! A compact vector begins on a cache line, so scoring it touches as few lines as it has; a file mapped into memory is read
//! through the same casts.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// One cache line of compact numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [i8; LINE]);

/// A line of zeros.
pub(crate) const ZERO: Line = Line([0; LINE]);

/// Numbers of which every bit pattern is one, with no padding: bytes may be seen as them.
pub(crate) trait Plain: Copy + sealed::Sealed {}

mod sealed {
    pub(crate) trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
    impl Sealed for f32 {}
    impl Sealed for super::Line {}
}

impl<T: Copy + sealed::Sealed> Plain for T {}

/// `bytes` as numbers in the machine's byte order; nothing when they do not begin where such a number may, or are no whole
/// count of them.
pub(crate) fn cast<T: Plain>(bytes: &[u8]) -> Option<&[T]> {
    // SAFETY: a `Plain` type has no padding and every bit pattern is a value of it (the sealed list above).
    let (before, numbers, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// The bytes of numbers, in the machine's byte order.
pub(crate) fn bytes_of<T: Plain>(numbers: &[T]) -> &[u8] {
    // SAFETY: a `Plain` type has no padding (the sealed list above), so all its bytes are initialised; u8 has no alignment.
    let (_, bytes, _) = unsafe { numbers.align_to::<u8>() };
    bytes
}

/// From this many bytes on, memory is asked for in large pages: a walk jumps about in it, and the processor remembers the
/// places of few pages.
const LARGE: usize = 4 << 20;

/// Lines in memory.
#[derive(Debug)]
pub(crate) enum Lines {
    Few(Vec<Line>),
    Many(MmapMut),
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        match self {
            Self::Few(lines) => lines,
            Self::Many(pages) => cast(pages).expect("whole lines, from the start of a page"),
        }
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [Line] {
        match self {
            Self::Few(lines) => lines,
            Self::Many(pages) => {
                // SAFETY: every bit pattern is a line, and a line has no padding.
                let (before, lines, after) = unsafe { pages.align_to_mut::<Line>() };
                assert!(
                    before.is_empty() && after.is_empty(),
                    "whole lines, from the start of a page"
                );
                lines
            }
        }
    }
}

/// Zeroed lines, at least `bytes` bytes, to be written through [`bytes_of_mut`].
pub(crate) fn zeroed(bytes: usize) -> Lines {
    let n = bytes.div_ceil(LINE);
    if bytes >= LARGE
        && let Ok(pages) = MmapMut::map_anon(n * LINE)
    {
        // A wish: where the system has no large pages, small ones do.
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        return Lines::Many(pages);
    }
    Lines::Few(vec![ZERO; n])
}

/// The bytes of lines, to be written.
pub(crate) fn bytes_of_mut(lines: &mut [Line]) -> &mut [u8] {
    // SAFETY: a line is 64 bytes without padding, and every bit pattern is one.
    let (_, bytes, _) = unsafe { lines.align_to_mut::<u8>() };
    bytes
}

/// Asks for the cache line at the start of `line`; a hint, without effect on any result.
#[inline(always)]
pub(crate) fn prefetch<T>(at: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching reads nothing into the program and faults nowhere; SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
            std::ptr::from_ref(at).cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_numbers_are_one_another() {
        let mut lines = zeroed(65);
        assert_eq!(lines.len(), 2);
        bytes_of_mut(&mut lines)[4..8].copy_from_slice(&7u32.to_ne_bytes());
        let bytes = bytes_of(&lines);
        assert_eq!(bytes.len(), 128);
        assert_eq!(cast::<u32>(bytes).unwrap()[..3], [0, 7, 0]);
        assert_eq!(cast::<Line>(bytes).unwrap(), &*lines);
        assert!(cast::<u32>(&bytes[1..]).is_none(), "not aligned");
        assert!(cast::<u32>(&bytes[..7]).is_none(), "no whole numbers");
        prefetch(&lines[0]);
        // Miri maps no pages that a wish is spoken about.
        if cfg!(miri) {
            return;
        }
        let mut many = zeroed(LARGE + 1);
        assert_eq!(many.len(), LARGE / LINE + 1);
        assert!(matches!(many, Lines::Many(_)) && many.iter().all(|line| *line == ZERO));
        bytes_of_mut(&mut many)[LARGE] = 3;
        assert_eq!(many[LARGE / LINE].0[0], 3);
    }
}
