//! The pictures of all scenes.

use std::{
    fs, io,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use account::say;
use futures_util::{StreamExt, stream};

use crate::{
    Failure, code::Codes, error::CodeError, file, folder, options::Options, picture::Picture, scene::Scene,
};

/// So many failures in a row are no chance any more.
const IN_A_ROW: u32 = 5;

/// What makes every further question useless.
#[derive(Default)]
struct Stop {
    advice: OnceLock<&'static str>,
    /// Failures since the last picture that came.
    failures: AtomicU32,
}

impl Stop {
    fn failed(&self, error: &CodeError) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let in_a_row = (failures >= IN_A_ROW).then_some(
            "It went wrong five times in a row. Start the program again once that is mended, and it goes on.",
        );
        if let Some(advice) = error.stops_all().or(in_a_row) {
            // One advice is enough.
            let _ = self.advice.set(advice);
        }
    }
}

/// What became of a scene.
enum Outcome {
    Written {
        name: String,
        length: usize,
    },
    There,
    /// An error before made it useless.
    NotAskedFor,
    Failed(CodeError),
}

/// Writes the pictures that are not there, and says what became of each. Returns whether all of them are there.
pub async fn run(codes: &Codes, options: &Options) -> Result<bool, Failure> {
    let scenes = options.scenes()?;
    folder::claim(options, &codes.app_id)?;
    let stop = Stop::default();
    let mut outcomes = stream::iter(&scenes)
        .map(async |scene| (scene, picture(codes, options, scene, &stop).await))
        .buffered(options.at_once.into());
    let mut missing = 0;
    while let Some((scene, outcome)) = outcomes.next().await {
        match outcome {
            Outcome::Written { name, length } => say!("   {scene:<20} {name}, {length} bytes"),
            Outcome::There => say!("   {scene:<20} is there already"),
            Outcome::NotAskedFor => {
                say!("   {scene:<20} not asked for");
                missing += 1;
            }
            Outcome::Failed(error) => {
                say!("   {scene:<20} {error}");
                missing += 1;
            }
        }
    }
    if let Some(advice) = stop.advice.get() {
        say!("   {advice}");
    }
    say!("   {} of {} pictures are there.", scenes.len() - missing, scenes.len());
    Ok(missing == 0)
}

async fn picture(codes: &Codes, options: &Options, scene: &Scene, stop: &Stop) -> Outcome {
    let stem = scene.file_stem();
    match there(&options.into, &stem) {
        Ok(true) => return Outcome::There,
        Ok(false) => {}
        Err(error) => return Outcome::Failed(error),
    }
    if stop.advice.get().is_some() {
        return Outcome::NotAskedFor;
    }
    match ask_and_write(codes, options, scene, &stem).await {
        Ok(written) => {
            stop.failures.store(0, Ordering::Relaxed);
            written
        }
        Err(error) => {
            stop.failed(&error);
            Outcome::Failed(error)
        }
    }
}

/// Whether there is a whole picture. What else has its name is not written over.
fn there(folder: &Path, stem: &str) -> Result<bool, CodeError> {
    for ending in Picture::ENDINGS {
        let name = format!("{stem}.{ending}");
        let there = match fs::read(folder.join(&name)) {
            Ok(bytes) => Picture::new(bytes.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(CodeError::InTheWay(format!("{name}: {error}"))),
        };
        return match there {
            Some(_) => Ok(true),
            None => Err(CodeError::InTheWay(format!("{name} is there and is no picture: remove it"))),
        };
    }
    Ok(false)
}

async fn ask_and_write(
    codes: &Codes,
    options: &Options,
    scene: &Scene,
    stem: &str,
) -> Result<Outcome, CodeError> {
    let picture = codes.picture(&options.page, options.env_version, scene).await?;
    let (name, length) = (format!("{stem}.{}", picture.ending), picture.bytes.len());
    match write(&options.into, &name, picture).await {
        Ok(()) => Ok(Outcome::Written { name, length }),
        Err(error) => Err(CodeError::Unwritten(format!("{name}: {error}"))),
    }
}

/// On a thread where waiting for the disk holds up nobody.
async fn write(folder: &Path, name: &str, picture: Picture) -> io::Result<()> {
    let (folder, name) = (folder.to_owned(), name.to_owned());
    tokio::task::spawn_blocking(move || file::write(&folder, &name, &picture.bytes)).await?
}
