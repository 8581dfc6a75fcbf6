//! Sets the device, from the user agent or the context that an app reports.

use std::borrow::Cow;

use crate::{
    ingest::{limits, text, types::own_or_shared, user_agent::Agent},
    model::{DeviceClass, Event},
    wire::collect::{self, Batch},
};

pub(crate) fn set_device<'a>(event: &mut Event<'a>, agent: &Agent, batch: &Batch<'a>, call: &collect::Event<'a>) {
    event.device = agent.device.clone();
    if event.device.os.is_empty() {
        let reported = |pick: fn(&'_ collect::Named<'a>) -> Cow<'a, str>| {
            let own = pick(&call.context.os);
            if own.is_empty() { pick(&batch.context.os) } else { own }
        };
        event.device.os = text::clean(&reported(|os| os.name.0.clone()), limits::LIBRARY);
        event.device.os_version = text::clean(&reported(|os| os.version.0.clone()), limits::VERSION);
    }
    if event.device.class == DeviceClass::Unknown && agent.robot.is_none() {
        event.device.class = class_of_app(own_or_shared(call, batch, |context| &context.device.kind));
    }
}

fn class_of_app(device_type: &str) -> DeviceClass {
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(device_type));
    if is(&["ios", "android", "mobile", "phone", "handset", "smartphone"]) {
        DeviceClass::Mobile
    } else if is(&["tablet", "ipad", "ipados"]) {
        DeviceClass::Tablet
    } else if is(&["desktop", "pc", "macos", "windows", "linux"]) {
        DeviceClass::Desktop
    } else if is(&["tv", "smarttv", "tvos", "console"]) {
        DeviceClass::Appliance
    } else {
        DeviceClass::Unknown
    }
}
