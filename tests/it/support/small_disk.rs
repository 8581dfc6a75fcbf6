//! Small filesystems that a test may fill: real ones, because the effects of a full disk are in the details.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::service::report;

/// Kind of filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In memory.
    Tmpfs,
    /// In a file, on a loop device.
    Ext4,
}

/// A mounted filesystem; unmounted when dropped, also if the test fails.
pub struct SmallDisk {
    /// Contains the mount point and the image.
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts a filesystem of `mib` MiB. Without root it returns `None` and prints a message: the test is skipped. For
    /// root, as in CI, mounting must succeed.
    pub fn mount(kind: Kind, mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(folder.path().join("mount")).expect("a mount point");
        let disk = Self { folder };
        match disk.try_mount(kind, mib) {
            Ok(()) => Some(disk),
            Err(error) if rustix::process::geteuid().is_root() => panic!("cannot mount a small {kind:?}: {error}"),
            Err(_) => {
                report(&format!("| disk full ({kind:?}) | NOT TESTED: only root may mount a small filesystem |"));
                None
            }
        }
    }

    fn try_mount(&self, kind: Kind, mib: u32) -> Result<(), String> {
        let point = self.path();
        let point = point.to_str().expect("a path");
        if kind == Kind::Tmpfs {
            return run("mount", &["-t", "tmpfs", "-o", &format!("size={mib}m,mode=700"), "tmpfs", point]);
        }
        let image = self.folder.path().join("image");
        File::create(&image).and_then(|file| file.set_len(u64::from(mib) << 20)).map_err(|error| error.to_string())?;
        let image = image.to_str().expect("a path");
        run("mkfs.ext4", &["-q", "-m", "0", image])?;
        run("mount", &["-o", "loop", image, point])
    }

    /// Its mount point.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    /// Starts a program that takes all free space, including space that is freed later.
    pub fn fill(&self) -> Filler {
        let (stop, path) = (Arc::new(AtomicBool::new(false)), self.path().join("foreign"));
        let (stopped, file) = (Arc::clone(&stop), path.clone());
        let thread = std::thread::spawn(move || take_all(&file, &stopped));
        Filler { stop, thread: Some(thread), path }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the service's files may still be open. The loop device is released with the mount.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

/// A program that fills a disk. It frees everything when dropped.
pub struct Filler {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
        let _ = fs::remove_file(&self.path);
    }
}

fn take_all(path: &Path, stop: &AtomicBool) {
    let Ok(file) = File::create(path) else { return };
    while !stop.load(Relaxed) {
        let length = file.metadata().map_or(0, |file| file.len());
        let free = statvfs(path).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
        // Space that another program takes concurrently: retry with half the size.
        let mut some = free;
        while some > 0 && fallocate(&file, FallocateFlags::empty(), length, some).is_err() {
            some /= 2;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}
