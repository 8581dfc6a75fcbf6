//! Small filesystems that a test may fill: real ones, because what a full disk does to a program is in the details.

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

/// What the filesystem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In memory.
    Tmpfs,
    /// In a file, by a loop device.
    Ext4,
}

/// A mounted filesystem; unmounted when dropped, also by a test that fails.
pub struct SmallDisk {
    /// Holds the mount point and the image.
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one of so many MiB. Whoever is not root gets `None` and is told: the test then has not been made. Root,
    /// as whom the tests run before a change is taken, must be able to.
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

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    /// Another program begins to take all room there is, and whatever becomes free.
    pub fn fill(&self) -> Filler {
        let (stop, path) = (Arc::new(AtomicBool::new(false)), self.path().join("foreign"));
        let (stopped, file) = (Arc::clone(&stop), path.clone());
        let thread = std::thread::spawn(move || take_all(&file, &stopped));
        Filler { stop, thread: Some(thread), path }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the service's files may be open for a moment yet. The loop device goes with the mount.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

/// A program that fills a disk. It lets go of everything when dropped.
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
        // Room that another takes at the same moment: then it is half of it, and so on.
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
