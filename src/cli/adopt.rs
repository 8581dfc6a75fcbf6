//! `ashna adopt`: makes a control database the owner of a journal and a warehouse that belong to another one.

use serde_json::json;

use super::{Common, print_answer};
use crate::{app, config::Config};

/// Takes over the journal in the data directory and the configured warehouse.
pub async fn run(config: &Config, common: &Common) -> anyhow::Result<()> {
    let highest = app::adopt(config, &common.data_dir).await?;
    let text = format!(
        "control.sqlite in {} now owns its journal and its warehouse; new sites get ids above {highest}",
        common.data_dir.display()
    );
    print_answer(common, &json!({ "adopted": true, "new_sites_above": highest }), &text)
}
