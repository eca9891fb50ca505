//! `syntopic topics --seed-topic`: topics that are asked for, its arguments.
//!
//! Not for: which papers are near enough to them.

use clap::Args;
use syntopic_library::SeedTopic;

#[derive(Debug, Args)]
pub(crate) struct SeedArguments {
    /// Ask for a topic by a name and what it is about, as 'vision: contrastive learning, masked images': papers near enough to that are
    /// in it, the rest is clustered. May be given several times; kept for later runs. -k counts these topics too
    #[arg(long, value_name = "NAME: TEXT", value_parser = seed, conflicts_with_all = ["rename", "merge", "split"])]
    pub(crate) seed_topic: Vec<SeedTopic>,

    /// Least cosine of a paper to its seed topic; halfway between the mean of all papers and that of the
    /// nearest hundredth, for each, when not given
    #[arg(long, value_name = "X", value_parser = cosine, allow_negative_numbers = true, conflicts_with_all = ["rename", "merge", "split"])]
    pub(crate) seed_threshold: Option<f32>,

    /// Give up the seed topics of earlier runs
    #[arg(long, conflicts_with_all = ["seed_topic", "seed_threshold", "rename", "merge", "split"])]
    pub(crate) unseed: bool,
}

fn seed(text: &str) -> Result<SeedTopic, String> {
    SeedTopic::parse(text).ok_or_else(|| {
        String::from("write a name and what the topic is about, as 'graphs: graph neural networks'")
    })
}

fn cosine(text: &str) -> Result<f32, String> {
    let cosine = text.parse().ok();
    let cosine = cosine.filter(|cosine: &f32| (-1.0..=1.0).contains(cosine));
    cosine.ok_or_else(|| String::from("a cosine is from -1 to 1, as 0.4"))
}
