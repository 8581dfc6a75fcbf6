//! Finds the engine on this machine.

use std::path::{Path, PathBuf};

use super::EngineError;
use crate::config;

const LIBRARY: &str = "libchdb.so";
const IN_NODE_MODULES: &str = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so";
const PROGRAM: &str = "clickhouse";

/// The file that the child runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineFile {
    /// The engine as a library, loaded into the child.
    Library(PathBuf),
    /// The official single-file program, run by the child.
    Program(PathBuf),
}

/// The configured engine, or the first one found.
pub fn find_engine(config: &config::Engine) -> Result<EngineFile, EngineError> {
    if !config.library.is_empty() {
        let path = PathBuf::from(&config.library);
        let path = path.canonicalize().ok().filter(|p| p.is_file());
        return path.map(EngineFile::from_path).ok_or_else(|| EngineError::NoSuchFile(config.library.clone()));
    }
    let executable = std::env::current_exe().ok().and_then(|p| p.parent().map(Path::to_path_buf));
    let working = std::env::current_dir().ok();
    let search_path = config::search_path();
    candidates(executable.as_deref(), working.as_deref(), &search_path)
        .find(|path| path.is_file())
        .map(EngineFile::from_path)
        .ok_or_else(|| EngineError::NotFound(format!("{LIBRARY} next to the binary, {IN_NODE_MODULES} above it")))
}

/// All paths to try, in order, for the directories of the binary, the current one, and those of `PATH`.
fn candidates(
    executable: Option<&Path>,
    working: Option<&Path>,
    search_path: &[PathBuf],
) -> impl Iterator<Item = PathBuf> {
    let neighbor = executable.map(|d| d.join(LIBRARY));
    let above = executable.into_iter().chain(working).flat_map(Path::ancestors).map(|d| d.join(IN_NODE_MODULES));
    let programs = search_path.iter().map(|d| d.join(PROGRAM));
    neighbor.into_iter().chain(above).chain(programs).collect::<Vec<_>>().into_iter()
}

impl EngineFile {
    fn from_path(path: PathBuf) -> Self {
        let is_library = path.extension().is_some_and(|e| e == "so" || e == "dylib")
            || path.file_name().is_some_and(|n| n.to_string_lossy().contains(".so."));
        if is_library { Self::Library(path) } else { Self::Program(path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_s_directory_comes_first_then_node_modules_upwards_then_the_path() {
        let found: Vec<_> =
            candidates(Some(Path::new("/opt/a/bin")), Some(Path::new("/srv")), &[PathBuf::from("/usr/bin")]).collect();
        assert_eq!(found[0], Path::new("/opt/a/bin/libchdb.so"));
        assert_eq!(found[1], Path::new("/opt/a/bin").join(IN_NODE_MODULES));
        assert_eq!(found[2], Path::new("/opt/a").join(IN_NODE_MODULES));
        assert_eq!(found.last().unwrap(), Path::new("/usr/bin/clickhouse"));
        assert!(found.contains(&Path::new("/srv").join(IN_NODE_MODULES)));
    }

    #[test]
    fn a_missing_configured_file_is_named_in_the_error() {
        let config = config::Engine { library: "/nowhere/libchdb.so".into(), ..config::Config::defaults().engine };
        assert!(find_engine(&config).unwrap_err().to_string().contains("/nowhere/libchdb.so"));
    }

    #[test]
    fn a_library_is_recognized_by_its_name() {
        let library = "/a/libchdb.so";
        assert_eq!(EngineFile::from_path(library.into()), EngineFile::Library(library.into()));
        let program = "/usr/bin/clickhouse";
        assert_eq!(EngineFile::from_path(program.into()), EngineFile::Program(program.into()));
    }
}
