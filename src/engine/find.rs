//! Looking for the engine on this machine.

use std::path::{Path, PathBuf};

use super::EngineError;
use crate::config;

const LIBRARY: &str = "libchdb.so";
const IN_NODE_MODULES: &str = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so";
const PROGRAM: &str = "clickhouse";

/// What the child runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The engine as a library, loaded into the child.
    Library(PathBuf),
    /// The official single-file program, run by the child.
    Program(PathBuf),
}

/// The configured engine, or the first one found.
pub fn engine(config: &config::Engine) -> Result<Kind, EngineError> {
    if !config.library.is_empty() {
        let path = PathBuf::from(&config.library);
        let path = path.canonicalize().ok().filter(|p| p.is_file());
        return path.map(kind_of).ok_or_else(|| EngineError::NoSuchFile(config.library.clone()));
    }
    let executable = std::env::current_exe().ok().and_then(|p| p.parent().map(Path::to_path_buf));
    let here = std::env::current_dir().ok();
    let on_path = config::search_path();
    candidates(executable.as_deref(), here.as_deref(), &on_path)
        .find(|path| path.is_file())
        .map(kind_of)
        .ok_or_else(|| EngineError::NotFound(format!("{LIBRARY} beside the binary, {IN_NODE_MODULES} above it")))
}

fn candidates(executable: Option<&Path>, here: Option<&Path>, on_path: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    let beside = executable.map(|d| d.join(LIBRARY));
    let above = executable.into_iter().chain(here).flat_map(Path::ancestors).map(|d| d.join(IN_NODE_MODULES));
    let programs = on_path.iter().map(|d| d.join(PROGRAM));
    beside.into_iter().chain(above).chain(programs).collect::<Vec<_>>().into_iter()
}

fn kind_of(path: PathBuf) -> Kind {
    let is_library = path.extension().is_some_and(|e| e == "so" || e == "dylib")
        || path.file_name().is_some_and(|n| n.to_string_lossy().contains(".so."));
    if is_library { Kind::Library(path) } else { Kind::Program(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_s_neighbour_wins_then_node_modules_upwards_then_the_path() {
        let found: Vec<_> =
            candidates(Some(Path::new("/opt/a/bin")), Some(Path::new("/srv")), &[PathBuf::from("/usr/bin")]).collect();
        assert_eq!(found[0], Path::new("/opt/a/bin/libchdb.so"));
        assert_eq!(found[1], Path::new("/opt/a/bin").join(IN_NODE_MODULES));
        assert_eq!(found[2], Path::new("/opt/a").join(IN_NODE_MODULES));
        assert_eq!(found.last().unwrap(), Path::new("/usr/bin/clickhouse"));
        assert!(found.contains(&Path::new("/srv").join(IN_NODE_MODULES)));
    }

    #[test]
    fn a_configured_file_that_is_not_there_is_named() {
        let config = config::Engine { library: "/nowhere/libchdb.so".into(), ..config::Config::defaults().engine };
        assert!(engine(&config).unwrap_err().to_string().contains("/nowhere/libchdb.so"));
    }

    #[test]
    fn a_library_is_told_by_its_name() {
        assert_eq!(kind_of("/a/libchdb.so".into()), Kind::Library("/a/libchdb.so".into()));
        assert_eq!(kind_of("/usr/bin/clickhouse".into()), Kind::Program("/usr/bin/clickhouse".into()));
    }
}
