//! Files that reports and cases are written to: opened before anything is read, written at the end.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::report::line;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Whoever the user's settings let.
    Usual,
    /// The user alone.
    Owner,
}

/// A file that can be written, and is as it was until it is. One that was made for it and is not written is
/// taken away again.
#[derive(Debug)]
pub(super) struct Sheet {
    path: PathBuf,
    /// None: standard output.
    file: Option<File>,
    made: bool,
}

impl Sheet {
    /// Opens a file for writing, or makes it; `-` stands for standard output.
    pub(super) fn open(path: &Path, secrecy: Secrecy) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self { path: path.to_owned(), file: None, made: false });
        }
        let made = !path.exists();
        let open = || -> io::Result<File> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false);
            private(&mut options, secrecy);
            let file = options.open(path)?;
            if secrecy == Secrecy::Owner {
                restrict(&file)?;
            }
            Ok(file)
        };
        let file = open().map_err(|error| unwritable(path, &error))?;
        Ok(Self { path: path.to_owned(), file: Some(file), made })
    }

    /// Whether it is standard output.
    pub(super) fn is_standard_output(&self) -> bool {
        self.file.is_none()
    }

    /// Writes the text in place of what was there.
    pub(super) fn write(mut self, text: &str) -> Result<(), Failure> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        // A pipe or a device has no length.
        let is_file = file.metadata().is_ok_and(|it| it.is_file());
        let emptied = if is_file { file.set_len(0) } else { Ok(()) };
        let written = emptied.and_then(|()| file.write_all(text.as_bytes())).and_then(|()| file.flush());
        self.made = false;
        written.map_err(|error| unwritable(&self.path, &error))
    }
}

impl Drop for Sheet {
    fn drop(&mut self) {
        if self.made {
            // It may be gone already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let path = line(&path.display().to_string());
    Failure::usage(format!("`{path}` cannot be written: {error}"), "check the folder and its permissions")
}

#[cfg(unix)]
fn private(options: &mut OpenOptions, secrecy: Secrecy) {
    use std::os::unix::fs::OpenOptionsExt as _;
    if secrecy == Secrecy::Owner {
        options.mode(0o600);
    }
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions, _: Secrecy) {}

/// The same for a file that was there before.
#[cfg(unix)]
fn restrict(file: &File) -> io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    if file.metadata()?.is_file() { file.set_permissions(Permissions::from_mode(0o600)) } else { Ok(()) }
}

#[cfg(not(unix))]
fn restrict(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::write(&old, "a report of yesterday").unwrap();
        drop(Sheet::open(&old, Secrecy::Usual).unwrap());
        drop(Sheet::open(&new, Secrecy::Usual).unwrap());
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "a report of yesterday");
        assert!(!new.exists());
        Sheet::open(&old, Secrecy::Usual).unwrap().write("short").unwrap();
        Sheet::open(&new, Secrecy::Usual).unwrap().write("new").unwrap();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "short");
        assert_eq!(std::fs::read_to_string(&new).unwrap(), "new");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_the_owners_alone_is_nobody_elses_even_where_it_was() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("case");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        for path in [path, folder.path().join("new")] {
            Sheet::open(&path, Secrecy::Owner).unwrap().write("secret").unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
