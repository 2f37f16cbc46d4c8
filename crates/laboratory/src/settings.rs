//! The settings that scores and refusals depend on, for reports.

use std::collections::BTreeMap;

use engine::config::Config;

/// The limits of `ingress`, and the keys of `liveness` that are not at their defaults.
pub(crate) fn scoring_settings(config: &Config) -> anyhow::Result<BTreeMap<String, String>> {
    let Config { ingress, liveness, .. } = config;
    let mut settings = BTreeMap::from([
        ("ingress.min_picture_side_px".to_owned(), ingress.min_picture_side_px.to_string()),
        ("ingress.max_body_bytes".to_owned(), ingress.max_body_bytes.to_string()),
    ]);
    let default = serde_json::to_value(liveness::Settings::default())?;
    for (key, value) in serde_json::to_value(liveness)?.as_object().into_iter().flatten() {
        if default.get(key) != Some(value) {
            settings.insert(format!("liveness.{key}"), value.to_string());
        }
    }
    Ok(settings)
}
