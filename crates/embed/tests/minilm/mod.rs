//! The real model, for the tests that need it.

use std::ops::ControlFlow;
use syntopic_embed::models::{Registry, ResolveOptions, resolve};
use syntopic_embed::{EmbedOptions, EmbedProgress, Embedder};

/// all-MiniLM-L6-v2 from wherever this machine can have it; the cache is shared with every other run.
pub(crate) fn embedder(options: EmbedOptions) -> Embedder {
    let entry = Registry::builtin()
        .get("all-MiniLM-L6-v2")
        .expect("a known model");
    let folder =
        resolve(entry, &ResolveOptions::from_env(), &mut |_| {}).expect("the model's files");
    Embedder::load(&folder, options).expect("a usable model")
}

/// No progress, no stop.
pub(crate) fn go_on(_: EmbedProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
