//! [`SocketFile`]: a Unix socket in the file system, from its making to its removal.
//!
//! It is made in a folder that nobody else can enter and then moved to its path: so nobody can connect before its
//! permissions are set, and a stale one is replaced in one step.

use std::{
    fs::{self, DirBuilder, File, Metadata, Permissions, TryLockError},
    io::{self, ErrorKind},
    os::fd::AsRawFd,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use crate::error::Error;

/// What a socket's path may be long, in bytes, on Linux; other systems have a few less, and say so themselves.
const LONGEST_PATH: usize = 107;

/// Another hub has the lock for a moment only.
const LOCK_PAUSE: Duration = Duration::from_millis(10);
const LOCK_TRIES: u32 = 200;

/// A socket's path, which is removed at the end if it is still this socket's.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and number.
    is: (u64, u64),
}

impl SocketFile {
    /// Listens at this path. A socket that nobody listens at is replaced.
    pub(super) fn bind(path: &Path) -> Result<(UnixListener, Self), Error> {
        let fault = |fault: &str| Error::new(format!("the socket {}: {fault}", path.display()));
        let io = |what: &str, error| Error::io(format!("the socket {}: {what}", path.display()), error);
        let length = path.as_os_str().len();
        if length > LONGEST_PATH {
            return Err(fault(&format!(
                "its path has {length} bytes, and {LONGEST_PATH} are possible: choose a shorter one"
            )));
        }
        let name = path.file_name().ok_or_else(|| fault("the path has no file name at its end"))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| io("its folder cannot be made", error))?;
        let folder = folder.canonicalize().map_err(|error| io("its folder cannot be found", error))?;
        let its = fs::metadata(&folder).map_err(|error| io("its folder cannot be looked at", error))?;
        if its.mode() & 0o022 != 0 {
            return Err(fault(&format!(
                "others can write to its folder {}, and could put a socket of their own there: `chmod go-w` it, or choose a \
                 folder of the hub's own",
                folder.display()
            )));
        }
        // Held until the socket is in its place, so that two hubs that begin at once do not replace each other's.
        let lock = File::open(&folder).map_err(|error| io("its folder cannot be opened", error))?;
        for last in (0..LOCK_TRIES).rev() {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if last > 0 => sleep(LOCK_PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(fault("another process keeps its folder locked"));
                }
                Err(TryLockError::Error(error)) => return Err(io("its folder cannot be locked", error)),
            }
        }
        let place = folder.join(name);
        let nursery =
            Nursery::make(&folder).map_err(|error| io("nothing can be made in its folder", error))?;
        if its.uid() != nursery.owner && its.uid() != 0 {
            return Err(fault(&format!(
                "its folder belongs to user {}: choose one of the hub's own",
                its.uid()
            )));
        }
        // By the path as it was given, which is short enough.
        check(path, nursery.owner).map_err(|error| fault(&error))?;
        let (listener, is) = nursery.bind(&place).map_err(|error| io("it cannot be made", error))?;
        Ok((listener, Self { path: place, is }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another hub may have taken over.
        if fs::symlink_metadata(&self.path).is_ok_and(|now| identity(&now) == self.is) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the path is free, or has a socket of this user's that nobody listens at. If not, why not.
fn check(path: &Path, user: u32) -> Result<(), String> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("it cannot be looked at: {error}")),
    };
    if !there.file_type().is_socket() {
        let what = if there.is_dir() { "a folder" } else { "a file" };
        return Err(format!("{what} is there, and no socket: choose another path"));
    }
    if there.uid() != user {
        return Err(format!("a socket of user {} is there: choose another path", there.uid()));
    }
    match UnixStream::connect(path) {
        Ok(stream) => Err(match listener_of(stream) {
            Some(pid) => format!("process {pid} listens there: end it first, or choose another path"),
            None => "another process listens there: end it first, or choose another path".to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(format!("whether somebody listens there cannot be told: {error}")),
    }
}

/// The process that listens at the other end.
fn listener_of(stream: UnixStream) -> Option<i32> {
    stream.set_nonblocking(true).ok()?;
    let stream = tokio::net::UnixStream::from_std(stream).ok()?;
    stream.peer_cred().ok()?.pid()
}

/// A new folder that nobody else can enter, for the socket until it is moved to its place. It is removed at the end.
struct Nursery {
    folder: PathBuf,
    /// Who made it: this user.
    owner: u32,
}

impl Nursery {
    fn make(within: &Path) -> io::Result<Self> {
        let folder = within.join(format!(".wechat-hub-{}", std::process::id()));
        // A hub of the same process id may have been killed in here.
        let _ = fs::remove_file(folder.join("s"));
        let _ = fs::remove_dir(&folder);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let owner = fs::symlink_metadata(&folder)?.uid();
        Ok(Self { folder, owner })
    }

    /// Listens at a socket which is at `place` then, and which only this user may use.
    fn bind(&self, place: &Path) -> io::Result<(UnixListener, (u64, u64))> {
        let socket = self.folder.join("s");
        // A short way to the folder, where the system has it: paths of sockets must not be long.
        let opened = File::open(&self.folder)?;
        let short = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()));
        let listener = UnixListener::bind(if short.exists() { short.join("s") } else { socket.clone() })?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
        let is = identity(&fs::symlink_metadata(&socket)?);
        fs::rename(&socket, place)?;
        Ok((listener, is))
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.folder.join("s"));
        let _ = fs::remove_dir(&self.folder);
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
