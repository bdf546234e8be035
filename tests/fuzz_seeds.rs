//! The fuzz targets over their seeds, and over each seed cut short and with bytes changed.

include!("../fuzz/harness.rs");

/// The seeds of a target, at least a few.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let seeds: Vec<Vec<u8>> = entries.filter_map(|entry| std::fs::read(entry.path()).ok()).collect();
    assert!(seeds.len() >= 4, "{target} has {} seeds", seeds.len());
    seeds
}

/// Every seed whole, cut at places spread over it, and with one byte of those places replaced.
fn run(target: &str, harness: impl Fn(&[u8])) {
    for seed in seeds(target) {
        harness(&seed);
        for step in 0..40 {
            let at = seed.len() * step / 40;
            harness(&seed[..at]);
            for byte in *b"\"{}[]*$\\:\xff0" {
                let mut changed = seed.clone();
                if let Some(place) = changed.get_mut(at) {
                    *place = byte;
                }
                harness(&changed);
            }
        }
    }
}

#[test]
fn documents_are_read_without_panic() {
    run("document", document);
}

#[test]
fn lines_are_answered_without_panic() {
    run("evaluate", evaluate);
}
