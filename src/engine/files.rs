//! The files in the engine's directory: settings, users, the service's password.

use std::{
    fs,
    io::{self, Read as _, Seek as _, Write as _},
    net::TcpListener,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::EngineError;
use crate::config;

/// The service's user in the engine.
pub const USER: &str = "ashna";

const SECRET_BYTES: usize = 32;
/// How much of the child's standard error is searched for its last line.
const TAIL_BYTES: u64 = 4096;

/// The engine's directory.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    secret: Mutex<String>,
}

impl Files {
    /// Creates the directory, the settings and the first password.
    pub fn prepare(data_dir: &Path, config: &config::Engine) -> Result<Self, EngineError> {
        let directory = data_dir.join("engine");
        let prepared = (|| {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
            let directory = directory.canonicalize()?;
            write_private(&directory.join("config.xml"), &settings(&directory, config))?;
            let files = Self { directory, secret: Mutex::default() };
            files.renew_secret()?;
            Ok(files)
        })();
        prepared.map_err(|source| EngineError::Directory { path: directory.display().to_string(), source })
    }

    /// Generates a new password for the next start of the engine. A program that got the previous one, by listening on
    /// the port of an engine that had died, cannot use it.
    pub fn renew_secret(&self) -> io::Result<()> {
        let fresh = rand::random::<[u8; SECRET_BYTES]>().iter().fold(String::new(), |mut text, byte| {
            use std::fmt::Write as _;
            let _ = write!(text, "{byte:02x}");
            text
        });
        write_private(&self.directory.join("secret"), &fresh)?;
        write_private(&self.directory.join("users.xml"), &users(&fresh))?;
        *self.secret.lock() = fresh;
        Ok(())
    }

    /// The engine's directory, absolute.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The password of [`USER`].
    pub fn secret(&self) -> config::Secret {
        self.secret.lock().as_str().into()
    }

    /// The file for the child's standard error, truncated at each start.
    pub fn stderr(&self) -> io::Result<fs::File> {
        private().truncate(true).open(self.stderr_path())
    }

    /// The last line of the child's standard error, which shows why it died.
    pub fn last_stderr_line(&self) -> Option<String> {
        let mut file = fs::File::open(self.stderr_path()).ok()?;
        let length = file.metadata().ok()?.len();
        file.seek(io::SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).ok()?;
        let mut tail = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut tail).ok()?;
        let tail = String::from_utf8_lossy(&tail);
        let line = tail.lines().rev().find(|l| !l.trim().is_empty() && !l.starts_with("Logging "))?;
        Some(line.trim().chars().take(300).collect())
    }

    fn stderr_path(&self) -> PathBuf {
        self.directory.join("stderr.log")
    }
}

/// The address while there is no engine: port 0 cannot be listened on.
pub const NO_ENGINE_URL: &str = "http://127.0.0.1:0";

/// The engine's address with this port.
pub fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// A port of 127.0.0.1 that is free now. If another program takes it before the engine does,
/// the engine fails, and the next start uses another port and another password.
pub fn free_port() -> Result<u16, EngineError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(EngineError::NoPort)?;
    listener.local_addr().map(|a| a.port()).map_err(EngineError::NoPort)
}

fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

/// Overwrites a file in place, which needs no space on a full disk if the length is unchanged.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|known| known == text.as_bytes()) {
        return fs::set_permissions(path, fs::Permissions::from_mode(0o600));
    }
    let mut file = private().truncate(false).open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Small pools and caches for a small machine; all files below `directory`. Requests must
/// name the service's user, so that no network client can use the local session's user, which has no password.
fn settings(directory: &Path, config: &config::Engine) -> String {
    let directory = escape(&directory.display().to_string());
    let memory = match config.memory_bytes_max {
        0 => "<max_server_memory_usage_to_ram_ratio>0.5</max_server_memory_usage_to_ram_ratio>".to_owned(),
        bytes => format!("<max_server_memory_usage>{bytes}</max_server_memory_usage>"),
    };
    format!(
        "<clickhouse>
    <logger>
        <level>warning</level>
        <log>{directory}/engine.log</log>
        <errorlog>{directory}/engine.error.log</errorlog>
        <size>5M</size>
        <count>2</count>
    </logger>
    <path>{directory}/data/</path>
    <tmp_path>{directory}/data/tmp/</tmp_path>
    <user_files_path>{directory}/data/user_files/</user_files_path>
    <format_schema_path>{directory}/data/format_schemas/</format_schema_path>
    <listen_host>127.0.0.1</listen_host>
    {memory}
    <mark_cache_size>134217728</mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <mmap_cache_size>64</mmap_cache_size>
    <compiled_expression_cache_size>16777216</compiled_expression_cache_size>
    <max_concurrent_queries>64</max_concurrent_queries>
    <background_pool_size>2</background_pool_size>
    <background_schedule_pool_size>4</background_schedule_pool_size>
    <background_common_pool_size>2</background_common_pool_size>
    <background_move_pool_size>1</background_move_pool_size>
    <background_fetches_pool_size>1</background_fetches_pool_size>
    <merge_tree>
        <old_parts_lifetime>600</old_parts_lifetime>
        <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
        <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
        <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    </merge_tree>
    <default_profile>default</default_profile>
    <users_config>{directory}/users.xml</users_config>
    <user_directories><users_xml><path>{directory}/users.xml</path></users_xml></user_directories>
    <http_handlers>
        <rule>
            <url>/</url>
            <methods>GET,POST</methods>
            <headers><X-ClickHouse-User>{USER}</X-ClickHouse-User></headers>
            <handler>
                <type>dynamic_query_handler</type>
                <query_param_name>query</query_param_name>
            </handler>
        </rule>
    </http_handlers>
</clickhouse>
"
    )
}

/// Two users: that of the local session, which may only start listening and wait until its standard input
/// closes, and that of the service.
fn users(secret: &str) -> String {
    format!(
        "<clickhouse>
    <profiles><default><log_queries>0</log_queries></default></profiles>
    <quotas><default/></quotas>
    <users>
        <default>
            <password></password>
            <networks><ip>127.0.0.1</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <grants>
                <query>GRANT SYSTEM LISTEN ON *.*</query>
                <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
                <query>GRANT READ ON FILE</query>
            </grants>
        </default>
        <{USER}>
            <password>{secret}</password>
            <networks><ip>127.0.0.1</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
        </{USER}>
    </users>
</clickhouse>
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_changes_at_each_start_and_only_the_owner_can_read_it() {
        let data = tempfile::tempdir().unwrap();
        let config = config::Config::defaults().engine;
        let first = Files::prepare(data.path(), &config).unwrap();
        let before = first.secret();
        first.renew_secret().unwrap();
        assert_ne!(first.secret(), before);
        assert_eq!(first.secret().expose().len(), 64);
        for name in ["secret", "users.xml"] {
            assert!(
                fs::read_to_string(first.directory().join(name)).unwrap().contains(first.secret().expose()),
                "{name}"
            );
        }
        for name in ["secret", "users.xml", "config.xml"] {
            let mode = fs::metadata(first.directory().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn special_characters_in_the_directory_name_are_escaped() {
        let config = config::Config::defaults().engine;
        let text = settings(Path::new("/a<b>&c"), &config);
        assert!(text.contains("/a&lt;b&gt;&amp;c/data/"), "{text}");
    }
}
