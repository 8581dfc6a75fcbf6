//! Tells cargo that a release binary embeds the front ends and the demo shop, so that a new file
//! there is a reason to build again. Debug binaries read those files when asked for them.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        for folder in ["tracker-js/dist", "dashboard/dist", "demo"] {
            println!("cargo::rerun-if-changed={folder}");
        }
    }
}
