//! `ashna adopt`: a control database takes over a journal and a warehouse that belong to another one.

use serde_json::json;

use super::{Common, tell};
use crate::{app, config::Config};

/// Takes over what is in the data directory and in the warehouse that the settings name.
pub async fn run(config: &Config, common: &Common) -> anyhow::Result<()> {
    let highest = app::adopt(config, &common.data_dir).await?;
    let text = format!(
        "control.sqlite in {} owns its journal and its warehouse now; new sites get numbers above {highest}",
        common.data_dir.display()
    );
    tell(common, &json!({ "adopted": true, "new_sites_above": highest }), &text)
}
