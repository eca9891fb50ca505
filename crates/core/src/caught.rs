//! Panics of other people's code that are errors of a file: caught, and not printed.
//!
//! Not for: our own code, whose panics are defects.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static EXPECTED: Cell<usize> = const { Cell::new(0) };
}

/// What `work` gives, or nothing where it panics; then nothing that it touched may be used. Only a hook that asks
/// [`panic_is_expected`] stays silent: the program sets one, a library may not.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    EXPECTED.set(EXPECTED.get() + 1);
    let done = catch_unwind(AssertUnwindSafe(work));
    EXPECTED.set(EXPECTED.get() - 1);
    done.ok()
}

/// Whether a panic of this thread would be caught by [`caught`]: for the hook of a program.
#[must_use]
pub fn panic_is_expected() -> bool {
    EXPECTED.get() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_nothing_and_expected_only_inside() {
        assert!(!panic_is_expected());
        assert_eq!(caught(panic_is_expected), Some(true));
        let inner = || caught(|| -> u8 { panic!("a panic that a test makes") });
        assert_eq!(
            caught(|| (inner(), panic_is_expected())),
            Some((None, true))
        );
        assert!(!panic_is_expected());
    }
}
