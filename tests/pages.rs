//! Runs the cases of every check's page.

use streamkap_doctor::facts::Facts;

const HEALTHY: &str = include_str!("worlds/healthy.json");

#[test]
fn the_healthy_world_is_a_case() {
    let facts: Facts = serde_json::from_str(HEALTHY).unwrap();
    let again: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
    assert_eq!(again, facts);
}
