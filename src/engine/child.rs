//! The child process: this binary, started as the engine. The only `unsafe` of the project
//! is here, where the engine's library is loaded and called.
//!
//! The child's command line is `engine-child (library|program) FILE DIRECTORY PORT NICENESS`. It ends when
//! its standard input closes, which the kernel also does if the parent is killed.

use std::{
    ffi::{CString, OsString},
    io::Read as _,
    os::unix::{ffi::OsStringExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio, exit},
    time::Duration,
};

use rustix::process::{Pid, Signal};

/// First argument of the child.
pub const COMMAND: &str = "engine-child";
/// First argument of the process that becomes the official program.
const BECOME: &str = "engine-become";

/// Listens, then reads standard input until it closes: the query keeps the engine running.
const UNTIL_STDIN_CLOSES: &str = "SYSTEM START LISTEN HTTP; \
     INSERT INTO FUNCTION null('line String') SELECT * FROM file('/dev/stdin', 'LineAsString')";

/// How long the engine may take to end by itself after its parent.
const EXIT_LIMIT: Duration = Duration::from_secs(8);

/// Runs the engine, and never returns, if this process was started as its child. Call it first in `main`.
pub fn run_if_child() {
    let mut arguments = std::env::args_os().skip(1);
    let Some(command) = arguments.next() else { return };
    let rest: Vec<OsString> = arguments.collect();
    if command == COMMAND {
        exit(run(&rest));
    }
    if command == BECOME {
        exit(become_program(&rest));
    }
}

fn run(arguments: &[OsString]) -> i32 {
    let [kind, file, directory, port, niceness] = arguments else {
        return fail("this command is started by the service itself");
    };
    let (file, directory) = (PathBuf::from(file), PathBuf::from(directory));
    let Some(port) = port.to_str().and_then(|p| p.parse::<u16>().ok()) else {
        return fail("the port must be a number");
    };
    // If the kernel refuses, the engine runs at the priority of its parent.
    let _ = rustix::process::nice(niceness.to_str().and_then(|n| n.parse().ok()).unwrap_or(0));
    if kind == "library" {
        exit_after_parent();
        run_library(&file, &directory, port)
    } else {
        run_program(&file, &directory, port)
    }
}

fn fail(why: &str) -> i32 {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "ashna {COMMAND}: {why}");
    2
}

/// Starts a thread that ends the process after its parent, in case the engine hangs when its standard input closes.
fn exit_after_parent() {
    let parent = rustix::process::getppid();
    std::thread::spawn(move || {
        while rustix::process::getppid() == parent {
            std::thread::sleep(Duration::from_secs(1));
        }
        std::thread::sleep(EXIT_LIMIT);
        exit(3);
    });
}

fn engine_arguments(directory: &Path, port: u16) -> Vec<CString> {
    let shown = directory.display();
    [
        "clickhouse".to_owned(),
        format!("--path={shown}/data"),
        format!("--config-file={shown}/config.xml"),
        format!("--http_port={port}"),
        "--listen_host=127.0.0.1".to_owned(),
        "--log-level=warning".to_owned(),
        "--multiquery".to_owned(),
        format!("--query={UNTIL_STDIN_CLOSES}"),
    ]
    .into_iter()
    .filter_map(|argument| CString::new(OsString::from(argument).into_vec()).ok())
    .collect()
}

#[expect(unsafe_code, reason = "the engine is a C library; this is its only call")]
fn run_library(library: &Path, directory: &Path, port: u16) -> i32 {
    use std::ffi::{c_char, c_int, c_void};
    type Entry = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void;
    type ErrorOf = unsafe extern "C" fn(*mut c_void) -> *const c_char;

    let arguments = engine_arguments(directory, port);
    let mut pointers: Vec<*mut c_char> = arguments.iter().map(|a| a.as_ptr().cast_mut()).collect();
    let count = c_int::try_from(pointers.len()).unwrap_or(0);
    pointers.push(std::ptr::null_mut());

    // SAFETY: the library is the engine, its initializers are those of a C++ program, and
    // nothing else runs in this process.
    let engine = match unsafe { libloading::Library::new(library) } {
        Ok(engine) => engine,
        Err(error) => return fail(&format!("cannot load {}: {error}", library.display())),
    };
    // SAFETY: both symbols have these C signatures in the engine's header `chdb.h`.
    let symbols = unsafe { (engine.get::<Entry>("chdb_query_cmdline"), engine.get::<ErrorOf>("chdb_result_error")) };
    let (Ok(entry), Ok(error_of)) = symbols else {
        return fail(&format!("{} lacks the functions of a chDB library", library.display()));
    };
    // SAFETY: `pointers` has `count` NUL-terminated strings and a null, like the arguments of `main`, and
    // they outlive the call. The result is valid until the process ends.
    let message = unsafe {
        let result = entry(count, pointers.as_mut_ptr());
        let message = if result.is_null() { std::ptr::null() } else { error_of(result) };
        (!message.is_null()).then(|| std::ffi::CStr::from_ptr(message).to_string_lossy().into_owned())
    };
    // The library's destructors may wait for its threads: skip them, the process ends anyway.
    std::mem::forget(engine);
    message.map_or(0, |message| fail(&message))
}

/// Runs the official program and ends it when standard input closes; if this process is
/// killed, the kernel kills the program.
fn run_program(program: &Path, directory: &Path, port: u16) -> i32 {
    let Ok(own) = std::env::current_exe() else { return fail("cannot find the running program") };
    let started = Command::new(own)
        .arg(BECOME)
        .arg(std::process::id().to_string())
        .arg(program)
        .arg("server")
        .arg(format!("--config-file={}/config.xml", directory.display()))
        .arg("--")
        .arg(format!("--http_port={port}"))
        .arg("--listen_host=127.0.0.1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    let mut server = match started {
        Ok(server) => server,
        Err(error) => return fail(&format!("cannot start {}: {error}", program.display())),
    };
    let pid = Pid::from_child(&server);
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
        let _ = rustix::process::kill_process(pid, Signal::TERM);
        std::thread::sleep(EXIT_LIMIT);
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    });
    server.wait().ok().and_then(|status| status.code()).unwrap_or(1)
}

/// Asks the kernel to kill this process with its parent, then becomes the program.
fn become_program(arguments: &[OsString]) -> i32 {
    let [parent, program, rest @ ..] = arguments else {
        return fail("this command is started by the service itself");
    };
    if rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
        return fail("cannot make the engine end with the service");
    }
    let parent_now = rustix::process::getppid().map(|p| p.as_raw_nonzero().to_string());
    if parent_now.as_deref() != parent.to_str() {
        return 0; // The parent died before the call above.
    }
    let error = Command::new(program).args(rest).exec();
    fail(&format!("cannot run {}: {error}", Path::new(program).display()))
}
